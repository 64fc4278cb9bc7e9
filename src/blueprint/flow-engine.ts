// The guards, actions and actors that the states of every compiled flow share.
import {
  assign,
  cancel,
  enqueueActions,
  raise,
  setup,
  stopChild,
  type AnyActorLogic,
  type AnyActorRef,
  type EventObject,
} from "xstate";
import { childTraits, type ChildTraits } from "../actor/child-traits.ts";
import type { Failure } from "../actor/envelope.ts";
import { ownMember } from "../actor/fence.ts";
import { RuntimeError } from "../errors.ts";
import { dynamicJob, dynamicTask, dynamicTasks } from "./actor-kind.ts";
import type { BranchResult, Decision } from "./flow-actions.ts";
import {
  flowHandler,
  type FlowContext,
  type FlowHandlerRunner,
  type SubJobResult,
} from "./flow-handler.ts";
import { inertLogic } from "./inert-logic.ts";
import { parentCloses } from "./job.ts";
import type { DeclaredTasks } from "./task.ts";

/** The event by which a flow tries a handler again after its backoff. */
export const retryEvent = "flow.retry";
/** What the job waits for has taken too long. */
export const timeoutEvent = "flow.timeout";
/** A person has decided. */
export const decisionEvent = "flow.decision";

/** How often a handler that throws is tried again where its failure does not say, and the first of the doubling pauses. */
const handlerRetriesMax = 3;
const handlerBackoffMs = 1000;

interface FlowEvent extends EventObject {
  readonly output?: unknown;
  readonly error?: unknown;
  readonly status?: string;
  /** Of a person. */
  readonly decision?: string;
}

export type FlowEngine = ReturnType<typeof flowSetup>;

/** The actor of a state's handlers. Their source takes part in the fingerprint, hence `config`. */
export const handlerActor = (run: FlowHandlerRunner, config: unknown) => ({
  ...inertLogic("A handler of a flow runs inside the turn of its job, not as an actor."),
  [flowHandler]: run,
  config,
});

/** The actors of what handlers ask for: a task, tasks at once, and a job for each way to leave it. */
function workActors(declared: DeclaredTasks): Readonly<Record<string, object>> {
  const elsewhere = inertLogic("Work of a flow runs elsewhere; it cannot be started here.");
  const jobs = parentCloses.map((parentClose) => {
    const traits: ChildTraits = parentClose === "await" ? { isAwaited: true } : {};
    const logic = { ...elsewhere, [dynamicJob]: parentClose, [childTraits]: traits };
    return [`job:${parentClose}`, logic] as const;
  });
  return {
    task: { ...elsewhere, [dynamicTask]: declared },
    tasks: {
      ...elsewhere,
      [dynamicTasks]: declared,
      [childTraits]: { gathers: true } satisfies ChildTraits,
    },
    ...Object.fromEntries(jobs),
  };
}

const decisionOf = (event: FlowEvent): Decision => event.output as Decision;

/** What went wrong where the event tells of something that did. */
function failureOf(event: FlowEvent): Failure {
  if (event.type === timeoutEvent)
    return { code: "TIMEOUT_ERROR", message: "It took longer than it may in all." };
  const { code, message } = event.error as Failure;
  return { code, message };
}

/** How often a handler is tried again: its failure tells, so that a replay decides as it was decided then. */
function retriesMaxOf(event: FlowEvent): number {
  const { details } = event.error as Failure;
  return (details as { readonly retriesMax?: number } | undefined)?.retriesMax ?? handlerRetriesMax;
}

/** The outcomes that the event stands for: the first that the handler named a state for decides. */
function outcomesOf({ approval }: FlowContext, event: FlowEvent): readonly string[] {
  switch (event.type) {
    case decisionEvent:
      return approval && event.decision !== undefined ? [event.decision] : [];
    case timeoutEvent:
      return approval ? ["timeout"] : ["timeout", "failure"];
    case "xstate.done.actor.tasks":
      return ["aggregated"];
    case "xstate.error.actor.task":
    case "xstate.error.actor.job":
      return [failureOf(event).code, "failure"];
    default:
      return [event.status ?? "success"];
  }
}

/** The state that the event leads to, or undefined where the handler named none for it. */
function targetOf(context: FlowContext, event: FlowEvent): string | undefined {
  const { transitions } = context;
  const outcome = outcomesOf(context, event).find((one) => Object.hasOwn(transitions, one));
  return outcome === undefined ? undefined : transitions[outcome];
}

/** Nothing is waited for any more. */
const noWork = {
  transitions: {},
  approval: null,
  eventTransitions: ({ context }: { readonly context: FlowContext }) =>
    context.eventTransitions && {},
} as const;

/** The states that events lead to from now on: nothing of it is in jobs that have had none. */
function byEvents(
  { eventTransitions: before }: FlowContext,
  decision: Decision,
): Pick<FlowContext, "eventTransitions"> {
  const { eventTransitions = {} } =
    decision.action === "dispatch_task" ? decision : { eventTransitions: undefined };
  return before || Object.keys(eventTransitions).length > 0 ? { eventTransitions } : {};
}

/** What an event says: its members beside its type. */
function saidBy(event: FlowEvent): Readonly<Record<string, unknown>> {
  const { type: _, ...members } = event;
  return members;
}

/** @param movesMax how often a job may go from a state to the next. */
export function flowSetup(
  handlers: Readonly<Record<string, object>>,
  declared: DeclaredTasks,
  movesMax: number,
) {
  return setup({
    types: { context: {} as FlowContext, events: {} as FlowEvent, input: {} as unknown },
    actors: { ...handlers, ...workActors(declared) } as unknown as Record<string, AnyActorLogic>,
    guards: {
      goesTo: ({ event }, { target }: { target: string }) => {
        const decision = decisionOf(event);
        return decision.action === "transition_to" && decision.state === target;
      },
      outcomeLeadsTo: ({ context, event }, { target }: { target: string }) =>
        targetOf(context, event) === target,
      eventLeadsTo: ({ context, event }, { target }: { target: string }) =>
        ownMember(context.eventTransitions ?? {}, event.type) === target,
      mayTryAgain: ({ context, event }) =>
        context.handlerFailures < retriesMaxOf(event) &&
        failureOf(event).code !== "handler.invalid_action",
      waitsToTryAgain: ({ context }) => context.handlerFailures > 0,
    },
    delays: {
      handlerBackoff: ({ context }) => handlerBackoffMs * 2 ** (context.handlerFailures - 1),
    },
    actions: {
      keepDecision: assign(({ context, event }) => {
        const decision = decisionOf(event);
        const isParallel = decision.action === "dispatch_parallel";
        return {
          stateHistory: decision.stateHistory ?? context.stateHistory,
          transitions: "transitions" in decision ? decision.transitions : {},
          ...byEvents(context, decision),
          handlerFailures: 0,
          approval: decision.action === "await_human_approval" ? decision.approval : null,
          aggregation: isParallel
            ? {
                into: decision.transitions["aggregated"]!,
                types: decision.requests.map(({ type }) => type),
              }
            : null,
        };
      }),
      tellEvents: enqueueActions(({ event, enqueue, self }) => {
        const parent = (self as { readonly _parent?: AnyActorRef })._parent;
        for (const told of decisionOf(event).events ?? []) {
          enqueue.emit(told);
          if (parent) enqueue.sendTo(parent, told);
        }
      }),
      startWork: enqueueActions(({ event, enqueue }) => {
        const decision = decisionOf(event);
        switch (decision.action) {
          case "dispatch_task":
            enqueue.spawnChild("task", { id: "task", input: decision.request });
            break;
          case "dispatch_parallel":
            enqueue.spawnChild("tasks", { id: "tasks", input: decision.requests });
            break;
          case "run_blueprint":
            enqueue.spawnChild(`job:${decision.parentClose}`, {
              id: "job",
              input: decision.request,
            });
            break;
          case "await_human_approval":
          case "transition_to":
          case "finish":
            break;
        }
        const delay = "timeoutMs" in decision ? decision.timeoutMs : undefined;
        if (delay !== undefined) enqueue.raise({ type: timeoutEvent }, { id: timeoutEvent, delay });
      }),
      keepOutput: assign({
        stateHistory: ({ context, event }) => merged(context.stateHistory, event.output),
        ...noWork,
      }),
      keepEvent: assign({
        stateHistory: ({ context, event }) => merged(context.stateHistory, saidBy(event)),
        ...noWork,
      }),
      keepFailure: assign({
        stateHistory: ({ context, event }) => ({
          ...context.stateHistory,
          error: failureOf(event),
        }),
        ...noWork,
        aggregation: null,
      }),
      keepResults: assign({
        aggregation: ({ context, event }) => {
          const { into, types } = context.aggregation!;
          const results = (event.output as readonly BranchResult[]).map((result, index) => ({
            ...result,
            type: types[index]!,
          }));
          return { into, types, results };
        },
        ...noWork,
      }),
      keepSubJob: assign({
        stateHistory: ({ context, event }) => {
          const result = event.output as SubJobResult;
          return { ...context.stateHistory, [`sub_job_${result.jobId}_result`]: subJob(result) };
        },
        ...noWork,
      }),
      forgetWork: assign(noWork),
      countMove: assign({
        moves: ({ context }) => {
          if (context.moves < movesMax) return context.moves + 1;
          throw new RuntimeError(
            "flow.too_many_transitions",
            `The job has gone from state to state ${movesMax} times, which is the most that its flow allows.`,
            { movesMax },
          );
        },
      }),
      failUnhandled: assign(({ context, event }): never => {
        throw unhandled(context, event);
      }),
      countFailure: assign({
        handlerFailures: ({ context }) => context.handlerFailures + 1,
      }),
      tryAgainLater: raise({ type: retryEvent }, { id: retryEvent, delay: "handlerBackoff" }),
      forgetTimers: enqueueActions(({ enqueue }) => {
        enqueue(cancel(retryEvent));
        enqueue(cancel(timeoutEvent));
      }),
      stopWork: enqueueActions(({ enqueue }) => {
        for (const id of ["task", "tasks", "job"]) enqueue(stopChild(id));
      }),
    },
  });
}

/** Why the job ends where an outcome leads nowhere; a failure ends it as itself. */
function unhandled({ transitions }: FlowContext, event: FlowEvent): unknown {
  if (event.type === timeoutEvent) return failureOf(event);
  const [status = ""] = outcomesOf({ transitions } as FlowContext, event);
  const { error } = (event.output ?? {}) as Partial<SubJobResult>;
  if (event.type === "xstate.done.actor.job" && error) return error;
  const who = event.type === "xstate.done.actor.job" ? "The job" : "The worker";
  const known = Object.keys(transitions).join(", ");
  return new RuntimeError(
    "task.unhandled_status",
    `${who} answered with the status "${status}", for which the handler named no transition (it named: ${known}).`,
    { status },
  );
}

/** As the original keeps it, and what the job gave. */
function subJob({ outcome, finalState, output, error }: SubJobResult) {
  return {
    outcome,
    final_state: finalState,
    error_message: error?.message ?? null,
    ...(output !== undefined && { output }),
    ...(error && { error }),
  };
}

const unsafeKeys = new Set(["__proto__", "constructor", "prototype"]);

/** The history with an output's members laid over it; an output that is not an object has nothing to merge. */
function merged(
  history: Readonly<Record<string, unknown>>,
  output: unknown,
): Readonly<Record<string, unknown>> {
  if (typeof output !== "object" || output === null || Array.isArray(output)) return history;
  const members = Object.entries(output).filter(([key]) => !unsafeKeys.has(key));
  return { ...history, ...Object.fromEntries(members) };
}
