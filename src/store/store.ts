// What the runtime asks of storage. Every store keeps these promises; test/store/conformance.ts is their proof.
import type { Failure } from "../actor/envelope.ts";
import type { Commit, CommitResult } from "./commit.ts";
import type {
  HistoryEntry,
  JobStatus,
  JobSummary,
  StoredJob,
  StoredOutboxMessage,
  StoredTask,
} from "./records.ts";

export interface JobQuery {
  readonly blueprint?: string;
  readonly status?: JobStatus;
  /** Most rows to return. */
  readonly limit: number;
  /** The `next` of the page before. */
  readonly cursor?: string;
}
export interface JobPage {
  /** Newest first. */
  readonly jobs: readonly JobSummary[];
  readonly next?: string;
}

export interface Claim {
  /** Queues to look into and the most tasks to take from each. Among them, higher priority first, then first in first out. */
  readonly queues: readonly { readonly queue: string; readonly limit: number }[];
  /** The most tasks to take in all. */
  readonly limit: number;
  readonly holder: string;
  readonly workerId: string;
  readonly leaseMs: number;
}
export interface ClaimResult {
  readonly tasks: readonly StoredTask[];
  /** The asked queues that hold nothing more after this claim. */
  readonly drained: readonly string[];
}

export interface Attempt {
  readonly taskId: string;
  readonly attempt: number;
}
export interface Extension extends Attempt {
  readonly holder: string;
  readonly workerId: string;
  readonly leaseMs: number;
  /** The latest progress, kept with the task. */
  readonly progress?: unknown;
}
/** `kept`: the lease is extended, or taken up again where it had run out but nobody else got the task. */
export type ExtensionResult = "kept" | "fenced" | "unknown";

/** How an attempt ends that did not finish its task. */
export interface Requeue extends Attempt {
  /** 0: queued at once. Either way the task keeps the place among its priority that it had when it was added. */
  readonly delayMs: number;
  /** A settled attempt is fenced from now on; one that was merely lost may still be taken up again by its worker. */
  readonly settle: boolean;
  /** Whether the attempt adds to the task's `failures`; a released one does not. */
  readonly counts: boolean;
  readonly error?: Failure;
}

/** What has come due by store time. Nothing is taken away by asking: each goes when its turn commits or its call says so. */
export interface Due {
  readonly now: number;
  readonly timers: readonly {
    readonly timerId: string;
    readonly jobId: string;
    readonly due: number;
  }[];
  /** Leased tasks whose lease has ended. */
  readonly expired: readonly StoredTask[];
  /** Queued tasks that have waited longer than their `queueTimeoutMs`. */
  readonly overdue: readonly StoredTask[];
  /** Queues in which delayed tasks have just become ready. */
  readonly ready: readonly string[];
  readonly messages: readonly StoredOutboxMessage[];
  /** When the next thing comes due, if anything will. In the past where `limit` cut the answer short. */
  readonly next?: number;
}

export interface Store {
  /** A name for this life of the store, never used before; a store that may have been rewound has a new one. */
  readonly epoch: string;
  /** Store time in milliseconds since 1970; never goes back, whatever the clock of the node does. */
  now(): number;

  /** Apply one turn. Resolves when it is durable, never before. */
  commit(commit: Commit): Promise<CommitResult>;
  /** The first caller's `jobId` for this key: `jobId` itself for the first, the earlier one for all others. */
  claimKey(key: string, jobId: string): Promise<string>;

  loadJob(jobId: string): Promise<StoredJob | undefined>;
  /** Entries with a revision above `after`, oldest first. */
  history(jobId: string, after: number, limit: number): Promise<readonly HistoryEntry[]>;
  listJobs(query: JobQuery): Promise<JobPage>;
  /** How many jobs have each status; a status with none is absent. */
  countJobs(): Promise<Readonly<Partial<Record<JobStatus, number>>>>;

  loadTask(taskId: string): Promise<StoredTask | undefined>;
  /** The open tasks of one job. */
  listTasks(jobId: string): Promise<readonly StoredTask[]>;
  /** Lease queued tasks: each gets its next attempt number. Resolves when durable. */
  claimTasks(claim: Claim): Promise<ClaimResult>;
  /** Extend many leases in one call. */
  extendLeases(extensions: readonly Extension[]): Promise<readonly ExtensionResult[]>;
  /** Put a task back whose attempt ended without a result that counts. */
  requeueTask(requeue: Requeue): Promise<"requeued" | "fenced">;
  /** How many tasks wait in each queue, queued or delayed. */
  countQueues(): Promise<Readonly<Record<string, number>>>;

  due(limit: number): Promise<Due>;
  /** Forget timers of jobs that are no longer there to take them. */
  clearTimers(
    timers: readonly { readonly jobId: string; readonly timerId: string }[],
  ): Promise<void>;
  removeMessages(ids: readonly string[]): Promise<void>;
  /** Try a message again at `due` (store time). */
  delayMessage(id: string, due: number): Promise<void>;

  close(): Promise<void>;
}
