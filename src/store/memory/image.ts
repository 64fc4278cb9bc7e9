// Everything that a memory store holds, as plain data: a copy of it is a backup.
import type { HistoryEntry, StoredJob, StoredOutboxMessage } from "../records.ts";
import type { Due } from "../store.ts";
import type { TaskRow } from "./task-row.ts";

export interface Image {
  /** The latest store time that was given out, in milliseconds since 1970. */
  now: number;
  /** How many tasks were ever added. */
  sequence: number;
  readonly jobs: Map<string, StoredJob>;
  readonly history: Map<string, readonly HistoryEntry[]>;
  readonly tasks: Map<string, TaskRow>;
  /** By `timerKey`. */
  readonly timers: Map<string, Due["timers"][number]>;
  readonly messages: Map<string, StoredOutboxMessage>;
  /** Who claimed a key first, and until when it is kept at least, by key. */
  readonly keys: Map<string, { readonly jobId: string; readonly until: number }>;
  /** Until when ended jobs are kept, by job. */
  readonly kept: Map<string, number>;
  /** Types whose tasks may not begin. */
  readonly paused: Set<string>;
  /** What is kept of versions of blueprints. */
  readonly shapes: Map<string, string>;
}

export function emptyImage(): Image {
  return {
    now: 0,
    sequence: 0,
    jobs: new Map(),
    history: new Map(),
    tasks: new Map(),
    timers: new Map(),
    messages: new Map(),
    keys: new Map(),
    kept: new Map(),
    paused: new Set(),
    shapes: new Map(),
  };
}

/** A timer's id is unique within its job only. */
export function timerKey(jobId: string, timerId: string): string {
  return JSON.stringify([jobId, timerId]);
}
