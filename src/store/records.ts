// The rows that a store keeps, as the runtime sees them.
import type { Message } from "../actor/effect.ts";
import type { Failure } from "../actor/envelope.ts";

/** The closed list of what a job's `status` may be; `docs/protocol.md` says what each means. */
export const jobStatuses = [
  "running",
  "waiting_for_worker",
  "waiting_for_parallel_tasks",
  "waiting_for_human",
  "waiting_for_event",
  "waiting_for_timer",
  "waiting_for_sub_job",
  "awaiting_retry",
  "finished",
  "failed",
  "quarantined",
  "cancelled",
] as const;
export type JobStatus = (typeof jobStatuses)[number];

/** Whether a job of this status will never move again. */
export function isFinished(status: JobStatus): boolean {
  switch (status) {
    case "finished":
    case "failed":
    case "quarantined":
    case "cancelled":
      return true;
    case "running":
    case "waiting_for_worker":
    case "waiting_for_parallel_tasks":
    case "waiting_for_human":
    case "waiting_for_event":
    case "waiting_for_timer":
    case "waiting_for_sub_job":
    case "awaiting_retry":
      return false;
  }
}

/** What lists of jobs show, and what the indexes are built from. */
export interface JobSummary {
  readonly jobId: string;
  readonly blueprint: string;
  readonly version: string;
  readonly status: JobStatus;
  /** The dotted path of the active leaf states, joined by `,` where regions are parallel. */
  readonly currentState: string;
  /** Store time of the first and of the latest revision. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface StoredJob {
  readonly summary: JobSummary;
  readonly revision: number;
  /** The encoded envelope. The store never looks inside. */
  readonly envelope: string;
}

/** One step as it happened: replaying a job's entries gives its states again. */
export interface HistoryEntry {
  readonly revision: number;
  /** Store time and epoch that the step was given. */
  readonly now: number;
  readonly epoch: string;
  /** Over how many shards the children of the step were spread; 1 where absent. */
  readonly shards?: number;
  readonly message: Message;
  /** Where the step led, for readers that do not replay. */
  readonly currentState: string;
  readonly status: JobStatus;
}

export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly maxAttempts: number;
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** A task as a commit asks for it. */
export interface NewTask {
  /** The generation of the invocation; it begins with `<jobId>:`, so a job's tasks are neighbours. */
  readonly taskId: string;
  readonly jobId: string;
  readonly child: string;
  readonly type: string;
  /** Tasks of one queue are interchangeable for a worker: of one type, asking for the same. `local:…` for promises. */
  readonly queue: string;
  readonly params: unknown;
  /** 0 (last) to 9 (first). */
  readonly priority: number;
  readonly retry: RetryPolicy;
  /** How long one attempt may run, in milliseconds. */
  readonly runTimeoutMs?: number;
  /** How long the task may wait for a worker before it fails, in milliseconds. */
  readonly queueTimeoutMs?: number;
  /** How long the task may take in all, from when it was added, in milliseconds. */
  readonly totalTimeoutMs?: number;
  /** Which workers may do it, which of them is to, and when. */
  readonly placement?: {
    readonly strategy?: string;
    readonly requirements?: Readonly<Record<string, unknown>>;
    readonly maxCost?: number;
    readonly slots?: number;
    readonly limit?: {
      readonly key: string;
      /** The most tasks with the key that are leased at once. */
      readonly concurrency?: number;
      readonly rate?: { readonly count: number; readonly perMs: number };
    };
  };
  /** The job's machine takes progress as events. */
  readonly wantsProgress?: true;
}

export interface Lease {
  /** The session that holds the attempt. */
  readonly holder: string;
  readonly workerId: string;
  /** The node that had the session when the lease was given or extended last. */
  readonly node: string;
  readonly startedAt: number;
  /** Store time when the lease ends unless it is extended. */
  readonly until: number;
}

export interface StoredTask extends NewTask {
  readonly state: "queued" | "leased" | "delayed";
  /** The latest attempt that was leased; 0 before the first. */
  readonly attempt: number;
  /** The latest attempt that was answered or taken away: results of it and of earlier ones are fenced. */
  readonly settled: number;
  /** How many attempts count against `retry.maxAttempts`. */
  readonly failures: number;
  /** How many attempts were lost with their workers. */
  readonly losses: number;
  readonly createdAt: number;
  /** When the present state began. */
  readonly since: number;
  /** Store time when a delayed task becomes queued again. */
  readonly availableAt?: number;
  readonly lease?: Lease;
  /** Whose lease of the latest attempt has ended; nobody else may take that up, or settle it, while no other one is leased. */
  readonly lastHolder?: string;
  readonly lastError?: Failure;
  /** The latest progress that a heartbeat carried. */
  readonly progress?: unknown;
  /** Where the work had got to when its worker said so last. It outlives the attempt: the next one goes on from it. */
  readonly checkpoint?: unknown;
}

/** Whose the latest attempt of a task is or was; undefined where nobody may say anything of it, or nobody knows who may. */
export function holderOf({ lease, lastHolder }: StoredTask): string | undefined {
  return lease?.holder ?? lastHolder;
}

/** Store time when a queued task has waited for longer than it may, where there is such a time. */
export function overdueAt(task: StoredTask): number | undefined {
  const { queueTimeoutMs = Infinity, totalTimeoutMs = Infinity, since, createdAt } = task;
  const at = Math.min(since + queueTimeoutMs, createdAt + totalTimeoutMs);
  return at === Infinity ? undefined : at;
}

/** Something to be done once the job's commit is durable, at least once: a named action, a message to another job. */
export interface OutboxMessage {
  /** It begins with `<jobId>:`. */
  readonly id: string;
  readonly jobId: string;
  readonly body: unknown;
}
export interface StoredOutboxMessage extends OutboxMessage {
  readonly tries: number;
  /** Store time of the next try by whoever sweeps, should the node that committed it be gone. */
  readonly due: number;
}
