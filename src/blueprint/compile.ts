// A flow's states as a machine: one flat state each, whose arrows are exactly the declared targets.
import type { AnyStateMachine } from "xstate";
import {
  handlerActor,
  flowSetup,
  retryEvent,
  timeoutEvent,
  decisionEvent,
  type FlowEngine,
} from "./flow-engine.ts";
import { handlerRunner, type FlowContext, type StateHandlers } from "./flow-handler.ts";
import type { DeclaredEvents } from "./declared-event.ts";
import { readHandlers } from "./handler-source.ts";
import type { DeclaredTasks } from "./task.ts";

export interface FlowState extends StateHandlers {
  readonly name: string;
  readonly isStart: boolean;
  readonly isEnd: boolean;
  readonly targets: readonly string[];
  /** The types of the events that may lead on while a task runs. */
  readonly events: readonly string[];
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
  /** The state's handler asks a person and names no time, as far as its source tells. */
  readonly asksWithoutTimeout?: true;
}

const hidden: FlowMeta = { hidden: true };

export interface FlowTraits {
  readonly tasks: DeclaredTasks;
  /** Events with their schemas. */
  readonly declared: DeclaredEvents;
  readonly dataStores: unknown;
  /** How often a job may go from a state to the next. */
  readonly movesMax: number;
}

/**
 * The machine of a flow.
 *
 * In every state that has a handler, the child `handler` decides; the children `task`, `tasks` and `job` are what it
 * asked for. An end state's handler runs in a hidden state before the final one, so that a job that is seen in
 * the end state has finished.
 */
export function compileFlow(
  name: string,
  states: readonly FlowState[],
  { tasks, declared, dataStores, movesMax }: FlowTraits,
): AnyStateMachine {
  const runners = states.filter(decides).map((state) => {
    const run = handlerRunner({ ...state, tasks, declared, dataStores });
    return [handlerOf(state.name), handlerActor(run, sourcesOf(state))] as const;
  });
  const entrances = new Map(states.map((state) => [state.name, entranceOf(state)]));
  const flow: FlowEngine = flowSetup(Object.fromEntries(runners), tasks, movesMax);
  const start = states.find(({ isStart }) => isStart)!;
  return flow.createMachine({
    id: name,
    initial: entrances.get(start.name)!,
    context: ({ input }: { input: unknown }): FlowContext => ({
      initialData: input,
      stateHistory: {},
      transitions: {},
      handlerFailures: 0,
      moves: 0,
      approval: null,
      aggregation: null,
    }),
    states: Object.fromEntries(states.flatMap((state) => compileState(state, entrances))),
  } as Parameters<typeof flow.createMachine>[0]) as AnyStateMachine;
}

/** Whether anything runs in the state. */
export function decides({ handler, aggregator, cases = [] }: StateHandlers): boolean {
  return handler !== undefined || aggregator !== undefined || cases.length > 0;
}

const handlerOf = (state: string): string => `handler:${state}`;
/** Where an arrow to the state really leads: an end state's handler comes before the final state. */
const entranceOf = (state: FlowState): string =>
  state.isEnd && decides(state) ? `${state.name}:handler` : state.name;

/** All that decides in the state, for its fingerprint; one handler stands for itself. */
function sourcesOf({ handler, aggregator, cases = [] }: StateHandlers): unknown {
  const others = [...cases.flatMap(({ when, handler: then }) => [when.text, then]), aggregator];
  return others.every((one) => one === undefined) ? handler : [handler, ...others];
}

function compileState(
  state: FlowState,
  entrances: ReadonlyMap<string, string>,
): [string, object][] {
  const { name, isEnd, handler, aggregator, cases = [], targets, events } = state;
  if (!decides(state)) return [[name, { type: "final" }]];
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
    const finish = { target: name, actions: ["keepDecision", "tellEvents"], meta: hidden };
    const before = {
      meta: { hidden: true, drawnAs: name } satisfies FlowMeta,
      invoke: { ...invoke, onDone: finish },
      on: tryAgain,
      exit: "forgetTimers",
    };
    return [
      [entranceOf(state), before],
      [name, { type: "final" }],
    ];
  }
  const functions = [handler, aggregator, ...cases.map((one) => one.handler)];
  const { outcomes, tasks, asksWithoutTimeout } = readHandlers(
    functions.filter((one) => one !== undefined),
  );
  const arrows = targets.map((target) => ({
    target: entrances.get(target)!,
    reenter: true,
    params: { target },
    label: outcomes.get(target)?.join(", ") ?? "",
  }));
  /** To the target that the handler named for the outcome of an event; charts draw the arrows of the decision instead. */
  const leads = (actions: string, guard = "outcomeLeadsTo") =>
    arrows.map(({ target, reenter, params }) => ({
      target,
      reenter,
      guard: { type: guard, params },
      actions: [actions, "countMove"],
      meta: hidden,
    }));
  const fails = { actions: "failUnhandled", meta: hidden };
  const compiled = {
    meta: { tasks, ...(asksWithoutTimeout && { asksWithoutTimeout }) } satisfies FlowMeta,
    invoke: {
      ...invoke,
      onDone: [
        ...arrows.map(({ target, reenter, params, label }) => ({
          target,
          reenter,
          guard: { type: "goesTo", params },
          actions: ["keepDecision", "tellEvents", "countMove"],
          description: label,
        })),
        { actions: ["keepDecision", "tellEvents", "startWork"], meta: hidden },
      ],
    },
    on: {
      ...tryAgain,
      ...Object.fromEntries(events.map((type) => [type, leads("keepEvent", "eventLeadsTo")])),
      [decisionEvent]: leads("forgetWork"),
      [timeoutEvent]: [...leads("keepFailure"), fails],
      "xstate.done.actor.task": [...leads("keepOutput"), fails],
      // A failure that no transition takes ends the job: the machine has no handler for its error.
      "xstate.error.actor.task": leads("keepFailure"),
      "xstate.done.actor.tasks": leads("keepResults"),
      "xstate.done.actor.job": [...leads("keepSubJob"), fails],
      "xstate.error.actor.job": leads("keepFailure"),
    },
    exit: ["stopWork", "forgetTimers"],
  };
  return [[name, compiled]];
}
