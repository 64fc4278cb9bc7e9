// Work for a worker as a machine sees it: `task()` is actor logic that never runs in this process.
import type { ActorLogic, AnyActorScope, EventObject, Snapshot } from "xstate";
import type { z } from "zod";
import { RuntimeError } from "../errors.ts";
import { inertLogic } from "./inert-logic.ts";
import type { MustBeJson } from "./json-type.ts";
import { unknownOption, type KnownOptions } from "./known-options.ts";
import { placementProblem, type Placement, type TaskLimit } from "./placement.ts";

/** How often and how soon a task is tried again. */
export interface TaskRetry {
  /** Attempts in all, the first included. */
  readonly maxAttempts: number;
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** A retry whose number of attempts is the server's where the blueprint does not say. */
export type AskedRetry = Omit<TaskRetry, "maxAttempts"> & Partial<Pick<TaskRetry, "maxAttempts">>;

/** How a task is run; each has a default. */
export interface TaskOptions extends Placement {
  /** 0 (last) to 9 (first); 5 where absent. */
  readonly priority?: number;
  readonly retry?: Partial<TaskRetry>;
  /** How long one attempt may run, in milliseconds; as the server is set where absent. */
  readonly runTimeoutMs?: number;
  /** How long the task may wait for a worker before it fails, in milliseconds. */
  readonly queueTimeoutMs?: number;
  /** How long it may take in all, waiting and retries included, in milliseconds. */
  readonly totalTimeoutMs?: number;
}

/** Of `TaskOptions`, all of them. */
export const taskOptions: KnownOptions<TaskOptions> = {
  priority: true,
  retry: true,
  runTimeoutMs: true,
  queueTimeoutMs: true,
  totalTimeoutMs: true,
  strategy: true,
  requirements: true,
  maxCost: true,
  slots: true,
  limit: true,
};
const retryOptions: KnownOptions<TaskRetry> = {
  maxAttempts: true,
  initialMs: true,
  factor: true,
  maxMs: true,
};
const limitOptions: KnownOptions<TaskLimit> = { key: true, concurrency: true, rate: true };

/** What a task is, at run time. */
export interface TaskDefinition {
  readonly type: string;
  readonly input: z.ZodType;
  readonly output: z.ZodType;
  readonly progress?: z.ZodType;
  readonly priority: number;
  readonly retry: AskedRetry;
  readonly runTimeoutMs?: number;
  readonly queueTimeoutMs?: number;
  readonly totalTimeoutMs?: number;
  readonly placement?: Placement;
}

/** What a flow says of the tasks that its handlers dispatch: type → definition. */
export type DeclaredTasks = ReadonlyMap<string, TaskDefinition>;

/** One wish for a task, as it goes to a queue. */
export interface TaskRequest {
  readonly type: string;
  readonly params: unknown;
  readonly priority: number;
  readonly retry: AskedRetry;
  readonly runTimeoutMs?: number;
  readonly queueTimeoutMs?: number;
  readonly totalTimeoutMs?: number;
  readonly placement?: Placement;
}

/** A line break ends the type in the name of a queue. */
export const typePattern = /^[^\n]{1,128}$/;

export const defaultPriority = 5;
export const defaultRetry: AskedRetry = {
  initialMs: 1000,
  factor: 2,
  maxMs: 60_000,
};

/** Marks task logic. Registered, so that two copies of this package understand each other. */
export const taskDefinition = Symbol.for("avtomatika.task");

export type TaskSnapshot<Output, Progress> = Snapshot<Output> & { readonly progress?: Progress };

/**
 * Actor logic of a task: `Input` is what `invoke.input` must give, `Output` what `event.output` is,
 * `Params` what the worker's handler is given. An interface, so that declaration files can name it.
 */
export interface TaskLogic<Input, Output, Progress = never, Params = Input> extends ActorLogic<
  TaskSnapshot<Output, Progress>,
  EventObject,
  Input,
  AnyActorScope["system"],
  EventObject
> {
  readonly [taskDefinition]: TaskDefinition;
  /** Only for the compiler: what the schemas parse to. */
  readonly "~types"?: {
    readonly params: Params;
    readonly output: Output;
    readonly progress: Progress;
  };
}

/**
 * Declare a task: a kind of work that workers do.
 *
 * Use the result as an actor of a machine: `setup({ actors: { resize: task("resize_image", …) } })`.
 * Invoking it queues the task; its output, parsed by the schema, arrives as `onDone`'s `event.output`.
 *
 * @param type The name by which workers offer to do it.
 * @param definition Schemas of input, output and progress (all must survive JSON), and how to run it:
 * `priority` 0 to 9, `retry` with `maxAttempts` and backoff in milliseconds (1000, doubling, at most
 * 60000), `runTimeoutMs` for one attempt (both as the server is set: 4 and 300000 where nobody says), `queueTimeoutMs` for the wait for a worker, `totalTimeoutMs` for everything together; and which workers may do it, and how
 * many such tasks may run (see `Placement`).
 * @throws RuntimeError `blueprint.invalid` for a name or number that cannot be meant.
 */
export function task<
  Input extends z.ZodType,
  Output extends z.ZodType,
  Progress extends z.ZodType = z.ZodNever,
>(
  type: string,
  definition: {
    readonly input: Input & MustBeJson<z.input<Input>> & MustBeJson<z.output<Input>>;
    readonly output: Output & MustBeJson<z.output<Output>>;
    readonly progress?: Progress & MustBeJson<z.output<Progress>>;
  } & TaskOptions,
): TaskLogic<z.input<Input>, z.output<Output>, z.output<Progress>, z.output<Input>> {
  const { input, output, progress, ...options } = definition;
  const problem =
    unknownTaskOption(`Task "${type}"`, options, taskOptions) ??
    withSubject(`Task "${type}"`, taskProblem(type, options));
  if (problem !== undefined)
    throw new RuntimeError("blueprint.invalid", `${problem}.`, { task: type });
  const complete: TaskDefinition = {
    type,
    input,
    output,
    ...(progress && { progress }),
    ...completeOptions(options),
  };
  return {
    [taskDefinition]: complete,
    ...inertLogic(`The task "${type}" runs on a worker; it cannot be started in this process.`),
  };
}

/** What a worker's handler is given as the task's input: the schema's defaults are applied. */
export type TaskParams<Task> = Task extends {
  readonly "~types"?: { readonly params: infer Params };
}
  ? Params
  : never;
/** What a worker's handler must return. */
export type TaskOutput<Task> = Task extends {
  readonly "~types"?: { readonly output: infer Output };
}
  ? Output
  : never;
/** What a worker's handler may report while it runs. */
export type TaskProgressOf<Task> = Task extends {
  readonly "~types"?: { readonly progress: infer Progress };
}
  ? Progress
  : never;

/**
 * The first option of a task, its retry or its limit that is not known, as a sentence without its full stop.
 *
 * @param known `taskOptions`, and what else may stand beside them
 */
export function unknownTaskOption(
  who: string,
  options: TaskOptions,
  known: Readonly<Record<string, true>>,
): string | undefined {
  const { retry = {}, limit = {} } = options ?? {};
  const parts = [
    [who, options, known],
    [`${who}: retry`, retry, retryOptions],
    [`${who}: limit`, limit, limitOptions],
  ] as const;
  for (const [what, given, names] of parts) {
    const unknown = unknownOption(given, names);
    if (unknown !== undefined) return `${what} ${unknown}`;
  }
  return undefined;
}

/** What is wrong with the values of a task's type and options, in words that name the option; undefined where nothing is. */
export function taskProblem(type: string, options: TaskOptions): string | undefined {
  const { priority = defaultPriority } = options;
  if (!typePattern.test(type) || type.startsWith("local:"))
    return 'a task type has 1 to 128 characters, no line break among them, and does not begin with "local:"';
  if (!Number.isInteger(priority) || priority < 0 || priority > 9)
    return `priority is a whole number from 0 to 9, not ${spelt(priority)}`;
  const { maxAttempts, initialMs, factor, maxMs } = { ...defaultRetry, ...options.retry };
  if (maxAttempts !== undefined && (!Number.isInteger(maxAttempts) || maxAttempts < 1))
    return `retry.maxAttempts counts the first attempt, so it is 1 or more, not ${spelt(maxAttempts)}`;
  const isBackoff = [initialMs, factor, maxMs].every(Number.isFinite);
  if (!(isBackoff && initialMs >= 0 && factor >= 1 && maxMs >= initialMs))
    return "retry needs initialMs of 0 or more, factor of 1 or more, and maxMs not below initialMs";
  for (const name of ["runTimeoutMs", "queueTimeoutMs", "totalTimeoutMs"] as const) {
    const timeoutMs = options[name];
    if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs > 0))
      return `${name} is above 0, not ${spelt(timeoutMs)}`;
  }
  return placementProblem(placementOf(options));
}

const withSubject = (who: string, problem: string | undefined): string | undefined =>
  problem === undefined ? undefined : `${who}: ${problem}`;

const spelt = (value: unknown): string => JSON.stringify(value) ?? String(value);

/** The options of a task with every default filled in. What is wrong with them `taskProblem` tells. */
export function completeOptions(options: TaskOptions): Omit<TaskRequest, "type" | "params"> {
  const { priority = defaultPriority, runTimeoutMs, queueTimeoutMs, totalTimeoutMs } = options;
  const placement = placementOf(options);
  return {
    priority,
    retry: { ...defaultRetry, ...options.retry },
    ...(Object.keys(placement).length > 0 && { placement }),
    ...(runTimeoutMs !== undefined && { runTimeoutMs }),
    ...(queueTimeoutMs !== undefined && { queueTimeoutMs }),
    ...(totalTimeoutMs !== undefined && { totalTimeoutMs }),
  };
}

function placementOf({ strategy, requirements, maxCost, slots, limit }: TaskOptions): Placement {
  return {
    ...(strategy !== undefined && { strategy }),
    ...(requirements !== undefined && { requirements }),
    ...(maxCost !== undefined && { maxCost }),
    ...(slots !== undefined && { slots }),
    ...(limit !== undefined && { limit }),
  };
}
