// What the runtime asks about an actor of a machine: who runs it, and what goes in and out.
import type { AnyStateMachine } from "xstate";
import { z } from "zod";
import type { Failure } from "../actor/envelope.ts";
import type { Blueprint } from "./blueprint.ts";
import { flowHandler, type FlowHandlerRunner } from "./flow-handler.ts";
import { inTurnMark } from "./in-turn.ts";
import { jobDefinition, type JobDefinition, type JobRequest, type ParentClose } from "./job.ts";
import {
  typePattern,
  taskDefinition,
  type DeclaredTasks,
  type TaskDefinition,
  type TaskRequest,
} from "./task.ts";
import { placementProblem, type Placement } from "./placement.ts";

/** What a `fromPromise` was made of. */
export type PromiseCreator = (args: {
  readonly input: unknown;
  readonly signal: AbortSignal;
}) => PromiseLike<unknown>;

export type ActorKind =
  /**
   * A worker runs it. `definition` is absent for a flow's dynamic task: its input is a whole `TaskRequest`, and
   * `declared` holds what the flow says of its tasks.
   */
  | {
      readonly kind: "task";
      readonly definition: TaskDefinition | undefined;
      readonly declared?: DeclaredTasks;
    }
  /** Workers run it: its input is a list of `TaskRequest`, and each is a task of its own. */
  | { readonly kind: "task_list"; readonly declared: DeclaredTasks }
  /** A job of its own. `definition` is absent for a flow's dynamic job: its input is a whole `JobRequest`. */
  | {
      readonly kind: "job";
      readonly definition: JobDefinition | undefined;
      readonly parentClose: ParentClose;
    }
  /** A handler of a flow: decides inside the turn. */
  | { readonly kind: "handler"; readonly handler: FlowHandlerRunner }
  /** This node runs it: after the commit under a lease, or inside the turn where it is marked so. */
  | { readonly kind: "promise"; readonly creator: PromiseCreator; readonly inTurn: boolean }
  | { readonly kind: "unsupported"; readonly why: string };

/** The actor of a flow's machine whose input is a whole `TaskRequest`. It holds the `DeclaredTasks` of the flow. */
export const dynamicTask = Symbol.for("avtomatika.dynamic_task");
/** The same for a list of them. */
export const dynamicTasks = Symbol.for("avtomatika.dynamic_tasks");
/** The actor of a flow's machine whose input is a whole `JobRequest`. It holds what becomes of the job when it is left. */
export const dynamicJob = Symbol.for("avtomatika.dynamic_job");

/** Who runs the actor that the machine knows as `src`. */
export function actorKind(machine: AnyStateMachine, src: string): ActorKind {
  const actors = machine.implementations.actors as Readonly<Record<string, unknown>>;
  const logic = Object.hasOwn(actors, src) ? actors[src] : undefined;
  if (typeof logic !== "object" || logic === null)
    return {
      kind: "unsupported",
      why: `The machine has no actor "${src}": declare it in setup({ actors: { … } }).`,
    };
  return logicKind(logic as Logic);
}

/** What people call the work of the actor: types of tasks, the blueprint of a job, or its own name. */
export function workName(machine: AnyStateMachine, src: string, input: unknown): readonly string[] {
  const kind = actorKind(machine, src);
  const asked = (member: string, of: unknown): string => {
    const name = (of as Readonly<Record<string, unknown>> | null | undefined)?.[member];
    return typeof name === "string" ? name : src;
  };
  switch (kind.kind) {
    case "task":
      return [kind.definition?.type ?? asked("type", input)];
    case "task_list":
      return Array.isArray(input) ? input.map((one) => asked("type", one)) : [src];
    case "job":
      return [kind.definition?.blueprint ?? asked("blueprint", input)];
    case "handler":
    case "promise":
    case "unsupported":
      return [src];
  }
}

/** The members by which actor logic is recognised. */
interface Logic {
  readonly [taskDefinition]?: TaskDefinition;
  readonly [dynamicTask]?: DeclaredTasks;
  readonly [dynamicTasks]?: DeclaredTasks;
  readonly [jobDefinition]?: JobDefinition;
  readonly [dynamicJob]?: ParentClose;
  readonly [flowHandler]?: FlowHandlerRunner;
  readonly [inTurnMark]?: true;
  readonly config?: unknown;
  readonly start?: unknown;
  readonly transition?: unknown;
  readonly getStateNodeById?: unknown;
}

function logicKind(logic: Logic): ActorKind {
  if (logic[taskDefinition]) return { kind: "task", definition: logic[taskDefinition] };
  if (logic[dynamicTask])
    return { kind: "task", definition: undefined, declared: logic[dynamicTask] };
  if (logic[dynamicTasks]) return { kind: "task_list", declared: logic[dynamicTasks] };
  const definition = logic[jobDefinition];
  if (definition) return { kind: "job", definition, parentClose: definition.parentClose };
  if (logic[dynamicJob])
    return { kind: "job", definition: undefined, parentClose: logic[dynamicJob] };
  if (logic[flowHandler]) return { kind: "handler", handler: logic[flowHandler] };
  if (isPromise(logic)) {
    const creator = logic.config as PromiseCreator;
    return { kind: "promise", creator, inTurn: logic[inTurnMark] === true };
  }
  return { kind: "unsupported", why: whyUnsupported(logic) };
}

/**
 * `fromPromise` leaves no mark, so it is known by what it does: it is started, and a resolution makes it done.
 * `fromTransition` is never tried, because its transition is the user's own code, and it has no `start`.
 */
function isPromise(logic: Logic): boolean {
  const { config, start, transition } = logic;
  if (typeof config !== "function" || typeof start !== "function") return false;
  if (typeof transition !== "function") return false;
  try {
    const resolution = { type: "xstate.promise.resolve", data: undefined };
    const next: unknown = transition({ status: "active" }, resolution, {});
    return (next as { status?: unknown } | undefined)?.status === "done";
  } catch {
    return false;
  }
}

function whyUnsupported(logic: Logic): string {
  if (typeof logic.getStateNodeById === "function")
    return "A child machine would live only in memory: make it a blueprint and invoke job(blueprint), or make its states a part of this machine.";
  if (typeof logic.start === "function")
    return "Callback and observable actors live only in memory: make the work a task(), whose handler reports progress, or a fromPromise().";
  return "Actor logic of this kind lives only in memory: keep its state in the machine's context, or make the work a task().";
}

/**
 * What goes to the queue when a machine invokes a task: its input, parsed by the task's schema.
 *
 * @returns a failure with the code `INVALID_INPUT_ERROR` where the schema refuses the input.
 */
export function taskRequest(
  kind: Extract<ActorKind, { kind: "task" }>,
  input: unknown,
): { readonly request: TaskRequest } | { readonly failure: Failure } {
  const { definition } = kind;
  if (!definition) return dynamicRequest(input, kind.declared);
  const { type, priority, retry, runTimeoutMs, queueTimeoutMs, totalTimeoutMs, placement } =
    definition;
  const parsed = definition.input.safeParse(input);
  if (!parsed.success) return inputRefused(type, parsed.error);
  return {
    request: {
      type,
      params: parsed.data,
      priority,
      retry,
      ...(runTimeoutMs !== undefined && { runTimeoutMs }),
      ...(queueTimeoutMs !== undefined && { queueTimeoutMs }),
      ...(totalTimeoutMs !== undefined && { totalTimeoutMs }),
      ...(placement && { placement }),
    },
  };
}

/**
 * What goes to the outbox when a machine invokes a job: its input, parsed by the schema that the parent knows.
 *
 * @returns a failure with the code `INVALID_INPUT_ERROR` where the schema refuses the input.
 */
export function jobRequest(
  { definition }: Extract<ActorKind, { kind: "job" }>,
  input: unknown,
): { readonly request: JobRequest } | { readonly failure: Failure } {
  if (!definition) {
    const parsed = DynamicJobRequest.safeParse(input);
    return parsed.success
      ? { request: parsed.data as JobRequest }
      : refused("INVALID_INPUT_ERROR", "The request for a job", parsed.error);
  }
  const { blueprint, version } = definition;
  const parsed = definition.input.safeParse(input);
  if (!parsed.success)
    return refused("INVALID_INPUT_ERROR", `The input of a job of "${blueprint}"`, parsed.error);
  // The job's own blueprint parses it again, so it is given what the parent gave.
  return { request: { blueprint, ...(version !== undefined && { version }), input } };
}

/** What a job of the blueprint is started with, parsed by its schema where it has one. */
export function startInput(
  { name, input: schema }: Blueprint,
  input: unknown,
): { readonly input: unknown } | { readonly failure: Failure } {
  const parsed = schema?.safeParse(input);
  if (parsed === undefined) return { input };
  return parsed.success
    ? { input: parsed.data }
    : refused("INVALID_INPUT_ERROR", `The input of blueprint "${name}"`, parsed.error);
}

/**
 * What a child job gave, as its parent's machine may see it.
 *
 * @returns a failure with the code `CONTRACT_VIOLATION_ERROR` where the schema that the parent knows refuses it.
 */
export function checkJobOutput(
  { blueprint, output: schema }: JobDefinition,
  output: unknown,
): ReturnType<typeof checkOutput> {
  const parsed = schema.safeParse(output);
  return parsed.success
    ? { output: parsed.data }
    : refused("CONTRACT_VIOLATION_ERROR", `The output of the job of "${blueprint}"`, parsed.error);
}

/** A flow's wish for a task, its params parsed by the schema of the task where the flow declares it. */
export function dynamicRequest(
  input: unknown,
  declared: DeclaredTasks | undefined,
): ReturnType<typeof taskRequest> {
  const parsed = DynamicRequest.safeParse(input);
  if (!parsed.success)
    return refused("INVALID_INPUT_ERROR", "The request for a task", parsed.error);
  const request = parsed.data as TaskRequest;
  const params = declared?.get(request.type)?.input.safeParse(request.params);
  if (!params) return { request };
  if (!params.success) return inputRefused(request.type, params.error);
  return { request: { ...request, params: params.data } };
}

const inputRefused = (type: string, error: z.ZodError) =>
  refused("INVALID_INPUT_ERROR", `The input of task "${type}"`, error);

/**
 * A worker's result as the machine may see it, with the schema's defaults applied.
 *
 * @returns a failure with the code `CONTRACT_VIOLATION_ERROR` where the schema refuses the output.
 */
export function checkOutput(
  definition: TaskDefinition,
  output: unknown,
): { readonly output: unknown } | { readonly failure: Failure } {
  const parsed = definition.output.safeParse(output);
  if (parsed.success) return { output: parsed.data };
  return refused(
    "CONTRACT_VIOLATION_ERROR",
    `The output of task "${definition.type}"`,
    parsed.error,
  );
}

const DynamicJobRequest = z.object({
  blueprint: z.string().min(1),
  version: z.string().optional(),
  input: z.unknown(),
});

const count = z.number().nonnegative();
const DynamicRequest = z.object({
  type: z.string().regex(typePattern),
  params: z.unknown(),
  priority: z.int().min(0).max(9),
  retry: z.object({
    maxAttempts: z.int().positive().optional(),
    initialMs: count,
    factor: z.number().min(1),
    maxMs: count,
  }),
  runTimeoutMs: count.optional(),
  queueTimeoutMs: count.optional(),
  totalTimeoutMs: count.optional(),
  placement: z
    .custom<Placement>()
    .refine((asked) => asked === undefined || placementProblem(asked) === undefined, {
      error: ({ input }) => placementProblem(input as Placement) ?? "",
    })
    .optional(),
});

function refused(code: string, what: string, error: z.ZodError): { readonly failure: Failure } {
  const problems = error.issues.map(({ path, message }) => ({ path: dotted(path), message }));
  const [first] = problems;
  const where = first?.path ? ` at "${first.path}"` : "";
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return {
    failure: {
      code,
      message: `${what} does not fit its schema${where}: ${first?.message}${more}.`,
      details: problems,
    },
  };
}

const dotted = (path: readonly PropertyKey[]): string => path.map(String).join(".");
