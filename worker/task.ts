// What users write: a task handler for a type of task, typed by the task's shared definition where there is one.
import type { Logger } from "pino";
import type { z } from "zod";
import type { EventOutcome } from "./events.ts";
import type { Isolation } from "./isolation.ts";
import type { TaskStream } from "./stream-writer.ts";

/** What a task handler is given. */
export interface TaskContext<Params = unknown, Progress = unknown> {
  readonly params: Params;
  readonly taskType: string;
  readonly taskId: string;
  readonly jobId: string;
  /** 1 for the first try. Give it to outside systems as a fence: a higher attempt is the newer one. */
  readonly attempt: number;
  readonly attemptsMax: number;
  /** The same for every attempt of the task: give it to outside systems that can ignore repetitions. */
  readonly idempotencyKey: string;
  /** 0 (last) to 9 (first). */
  readonly priority: number;
  /** When the attempt has run as long as it may; `signal` aborts then. */
  readonly deadline: Date | undefined;
  readonly workerId: string;
  /** Aborts when the result is not wanted any more. Stop soon: the slot stays taken until the task handler ends. */
  readonly signal: AbortSignal;
  /**
   * A logger that names the task in every line. Lines from `info` on go to those who watch the job, too: about 50 a second,
   * and the next one says how many were left out.
   */
  readonly log: Logger;
  /**
   * Tell everyone who watches the job how far this is. Reports may be frequent: only the latest of every
   * tenth of a second is sent.
   *
   * @param ratio 0 to 1; undefined where it is not known.
   * @param message A short sentence for people, at most 1,024 characters.
   * @param data What the task's `progress` schema describes.
   */
  readonly progress: (ratio: number | undefined, message?: string, data?: Progress) => void;
  /** What the attempts before this one passed to `checkpoint` last; undefined where they did not. */
  readonly lastCheckpoint: unknown;
  /**
   * Keep where the work has got to. Should this attempt fail or be lost, the next one finds it in `lastCheckpoint`. Call
   * it as often as you like: the latest of each second is stored.
   *
   * @param data Any JSON, at most 64 KiB.
   * @returns resolves once it, or a later one, is durable; rejects where the attempt is not this worker's any more. You
   *   need not wait for it.
   * @throws TypeError where the data are no JSON, RangeError where they are too large.
   */
  readonly checkpoint: (data: unknown) => Promise<void>;
  /**
   * Send the job an event while the task goes on. It takes it once, however often it has to be sent. A machine takes it with
   * `on`, as it does a client's; a flow goes where `eventTransitions` says. A job that leaves the state cancels the task.
   *
   * @param type 1 to 128 characters; types that begin with `xstate.` or `flow.` are refused.
   * @param data The event's other members: JSON, at most 64 KiB.
   * @returns resolves once what follows from it is durable, with `ignored` where the job has no transition for it now.
   *   Rejects where it is refused, the server is too old, or the attempt is over before the answer, as it may be where
   *   the event itself leads the job away: then with the reason of `signal`. You need not wait for it: the result does.
   * @throws TypeError where the type is none or the data are no JSON object, RangeError where these are too large.
   */
  readonly sendEvent: (
    type: string,
    data?: Readonly<Record<string, unknown>>,
  ) => Promise<EventOutcome>;
  /**
   * A stream of text or bytes for those who watch the job, such as what a model writes. It begins anew with each attempt,
   * and only its latest part is kept for those who come later.
   *
   * @param name 1 to 64 letters, digits and `_.-`. The same name gives the same stream.
   */
  readonly stream: (name: string) => TaskStream;
  /** Tell the server that this worker has something loaded now (a model, a data set), for tasks that want it. */
  readonly addToHotCache: (name: string) => void;
  readonly removeFromHotCache: (name: string) => void;
}

/** Returns the task's output, which must survive JSON, or `withStatus(…)`; throws to fail. */
export type TaskHandler<Params = unknown, Output = unknown, Progress = unknown> = (
  context: TaskContext<Params, Progress>,
) => Output | WithStatus<Output> | Promise<Output | WithStatus<Output>>;

/**
 * A task as the blueprint package declares it with `task()`. Known by its mark alone, so that workers
 * need not load the blueprint package.
 */
export interface SharedTask {
  readonly "~types"?: {
    readonly params: unknown;
    readonly output: unknown;
    readonly progress: unknown;
  };
}
type TypesOf<Task extends SharedTask> = NonNullable<Task["~types"]>;
/** The task handler that a shared task asks for. */
export type HandlerOf<Task extends SharedTask> = TaskHandler<
  TypesOf<Task>["params"],
  TypesOf<Task>["output"],
  TypesOf<Task>["progress"]
>;

export interface TaskOptions {
  /** The most tasks of this type at once in one worker; its `maxConcurrentTasks` where absent. */
  readonly limit?: number;
  /** Where the task handler runs; the worker's `isolation` where absent. */
  readonly isolation?: Isolation;
  /** The file that exports the task: `import.meta.url`. Isolation needs it; `loadTasks` knows it. */
  readonly module?: string;
  /** The most JavaScript heap of a thread or process, in MiB: an attempt that needs more fails, and is tried again. */
  readonly memoryLimitMb?: number;
  /** How long an attempt may run here, in milliseconds: then `signal` aborts. */
  readonly timeLimitMs?: number;
  /** How long a task handler in a thread or process may go on once `signal` is aborted, in milliseconds; 5,000 where absent. Then it is killed. */
  readonly killAfterMs?: number;
  /** Types of one pool share an allowance, which the worker's `pools` name. */
  readonly pool?: string;
}

/** A task handler with the type of task that it does: what a worker registers, and what task files export. */
export interface DefinedTask extends TaskOptions {
  readonly [definedTask]: true;
  readonly type: string;
  readonly handler: TaskHandler;
  readonly input?: z.ZodType;
  readonly progress?: z.ZodType;
}

/** Registered, so that two copies of this package understand each other. */
export const definedTask = Symbol.for("avtomatika.defined_task");

/**
 * Join a task handler to a task.
 *
 * @param task A shared definition, made by `task()`, whose schemas type and check what goes in; or just the type's name.
 * @throws TypeError where `task` is neither.
 */
export function defineTask<Task extends SharedTask>(
  task: Task,
  handler: HandlerOf<Task>,
  options?: TaskOptions,
): DefinedTask;
export function defineTask<Params = Readonly<Record<string, unknown>>>(
  task: string,
  handler: TaskHandler<Params>,
  options?: TaskOptions,
): DefinedTask;
export function defineTask(
  task: SharedTask | string,
  handler: TaskHandler<never>,
  options: TaskOptions = {},
): DefinedTask {
  const definition = typeof task === "string" ? { type: task } : definitionOf(task);
  if (!definition)
    throw new TypeError("defineTask needs the name of a task type, or what task() returned.");
  const { type, input, progress } = definition;
  return {
    [definedTask]: true,
    type,
    handler: handler as TaskHandler,
    ...(input && { input }),
    ...(progress && { progress }),
    ...options,
  };
}

export function isDefinedTask(value: unknown): value is DefinedTask {
  return typeof value === "object" && value !== null && definedTask in value;
}

interface Definition {
  readonly type: string;
  readonly input?: z.ZodType;
  readonly progress?: z.ZodType;
}

function definitionOf(task: SharedTask): Definition | undefined {
  return (task as { readonly [key: symbol]: Definition })[Symbol.for("avtomatika.task")];
}

/** An output with a status of its own. */
export class WithStatus<Output = unknown> {
  readonly status: string;
  readonly output: Output;

  constructor(status: string, output: Output) {
    this.status = status;
    this.output = output;
  }
}

/**
 * End a task with a status other than "success", by which a handler-style flow picks its transition.
 *
 * @param status 1 to 64 characters.
 */
export function withStatus<Output = undefined>(
  status: string,
  ...[output]: undefined extends Output ? [output?: Output] : [output: Output]
): WithStatus<Output> {
  return new WithStatus(status, output as Output);
}
