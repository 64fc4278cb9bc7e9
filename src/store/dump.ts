// What one store gives away and another takes in: a job with all that is its own, and the keys that jobs were started with.
import type { HistoryEntry, StoredJob, StoredOutboxMessage, StoredTask } from "./records.ts";

/** One job, whole; plain JSON. */
export interface JobDump {
  readonly job: StoredJob;
  /** Every entry, oldest first. */
  readonly history: readonly HistoryEntry[];
  /** The open tasks in the order in which they were added, each with its attempts, failures and lease. */
  readonly tasks: readonly StoredTask[];
  /** Ordered by id. A job that has ended takes no timers, so it gives none away. */
  readonly timers: readonly { readonly timerId: string; readonly due: number }[];
  /** What waits in the outbox, ordered by id. */
  readonly messages: readonly StoredOutboxMessage[];
  /** Until when the job is kept, where it has ended and is not kept for ever. */
  readonly keptUntil?: number;
}

export type ImportResult =
  | { readonly outcome: "imported" }
  /** There is a job of this id; nothing was written. */
  | { readonly outcome: "exists"; readonly revision: number };

export interface KeyPage {
  /** Keys in the form in which they are kept, each with the job that claimed it first. */
  readonly keys: readonly { readonly key: string; readonly jobId: string }[];
  readonly next?: string;
}
