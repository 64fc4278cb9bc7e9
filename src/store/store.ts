// What the runtime asks of storage. Every store keeps these promises; test/store/conformance.ts is their proof.
import type { Failure } from "../actor/envelope.ts";
import type { Commit, CommitResult } from "./commit.ts";
import type { ImportResult, JobDump, KeyPage } from "./dump.ts";
import type { Nodes } from "./nodes.ts";
import type {
  HistoryEntry,
  JobStatus,
  JobSummary,
  StoredJob,
  StoredOutboxMessage,
  StoredTask,
} from "./records.ts";
import type { Shapes } from "./shapes.ts";

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

export interface AskedQueue {
  readonly queue: string;
  /** The most tasks to take of it. */
  readonly limit: number;
  /** How much of the claim's limit each of its tasks takes; 1 where absent. */
  readonly slots?: number;
  /** Lanes are served in turn, the lower numbers first; within one, who was added first. 0 where absent. */
  readonly lane?: number;
}

export interface Claim {
  /** The shard to look into. */
  readonly shard: number;
  /**
   * Queues to look into: among them higher priority first, then lane by lane, then first in first out. Of tasks whose
   * `placement.limit` names a concurrency, no more are leased in the shard at once than that of the same key; a queue
   * whose next task has to wait for that gives nothing.
   */
  readonly queues: readonly AskedQueue[];
  /** The most slots to fill in all. */
  readonly limit: number;
  /** A task counts as one priority higher for each so many milliseconds since it was added; never where absent. */
  readonly ageMs?: number;
  readonly holder: string;
  readonly workerId: string;
  readonly leaseMs: number;
}
export interface ClaimResult {
  readonly tasks: readonly StoredTask[];
  /** The asked queues that hold nothing more after this claim. */
  readonly drained: readonly string[];
  /** Which other nodes follow the jobs of the tasks, where any do. */
  readonly followers?: Readonly<Record<string, readonly string[]>>;
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
  /** The latest checkpoint, kept with the task until a later one takes its place, over all its attempts. */
  readonly checkpoint?: unknown;
}
/** `kept`: the lease is extended, or taken up again by its last holder where it had run out but nobody else got the task. */
export type ExtensionResult = "kept" | "fenced" | "unknown";

/** How an attempt ends that did not finish its task. */
export interface Requeue extends Attempt {
  /** 0: queued at once. Either way the task keeps the place among its priority that it had when it was added. */
  readonly delayMs: number;
  /** A settled attempt is fenced from now on; one that was merely lost may still be taken up again by its worker. */
  readonly settle: boolean;
  /** Whether the attempt adds to the task's `failures`, or to its `losses` where it is `lapsed`; a released one does not. */
  readonly counts: boolean;
  /** Lost with its worker: only where the lease has ended by store time; `fenced` where it has been renewed meanwhile. */
  readonly lapsed?: true;
  readonly error?: Failure;
}

/** The first of a queue's tasks. */
export interface FirstQueued {
  /** When it was added, in store time. */
  readonly since: number;
  readonly shard: number;
}

/** A key of limits in a shard. */
export interface ShardKey {
  readonly shard: number;
  readonly key: string;
}

/** What has come due in a shard by store time. Nothing is taken away by asking: each goes when its turn commits or its call says so. */
export interface Due {
  readonly now: number;
  readonly timers: readonly {
    readonly timerId: string;
    readonly jobId: string;
    readonly due: number;
  }[];
  /** Leased tasks whose lease has ended. */
  readonly expired: readonly StoredTask[];
  /** Queued tasks that have waited longer than their `queueTimeoutMs`, or are older than their `totalTimeoutMs`. */
  readonly overdue: readonly StoredTask[];
  /** Queues in which tasks can be claimed, delayed ones that have just become ready included; ordered by name. */
  readonly queues: readonly string[];
  readonly messages: readonly StoredOutboxMessage[];
  /** Jobs that have been kept for as long as they were to be. */
  readonly outlived: readonly string[];
  /** When the next thing comes due, if anything will. In the past where `limit` cut the answer short. */
  readonly next?: number;
}

/**
 * What one node may do with the storage that all nodes share.
 *
 * Jobs lie in shards, which their ids tell (`shardOf`); everything that belongs to a job lies in its shard. A call that
 * names no shard takes it from the ids it is given.
 */
export interface Store {
  /** The other nodes of this storage. */
  readonly nodes: Nodes;
  /** What is kept of versions of blueprints. */
  readonly shapes: Shapes;
  /** New jobs are spread over the shards from 0 up to this number, which may grow. */
  readonly shards: number;
  /** A name for this life of a shard, never used before; a shard that may have been rewound has a new one. */
  epoch(shard?: number): string;
  /** Store time of a shard in milliseconds since 1970; never goes back, whatever the clock of the node does. */
  now(shard?: number): number;

  /** Apply one turn. Resolves when it is durable, never before. */
  commit(commit: Commit): Promise<CommitResult>;
  /**
   * The first caller's `jobId` for this key: `jobId` itself for the first, the earlier one for all others. It is kept
   * as `keptKey` says, for as long as its job is there, and for `forMs` at least; then the next caller is the first.
   */
  claimKey(key: string, jobId: string, forMs: number): Promise<string>;

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
  /** Of each queue: the first of the tasks that can be claimed from it. */
  queuedSince(): Promise<Readonly<Record<string, FirstQueued>>>;
  /** How many tasks with each of these keys are leased: as many as the concurrency of a key in a shard counts. */
  countLeased(keys: readonly ShardKey[]): Promise<readonly number[]>;
  /** Whether tasks of a type may begin: noted for all nodes, which have to heed it. */
  setPaused(type: string, isPaused: boolean): Promise<void>;
  /** The types whose tasks may not begin, ordered by name. */
  pausedTypes(): Promise<readonly string[]>;

  /** What is due in a shard, `limit` things at most. */
  due(limit: number, shard?: number): Promise<Due>;
  /**
   * Forget a timer that nothing waits for any more.
   *
   * @param epoch of the shard when that was seen. In another one nothing happens: there the job may be where it was before,
   *   and wait for it.
   */
  clearTimer(jobId: string, timerId: string, epoch: string): Promise<void>;
  removeMessages(ids: readonly string[]): Promise<void>;
  /**
   * Take a message that was found due, before doing what it asks for: of several nodes that found it, one gets it.
   *
   * @param due as it was found
   * @param until store time when it is due again, should the taker not be heard of
   */
  claimMessage(id: string, due: number, until: number): Promise<boolean>;
  /** Try a message again at `due` (store time). */
  delayMessage(id: string, due: number): Promise<void>;

  /**
   * Take jobs that were found outlived, before doing what is to be done with them: of several nodes that found one, one
   * gets it.
   *
   * @param forMs how long they are kept from now on, should the taker not be heard of
   * @returns those that were outlived and are the caller's now, in the order in which they were given
   */
  claimOutlived(jobIds: readonly string[], forMs: number): Promise<readonly string[]>;
  /**
   * Forget a job that has ended, with its history. Nothing happens where it is gone or goes on, or is at another revision
   * than the one given.
   */
  removeJob(jobId: string, revision?: number): Promise<void>;

  /**
   * A job with all that is its own, as it was at one moment. Nothing is taken away, and nobody is told.
   *
   * @returns undefined where there is no such job
   */
  exportJob(jobId: string): Promise<JobDump | undefined>;
  /**
   * Take in a job of another store: under its id and revision, listed and counted, its tasks with their attempts, failures
   * and leases as they are, behind all that wait in their queues, its timers and messages due when they were. All of
   * it becomes durable or nothing does; an export of the job then gives what came in. Nobody is told. `shards` grows to
   * cover the shard of the job, where the store decides about it.
   *
   * @throws RuntimeError `config.invalid` for a job of a shard that a store does not have which is told how many it has
   */
  importJob(dump: JobDump): Promise<ImportResult>;
  /**
   * The keys that are kept, `limit` at most. Going on by `next` until there is none gives every key that was
   * claimed before the first call, perhaps more than once. Claiming them for their jobs takes them in elsewhere.
   *
   * @param cursor the `next` of the page before
   */
  listKeys(limit: number, cursor?: string): Promise<KeyPage>;

  close(): Promise<void>;
}
