// What the edges may ask about the past of jobs: what they were after any revision, and to begin again from there.
import type { Message } from "../actor/effect.ts";
import type { Failure } from "../actor/envelope.ts";
import type { HistoryEntry, JobStatus } from "../store/records.ts";
import type { StartedJob } from "./runtime.ts";

/** Something that a step has started, in the words of the blueprint. */
export interface StartedWork {
  /** The machine's name for it. */
  readonly child: string;
  readonly kind: "task" | "job" | "promise" | "handler";
  /** The type of a task, the name of a job's blueprint, or that of an actor. */
  readonly name: string;
}

/** A step of a job with what only a replay tells. */
export interface JobStepView extends HistoryEntry {
  /** Where the job was before; empty before its first step. */
  readonly previousState: string;
  readonly started: readonly StartedWork[];
}

/** A job as it was after one of its revisions. */
export interface JobMomentView {
  readonly jobId: string;
  readonly blueprint: string;
  /** The version that it was then. */
  readonly version: string;
  readonly revision: number;
  /** Store time of the step that led there. */
  readonly at: number;
  /** What moved it there. */
  readonly message: Message;
  readonly previousState: string;
  readonly currentState: string;
  readonly status: JobStatus;
  readonly stateValue: unknown;
  readonly activeStates: readonly string[];
  /** As in `JobView`. */
  readonly initialData?: unknown;
  readonly data: unknown;
  readonly output?: unknown;
  readonly error?: Failure;
  /** What the step started. */
  readonly started: readonly StartedWork[];
  /** What ran then. */
  readonly running: readonly StartedWork[];
  readonly timers: readonly { readonly event: string; readonly due: number }[];
  readonly deferredEvents: readonly string[];
}

export interface RestartJob {
  readonly jobId: string;
  /** After which of its revisions the new job begins. */
  readonly revision: number;
  /**
   * Members of the context to be replaced, as `assign()` does; the others stay. Of a flow: `initial_data` and
   * `state_history`.
   */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Who asks, for the record. */
  readonly by: string;
  /** Restarts of one job with the same key give the same job. At most 256 characters. */
  readonly idempotencyKey?: string;
}

export interface PastService {
  /**
   * Steps of a job with a revision above `after`, oldest first, replayed.
   *
   * @throws RuntimeError `job.not_found`, `blueprint.not_found`, `blueprint.shape_changed`, `replay.diverged`
   */
  steps(jobId: string, after: number, limit: number): Promise<readonly JobStepView[]>;
  /**
   * A job as it was after a revision.
   *
   * @throws RuntimeError what `steps` does, and `job.revision_not_found`
   */
  at(jobId: string, revision: number): Promise<JobMomentView>;
  /**
   * Begin a new job where another one was. What ran then is started anew, timers have the rest that they had, and both
   * histories tell of it. The other job goes on, or stays as it ended. Resolves when the first turn is durable.
   *
   * @throws RuntimeError what `at` does, `job.not_restartable` where it had ended, `request.invalid` for a context that
   *   is not the blueprint's, `blueprint.input_invalid`
   */
  restart(request: RestartJob): Promise<StartedJob>;
}
