// A flow's states as a machine: one flat state each, whose arrows are exactly the declared targets.
import {
  assign,
  cancel,
  enqueueActions,
  raise,
  setup,
  stopChild,
  type AnyActorLogic,
  type AnyStateMachine,
  type EventObject,
} from "xstate";
import type { Failure } from "../actor/envelope.ts";
import { RuntimeError } from "../errors.ts";
import { dynamicTask } from "./actor-kind.ts";
import {
  flowHandler,
  handlerRunner,
  type Decision,
  type FlowContext,
  type FlowHandler,
} from "./flow-handler.ts";
import { readHandler } from "./handler-source.ts";
import { inertLogic } from "./inert-logic.ts";
import type { DeclaredTasks, TaskRequest } from "./task.ts";

export interface FlowState {
  readonly name: string;
  readonly isStart: boolean;
  readonly isEnd: boolean;
  readonly targets: readonly string[];
  readonly handler: FlowHandler<never, never, never> | undefined;
}

/**
 * How charts draw a flow: the `meta` of its states and transitions. The `description` of a transition that is not
 * hidden is what stands on its arrow.
 */
export interface FlowMeta {
  /** A transition or state that is machinery: charts leave it out. */
  readonly hidden?: true;
  /** An arrow to this hidden state is drawn as one to the state named here. */
  readonly drawnAs?: string;
  /** The types of tasks that the state's handler dispatches, as far as its source tells. */
  readonly tasks?: readonly string[];
}

/** The event by which a flow tries a handler again after its backoff. */
export const retryEvent = "flow.retry";
/** How often a handler that throws is tried again where its failure does not say, and the first of the doubling pauses. */
const handlerRetriesMax = 3;
const handlerBackoffMs = 1000;

const hidden: FlowMeta = { hidden: true };

/**
 * The machine of a flow.
 *
 * In every state that has a handler, the child `handler` decides; the child `task` is what it dispatched.
 * An end state's handler runs in a hidden state before the final one, so that a job that is seen in the end state has finished.
 */
export function compileFlow(
  name: string,
  states: readonly FlowState[],
  tasks: DeclaredTasks,
  dataStores: unknown,
): AnyStateMachine {
  const runners = states.flatMap((state) => {
    const { handler, targets, isEnd } = state;
    if (!handler) return [];
    const run = handlerRunner({ name: state.name, targets, isEnd, handler, tasks, dataStores });
    return [[handlerOf(state.name), decider(run, handler)] as const];
  });
  const entrances = new Map(states.map((state) => [state.name, entranceOf(state)]));
  const flow = flowSetup(Object.fromEntries(runners), tasks);
  const start = states.find(({ isStart }) => isStart)!;
  return flow.createMachine({
    id: name,
    initial: entrances.get(start.name)!,
    context: ({ input }: { input: unknown }): FlowContext => ({
      initialData: input,
      stateHistory: {},
      transitions: {},
      handlerFailures: 0,
    }),
    states: Object.fromEntries(states.flatMap((state) => compileState(state, entrances))),
  } as Parameters<typeof flow.createMachine>[0]) as AnyStateMachine;
}

const handlerOf = (state: string): string => `handler:${state}`;
/** Where an arrow to the state really leads: an end state's handler comes before the final state. */
const entranceOf = ({ name, isEnd, handler }: FlowState): string =>
  isEnd && handler ? `${name}:handler` : name;

/** The handler's source takes part in the fingerprint, hence `config`. */
const decider = (run: unknown, handler: unknown) => ({
  ...inertLogic("A handler of a flow runs inside the turn of its job, not as an actor."),
  [flowHandler]: run,
  config: handler,
});

interface FlowEvent extends EventObject {
  readonly output?: unknown;
  readonly error?: unknown;
  readonly status?: string;
}

const decisionOf = (event: FlowEvent): Decision => event.output as Decision;
const failureOf = (event: FlowEvent): Partial<Failure> => event.error as Partial<Failure>;

/** How often a handler is tried again: its failure tells, so that a replay decides as it was decided then. */
const retriesMaxOf = (event: FlowEvent): number => {
  const details = failureOf(event).details as { readonly retriesMax?: number } | undefined;
  return details?.retriesMax ?? handlerRetriesMax;
};

/** The state that a finished task leads to, or undefined where the handler named none for the status. */
function targetOf(context: FlowContext, status: string): string | undefined {
  const { transitions } = context;
  return Object.hasOwn(transitions, status) ? transitions[status] : undefined;
}

const statusOf = (event: FlowEvent): string => event.status ?? "success";

function flowSetup(handlers: Readonly<Record<string, object>>, tasks: DeclaredTasks) {
  const task = {
    ...inertLogic("A task of a flow runs on a worker; it cannot be started in this process."),
    [dynamicTask]: tasks,
  };
  return setup({
    types: { context: {} as FlowContext, events: {} as FlowEvent, input: {} as unknown },
    actors: { ...handlers, task } as unknown as Record<string, AnyActorLogic>,
    guards: {
      dispatches: ({ event }) => decisionOf(event).action === "dispatch_task",
      goesTo: ({ event }, { target }: { target: string }) => {
        const decision = decisionOf(event);
        return decision.action === "transition_to" && decision.state === target;
      },
      outcomeLeadsTo: ({ context, event }, { target }: { target: string }) =>
        targetOf(context, statusOf(event)) === target,
      failureLeadsTo: ({ context }, { target }: { target: string }) =>
        targetOf(context, "failure") === target,
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
        return {
          stateHistory: decision.stateHistory ?? context.stateHistory,
          transitions: decision.action === "dispatch_task" ? decision.transitions : {},
          handlerFailures: 0,
        };
      }),
      startTask: enqueueActions(({ event, enqueue }) => {
        const { request } = decisionOf(event) as { request: TaskRequest };
        enqueue.spawnChild("task", { id: "task", input: request });
      }),
      keepOutput: assign({
        stateHistory: ({ context, event }) => merged(context.stateHistory, event.output),
        transitions: {},
      }),
      keepFailure: assign({
        stateHistory: ({ context, event }) => {
          const { code, message } = failureOf(event);
          return { ...context.stateHistory, error: { code, message } };
        },
        transitions: {},
      }),
      failUnhandledStatus: assign(({ context, event }): never => {
        const known = Object.keys(context.transitions).join(", ");
        const status = statusOf(event);
        throw new RuntimeError(
          "task.unhandled_status",
          `The worker answered with the status "${status}", for which the handler named no transition (it named: ${known}).`,
          { status },
        );
      }),
      countFailure: assign({
        handlerFailures: ({ context }) => context.handlerFailures + 1,
      }),
      tryAgainLater: raise({ type: retryEvent }, { id: retryEvent, delay: "handlerBackoff" }),
      forgetRetry: cancel(retryEvent),
      stopTask: stopChild("task"),
    },
  });
}

function compileState(
  state: FlowState,
  entrances: ReadonlyMap<string, string>,
): [string, object][] {
  const { name, isEnd, handler, targets } = state;
  if (!handler) return [[name, { type: "final" }]];
  const tryAgain = {
    [retryEvent]: {
      guard: "waitsToTryAgain",
      target: entranceOf(state),
      reenter: true,
      meta: hidden,
    },
  };
  const onError = {
    guard: "mayTryAgain",
    actions: ["countFailure", "tryAgainLater"],
    meta: hidden,
  };
  const invoke = { id: "handler", src: handlerOf(name), onError };
  if (isEnd) {
    const finish = { target: name, actions: "keepDecision", meta: hidden };
    const before = {
      meta: { hidden: true, drawnAs: name } satisfies FlowMeta,
      invoke: { ...invoke, onDone: finish },
      on: tryAgain,
      exit: "forgetRetry",
    };
    return [
      [entranceOf(state), before],
      [name, { type: "final" }],
    ];
  }
  const { outcomes, tasks } = readHandler(handler);
  const arrows = targets.map((target) => ({
    target: entrances.get(target)!,
    reenter: true,
    params: { target },
    label: outcomes.get(target)?.join(", ") ?? "",
  }));
  const compiled = {
    meta: { tasks } satisfies FlowMeta,
    invoke: {
      ...invoke,
      onDone: [
        // The one arrow of each target that charts draw; the transitions below lead to the same places.
        ...arrows.map(({ target, reenter, params, label }) => ({
          target,
          reenter,
          guard: { type: "goesTo", params },
          actions: "keepDecision",
          description: label,
        })),
        { guard: "dispatches", actions: ["keepDecision", "startTask"], meta: hidden },
      ],
    },
    on: {
      ...tryAgain,
      "xstate.done.actor.task": [
        ...arrows.map(({ target, reenter, params }) => ({
          target,
          reenter,
          guard: { type: "outcomeLeadsTo", params },
          actions: "keepOutput",
          meta: hidden,
        })),
        { actions: "failUnhandledStatus", meta: hidden },
      ],
      // A failure that no transition takes ends the job: the machine has no handler for its error.
      "xstate.error.actor.task": arrows.map(({ target, reenter, params }) => ({
        target,
        reenter,
        guard: { type: "failureLeadsTo", params },
        actions: "keepFailure",
        meta: hidden,
      })),
    },
    exit: ["stopTask", "forgetRetry"],
  };
  return [[name, compiled]];
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
