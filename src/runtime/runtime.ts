// What the edges may ask of the runtime: clients through `JobService`, workers through `WorkerService`.
import type { JobMoment, SentEvent } from "../actor/effect.ts";
import type { ErrorCode } from "../errors.ts";
import type { ArchivePage } from "../archive/archive.ts";
import type { Failure } from "../actor/envelope.ts";
import type { BranchResult } from "../blueprint/flow-actions.ts";
import { isFinished, type HistoryEntry, type JobStatus } from "../store/records.ts";
import type { Attempt, JobPage, JobQuery } from "../store/store.ts";
import type { CheckpointStatus } from "./checkpoints.ts";
import type { Ending } from "./ending.ts";
import type { WhyWaiting } from "./dispatch/why-waits.ts";
import type { QuarantineService } from "./quarantine.ts";
import type { QueueService, QueueView } from "./queue-service.ts";
import type { WorkerSession } from "./worker-pool.ts";
import type { WorkerUsage, WorkerView } from "./worker-view.ts";

export type {
  JobMomentView,
  JobStepView,
  PastService,
  RestartJob,
  StartedWork,
} from "./past-service.ts";
export type { Ending } from "./ending.ts";
export type { RuntimeLimits } from "./limits.ts";
export type { MigratedJob, StandingJob, VersionService } from "./version-service.ts";
// What the edges are answered with, so that they need not know the store.
export {
  isFinished,
  type ArchivePage,
  type CheckpointStatus,
  type HistoryEntry,
  type JobPage,
  type JobQuery,
  type JobStatus,
  type QuarantineService,
  type QueueService,
  type QueueView,
  type WhyWaiting,
};

/** One reason why a job is not finished yet (design, law 7). */
export type Wait =
  | {
      readonly kind: "task";
      readonly taskId: string;
      readonly taskType: string;
      readonly state: "queued" | "leased" | "delayed";
      readonly attempt: number;
      readonly workerId?: string;
      readonly since: number;
      /** When the lease ends or the delay is over. */
      readonly until?: number;
      /** Why it has not begun, where it has been queued. */
      readonly why?: WhyWaiting;
      readonly progress?: TaskProgress;
      readonly lastError?: Failure;
    }
  | {
      readonly kind: "child";
      /** The machine's name for it. */
      readonly child: string;
      readonly jobId: string;
      /** What is known of the job; absent before it has been started. */
      readonly blueprint?: string;
      readonly status?: JobStatus;
      readonly currentState?: string;
      readonly since?: number;
    }
  | {
      /** A person has to decide. */
      readonly kind: "approval";
      readonly decisions: readonly string[];
      readonly message?: string;
      readonly integration?: string;
    }
  | {
      /** No node serves what the job runs: its version is not there, or has another shape than the job was started in. */
      readonly kind: "version";
      readonly blueprint: string;
      readonly version: string;
      readonly reason: "missing" | "changed";
      /** What of the job has no place in the changed version, in sentences. */
      readonly problems: readonly string[];
    }
  | { readonly kind: "timer"; readonly event: string; readonly due: number }
  | { readonly kind: "event"; readonly events: readonly string[] };

/** The latest word of a worker about a running attempt. */
export interface TaskProgress {
  /** 0 to 1. */
  readonly ratio?: number;
  readonly message?: string;
  readonly data?: unknown;
}

/** A line of an attempt's log. Lines are not kept. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  /** When it was logged, in milliseconds since 1970, by the worker's clock where it said so. */
  readonly at: number;
  /** How many lines of the attempt were dropped before this one. */
  readonly dropped: number;
}

/** A piece of a stream of an attempt. */
export interface StreamChunk {
  readonly stream: string;
  /** Where it begins in the stream, in bytes. */
  readonly offset: number;
  readonly bytes: number;
  readonly data: string;
  readonly encoding: "text" | "base64";
  /** The stream ends with it. */
  readonly end: boolean;
}

/** A job as clients may see it: no token, no envelope internals. */
export interface JobView {
  readonly jobId: string;
  readonly blueprint: string;
  readonly version: string;
  readonly style: "native" | "flow";
  readonly revision: number;
  readonly status: JobStatus;
  readonly currentState: string;
  readonly stateValue: unknown;
  /** Handler style: what the job was started with. Native: undefined. */
  readonly initialData?: unknown;
  /** Handler style: the merged outputs. Native: the machine's context. */
  readonly data: unknown;
  readonly output?: unknown;
  readonly error?: Failure;
  readonly waits: readonly Wait[];
  /** Ids of the active state nodes, for charts. */
  readonly activeStates: readonly string[];
  /** The job that started it. */
  readonly parentJobId?: string;
  /** The job that it is a second try of, and after which of its revisions it began. */
  readonly restartedFrom?: JobMoment;
  /** The latest jobs that began where it was, oldest first. */
  readonly restartedAs?: readonly string[];
  /** Handler style: where the results of tasks that run at once will go, and those that have come. */
  readonly aggregation?: {
    readonly into: string;
    readonly openTaskIds: readonly string[];
    readonly results: readonly BranchResult[];
  };
  /** Types of the events that came too early and are kept, oldest first. */
  readonly deferredEvents?: readonly string[];
  /** The store has once gone back in time under the job, which had been at this revision before. */
  readonly lostRevision?: number;
  /** Worker of the task that finished last or runs now, if known. */
  readonly workerId?: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When the job left the live store for the archive, where it has. */
  readonly archivedAt?: number;
}

/** What a stream of a job tells. `id` resumes the stream: only `state` and `finished` events have one (the revision). */
export type JobEvent =
  | {
      readonly type: "state";
      readonly id: number;
      readonly jobId: string;
      readonly currentState: string;
      readonly status: JobStatus;
      readonly at: number;
    }
  | {
      readonly type: "progress";
      readonly jobId: string;
      readonly taskId: string;
      readonly child: string;
      readonly taskType: string;
      readonly attempt: number;
      readonly progress: TaskProgress;
    }
  | {
      readonly type: "log";
      readonly jobId: string;
      readonly taskId: string;
      readonly child: string;
      readonly taskType: string;
      readonly attempt: number;
      readonly line: LogLine;
    }
  | {
      readonly type: "chunk";
      readonly jobId: string;
      readonly taskId: string;
      readonly child: string;
      readonly taskType: string;
      readonly attempt: number;
      readonly chunk: StreamChunk;
    }
  | { readonly type: "emitted"; readonly jobId: string; readonly event: SentEvent }
  | {
      readonly type: "finished";
      readonly id: number;
      readonly jobId: string;
      readonly job: JobView;
    };

export interface StartJob {
  readonly blueprint: string;
  /** The newest registered version where absent. */
  readonly version?: string;
  readonly input: unknown;
  /** Starts with the same key give the same job. At most 256 characters. */
  readonly idempotencyKey?: string;
  /** Jobs with the same key, of whatever blueprint, are kept together in one shard. At most 256 characters. */
  readonly partitionKey?: string;
  /** The caller waits for the job or watches it right after. */
  readonly follow?: boolean;
}

/** What is known of a job right after its start, without looking at anything else. */
export type StartedJob = Pick<JobView, "jobId" | "revision" | "status" | "currentState">;

export interface JobService {
  /**
   * Start a job. Resolves when its first turn is durable.
   *
   * @throws RuntimeError `blueprint.not_found`, `blueprint.input_invalid`
   */
  start(request: StartJob): Promise<StartedJob>;
  /** A job, live or archived; undefined where there is no such job. */
  get(jobId: string): Promise<JobView | undefined>;
  list(query: JobQuery): Promise<JobPage>;
  /**
   * Jobs that have been archived.
   *
   * @throws RuntimeError `request.invalid` where there is no archive, `archive.unavailable`
   */
  listArchived(query: JobQuery): Promise<ArchivePage>;
  count(): Promise<Readonly<Partial<Record<JobStatus, number>>>>;
  /** @throws RuntimeError `job.not_found` */
  history(jobId: string, after: number, limit: number): Promise<readonly HistoryEntry[]>;
  /**
   * Send an event. `ignored` says that the job, as it is now, has no transition for it.
   *
   * @throws RuntimeError `job.not_found`, `job.finished`, `job.archived`, `event.reserved`, `event.invalid`
   */
  send(
    jobId: string,
    event: SentEvent,
  ): Promise<{ readonly outcome: "accepted" | "ignored"; readonly revision: number }>;
  /**
   * Tell a job of a flow what a person has decided.
   *
   * @throws RuntimeError `job.not_found`, `approval.not_awaited`, `approval.invalid_decision`
   */
  approve(jobId: string, decision: string): Promise<void>;
  /**
   * Cancel a job: its tasks are taken away and their workers told.
   *
   * @throws RuntimeError `job.not_found`, `job.finished`, `job.archived`
   */
  cancel(jobId: string, reason: string): Promise<JobView>;
  /**
   * Wait for the end of a job, `timeoutMs` at most.
   *
   * @returns the job as it is then, finished or not.
   * @throws RuntimeError `job.not_found`
   */
  wait(jobId: string, timeoutMs: number, ending?: Ending): Promise<JobView>;
  /**
   * Follow a job from after the given revision: first what was missed, then what happens, ending
   * after `finished`. A reader that is too slow gets the latest state instead of every one.
   *
   * @throws RuntimeError `job.not_found`
   */
  watch(jobId: string, after: number, ending: Ending): AsyncIterable<JobEvent>;
}

/** How an attempt ended, in the worker's words. */
export type AttemptOutcome =
  | { readonly outcome: "ok"; readonly output: unknown; readonly status: string }
  | { readonly outcome: "error"; readonly error: Failure; readonly retryAfterMs?: number }
  | { readonly outcome: "cancelled" };

export type ResultStatus =
  | { readonly status: "applied"; readonly code?: string }
  | { readonly status: "fenced" }
  | { readonly status: "unknown" };

/** An event that a worker sends to the job whose task it does. */
export interface TaskEvent {
  /** Counts the attempt's events: one that was taken before is not taken again. */
  readonly number: number;
  readonly event: SentEvent;
}

/** What became of a worker's event. */
export type TaskEventStatus =
  | { readonly status: "accepted" | "ignored" | "fenced" | "unknown" }
  | { readonly status: "refused"; readonly code: ErrorCode };

/** What a worker says of itself that may change while it is connected. */
export interface WorkerDescription {
  readonly workerType: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Readonly<Record<string, unknown>>;
  readonly costPerSecond?: number;
  readonly installedModels?: readonly unknown[];
  /** What it has loaded and would do at once. */
  readonly hotCache?: readonly string[];
}

export interface WorkerIntroduction extends WorkerDescription {
  readonly credits: number;
  readonly draining: boolean;
  /** Attempts that the worker says it runs. */
  readonly running: readonly Attempt[];
  /** Attempts whose results wait in its outbox. */
  readonly outbox: readonly Attempt[];
}

/** An attempt that is not the worker's any more. */
export interface LostAttempt extends Attempt {
  readonly reason: "fenced" | "unknown";
}

export interface Welcome {
  readonly keep: readonly Attempt[];
  readonly drop: readonly LostAttempt[];
  readonly want: readonly Attempt[];
}

export interface WorkerService {
  /** Take in a session; one with the same `holder` is replaced and its attempts go on here. */
  connect(session: WorkerSession, introduction: WorkerIntroduction): Promise<Welcome>;
  /** The connection is gone. Its attempts stay leased until their leases end. */
  disconnect(session: WorkerSession): void;
  /** The worker took the attempt. @returns whether it is the session's */
  accept(session: WorkerSession, attempt: Attempt): boolean;
  /** The worker will not run the attempt, or gives it back: queued again, no retry used. @returns whether it was the session's */
  release(
    session: WorkerSession,
    attempt: Attempt,
    delayMs: number,
    handOver?: { readonly checkpoint: unknown },
  ): Promise<boolean>;
  /** Extend the leases of what runs. Resolves when that is durable, with the attempts that are lost. */
  heartbeat(session: WorkerSession, running: readonly Attempt[]): Promise<readonly LostAttempt[]>;
  noteUsage(session: WorkerSession, usage: WorkerUsage): void;
  /** The attempt of this session has ended elsewhere. */
  forget(session: WorkerSession, attempt: Attempt): void;
  /** Forget those of the attempts that are not leased to this session any more. No lease is extended. Resolves with them. */
  recheck(session: WorkerSession, attempts: readonly Attempt[]): Promise<readonly Attempt[]>;
  /** Tell everyone who watches. @returns false where the attempt is not the session's: it was dropped */
  progress(session: WorkerSession, attempt: Attempt, progress: TaskProgress): boolean;
  /** Keep where an attempt has got to, for the next one. Resolves when it is durable, or a later one is to be. */
  checkpoint(session: WorkerSession, attempt: Attempt, data: unknown): Promise<CheckpointStatus>;
  /** Give the job an event of its worker, once. Resolves when what follows from it is durable. */
  event(session: WorkerSession, attempt: Attempt, event: TaskEvent): Promise<TaskEventStatus>;
  /** Tell everyone who watches. @returns false where the attempt is not the session's: it was dropped */
  logLine(session: WorkerSession, attempt: Attempt, line: LogLine): boolean;
  /** Tell everyone who watches, and keep the stream's tail. @returns false where the attempt is not the session's: it was dropped */
  chunk(session: WorkerSession, attempt: Attempt, chunk: StreamChunk): boolean;
  /** Take a result. Resolves when what follows from it is durable. */
  result(session: WorkerSession, attempt: Attempt, outcome: AttemptOutcome): Promise<ResultStatus>;
  /** The most tasks at once from now on; 0 pauses. */
  setCredits(session: WorkerSession, credits: number): void;
  /** The worker describes itself anew, perhaps with types more; what it does not name stays. */
  describe(session: WorkerSession, description: Partial<WorkerDescription>): void;
  /** No more tasks for this session. */
  drain(session: WorkerSession): void;
  list(): readonly WorkerView[];
}

/** Between the edges of one node and the same edges of all others. */
export interface Relay {
  /** Say something to all other nodes; plain JSON. It may be lost. */
  send(message: unknown): void;
  /** Be told what other nodes send. */
  listen(hear: (message: unknown) => void): void;
}
