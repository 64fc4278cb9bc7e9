// What a test lets a task do: answer, fail, take its time, fall silent, find no worker, or wait for the test.
import { TaskFailure } from "../../worker/errors.ts";
import {
  definedTask,
  isDefinedTask,
  WithStatus,
  type DefinedTask,
  type TaskContext,
} from "../../worker/task.ts";

/** What a function that stands for a task is given: what a worker's handler is given, and virtual time. */
export interface TaskCall<Params = unknown, Progress = unknown> extends TaskContext<
  Params,
  Progress
> {
  /** Resolves when virtual time has gone on by `ms`; rejects when the attempt is cancelled meanwhile. */
  readonly sleep: (ms: number) => Promise<void>;
}

/** One thing that happens in an attempt of a task. */
export interface Told<Output = unknown> {
  readonly [toldMark]: true;
  /** How long it takes, in milliseconds of virtual time. */
  readonly afterMs: number;
  readonly progress: readonly ProgressReport[];
  readonly end:
    | { readonly kind: "output"; readonly output: Output; readonly status: string }
    | {
        readonly kind: "failure";
        readonly code: string;
        readonly message: string;
        readonly details?: unknown;
        readonly retryAfterMs?: number;
      };
}
const toldMark = Symbol("told");

export interface ProgressReport {
  /** 0 to 1. */
  readonly ratio?: number;
  readonly message?: string;
  readonly data?: unknown;
}

export interface Timing {
  /** How long the attempt takes, in milliseconds of virtual time; none where absent. */
  readonly afterMs?: number;
  /** What it reports before it ends, spread evenly over that time. */
  readonly progress?: readonly ProgressReport[];
}

/**
 * Let an attempt end with an output.
 *
 * @param output held to the task's schema, as a worker's is.
 * @param options `status` where it is not `success`, and how long it takes.
 */
export function reply<const Output>(
  output: Output,
  options: Timing & { readonly status?: string } = {},
): Told<Output> {
  const { afterMs = 0, progress = [], status = "success" } = options;
  return { [toldMark]: true, afterMs, progress, end: { kind: "output", output, status } };
}

/**
 * Let an attempt fail.
 *
 * @param code `TRANSIENT_ERROR` is tried again, `PERMANENT_ERROR` and `INVALID_INPUT_ERROR` are not.
 */
export function fail(
  code = "PERMANENT_ERROR",
  message = "It failed because the test says so.",
  options: Timing & { readonly details?: unknown; readonly retryAfterMs?: number } = {},
): Told<never> {
  const { afterMs = 0, progress = [], ...rest } = options;
  return { [toldMark]: true, afterMs, progress, end: { kind: "failure", code, message, ...rest } };
}

/** The worker takes the attempt and is never heard of again: its lease ends. */
export const fallSilent = Symbol("fallSilent");
/** No worker offers this type of task: it stays queued. */
export const noWorker = Symbol("noWorker");
/** The attempt runs until the test ends it with `job.complete()` or `job.fail()`. What no script speaks of does this. */
export const byHand = Symbol("byHand");

/** What one attempt does. */
export type ScriptStep<Params = unknown, Output = unknown, Progress = unknown> =
  | Told<Output>
  | typeof fallSilent
  | typeof byHand
  | ((call: TaskCall<Params, Progress>) => Result<Output> | Promise<Result<Output>>)
  | DefinedTask;
type Result<Output> = Output | Told<Output> | WithStatus<Output>;

/** What a type of task does: the same for every attempt, or a list with one step for each; the last is repeated. */
export type Script<Params = unknown, Output = unknown, Progress = unknown> =
  | typeof noWorker
  | ScriptStep<Params, Output, Progress>
  | readonly [ScriptStep<Params, Output, Progress>, ...ScriptStep<Params, Output, Progress>[]];

export function isTold(value: unknown): value is Told {
  return typeof value === "object" && value !== null && toldMark in value;
}

/** The powers of a world that a script needs. */
export interface Stage {
  /** Resolves after `ms` of virtual time, or rejects when the signal is aborted. Nobody waits for it. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Resolves with what the test says. Nobody waits for it. */
  byHand(call: TaskContext): Promise<unknown>;
  /** Never resolves, and the attempt's lease is not renewed. */
  silence(call: TaskContext): Promise<never>;
}

/** What the n-th call (from 0) of a script does. */
export function stepOf(script: Exclude<Script, typeof noWorker>, n: number): ScriptStep {
  if (!Array.isArray(script)) return script as ScriptStep;
  const steps = script as readonly ScriptStep[];
  return steps[Math.min(n, steps.length - 1)]!;
}

/** Do in an attempt what the script says. @returns what a worker's handler would */
export async function play(step: ScriptStep, context: TaskContext, stage: Stage): Promise<unknown> {
  if (step === fallSilent) return stage.silence(context);
  if (step === byHand) return stage.byHand(context).then((said) => spoken(said));
  if (isDefinedTask(step)) return step.handler(context);
  if (isTold(step)) return tell(step, context, stage);
  const result: unknown = await step(callOf(context, stage));
  return isTold(result) ? tell(result, context, stage) : result;
}

function callOf(context: TaskContext, stage: Stage): TaskCall {
  const { params, taskId, jobId, attempt, attemptsMax, idempotencyKey } = context;
  const { priority, deadline, workerId, signal, log, progress } = context;
  const { taskType, addToHotCache, removeFromHotCache } = context;
  const about = { params, taskType, taskId, jobId, attempt, attemptsMax, idempotencyKey };
  const means = { priority, deadline, workerId, signal, log, progress };
  const { lastCheckpoint, checkpoint, sendEvent, stream } = context;
  const told = { lastCheckpoint, checkpoint, sendEvent, stream };
  const more = { addToHotCache, removeFromHotCache, ...told };
  return { ...about, ...means, ...more, sleep: (ms) => stage.sleep(ms, signal) };
}

async function tell(told: Told, context: TaskContext, stage: Stage): Promise<unknown> {
  const pauseMs = told.afterMs / (told.progress.length + 1);
  for (const { ratio, message, data } of told.progress) {
    if (pauseMs > 0) await stage.sleep(pauseMs, context.signal);
    context.progress(ratio, message, data);
  }
  if (pauseMs > 0) await stage.sleep(pauseMs, context.signal);
  return spoken(told);
}

/** The end that a script tells of, as a handler returns or throws it. */
function spoken(said: unknown): unknown {
  if (!isTold(said)) return said;
  const { end } = said;
  if (end.kind === "output")
    return end.status === "success" ? end.output : new WithStatus(end.status, end.output);
  const { code, message, details, retryAfterMs } = end;
  throw new TaskFailure(code, message, {
    ...(details !== undefined && { details }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** A worker's task whose handler is given. Its schemas are those of `like`, where that has some. */
export function scriptedTask(
  type: string,
  handler: DefinedTask["handler"],
  like: Pick<DefinedTask, "input" | "progress">,
): DefinedTask {
  const { input, progress } = like;
  return {
    [definedTask]: true,
    type,
    handler,
    ...(input && { input }),
    ...(progress && { progress }),
  };
}
