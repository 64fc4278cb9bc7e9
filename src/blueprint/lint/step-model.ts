// Runs a machine in XState without any code of its author: states, transitions and raised events alone. Finds steps without end.
import {
  assign,
  raise,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type StateValue,
} from "xstate";
import { StepScope } from "../../actor/scope.ts";
import { walk } from "../walk.ts";
import {
  isBuiltIn,
  nameOf,
  transitionsOf,
  withAncestors,
  writtenEvent,
  type BuiltIn,
} from "./definition.ts";

/** The transition by which a step gets into a circle: of a state, by its id. */
export interface EndlessStep {
  readonly id: string;
  readonly eventType: string;
}

/** So many transitions of one step are taken for a circle; the events of the last of them are those in it. */
const endless = 300;
const inCircle = 100;
/** The most steps that are tried. */
const stepsMax = 2000;

export function raisesAtOnce({ type, delay }: BuiltIn): boolean {
  return type === "xstate.raise" && delay === undefined;
}

/**
 * From every set of states that events can lead to, take every event. Guards let everything or nothing pass on the way, and
 * no circle counts that one of them could break; what code would decide is not followed.
 */
export function endlessSteps(machine: AnyStateMachine): readonly EndlessStep[] {
  const model = new StepModel(machine);
  const found = new Map<string, EndlessStep>();
  const seen = new Set<string>();
  const queue: AnyMachineSnapshot[] = [];
  let steps = 0;
  const tried = (from: AnyMachineSnapshot | undefined, event: string): void => {
    const { next, circle = [], stoppedByGuard } = model.step(from, event, undefined);
    for (const one of circle) found.set(`${one.id} ${one.eventType}`, one);
    const ways = stoppedByGuard
      ? [true, false].map((pass) => model.step(from, event, pass).next)
      : [next];
    for (const way of ways) {
      if (way?.status !== "active") continue;
      const key = JSON.stringify(way.value);
      if (!seen.has(key)) queue.push(way);
      seen.add(key);
    }
    steps++;
  };
  tried(undefined, "xstate.init");
  for (const value of model.restingPlaces())
    if (!seen.has(JSON.stringify(value))) queue.push(model.at(value));
  for (let from = queue.shift(); from && steps < stepsMax; from = queue.shift())
    for (const event of eventsIn(from)) tried(from, event);
  return [...found.values()];
}

/** What can come from outside: not that a state is done, and nothing for a wildcard alone. */
function eventsIn({ _nodes }: AnyMachineSnapshot): ReadonlySet<string> {
  const active = new Set(_nodes.flatMap(withAncestors));
  const types = [...active].flatMap((node) => [...node.transitions.keys()] as string[]);
  return new Set(
    types.filter((type) => !type.includes("*") && !type.startsWith("xstate.done.state.")),
  );
}

interface ModelStep {
  /** Undefined where the step has no end, or takes code to tell. */
  readonly next?: AnyMachineSnapshot | undefined;
  readonly circle?: readonly EndlessStep[];
  readonly stoppedByGuard: boolean;
}

/** Thrown through XState, which wraps it: what it means is noted before. */
class Stop extends Error {}

class StepModel {
  readonly #machine: AnyStateMachine;
  #taken: EndlessStep[] = [];
  #raised = 0;
  #stoppedByGuard = false;
  /** What guards answer; undefined: they stop the step. */
  #pass: boolean | undefined;

  constructor(original: AnyStateMachine) {
    const machine: AnyStateMachine = original.provide({});
    machine.config = { ...machine.config, context: {} } as typeof machine.config;
    for (const node of walk(machine)) {
      node.entry = this.#raises(node.entry, original);
      node.exit = this.#raises(node.exit, original);
      node.output = undefined;
      node.invoke.length = 0;
      if (node.type === "compound")
        Object.assign(node.initial, { actions: this.#raises(node.initial.actions, original) });
      for (const transition of transitionsOf(node)) {
        const { guard, actions, eventType } = transition;
        const isGuarded = guard !== undefined;
        transition.actions = this.#raises(actions, original);
        transition.guard = () => this.#mayTake({ id: node.id, eventType }, isGuarded);
      }
    }
    this.#machine = machine;
  }

  /** States outside of parallel ones in which a step can end, also where only guards that disagree lead to them. */
  restingPlaces(): readonly StateValue[] {
    return [...walk(this.#machine)].flatMap((node) => {
      const around = withAncestors(node);
      const rests =
        node.type === "atomic" &&
        node.parent !== undefined &&
        around.every((one) => one.type !== "parallel" && !one.always?.length);
      return rests
        ? [node.path.reduceRight<StateValue>((inner, key) => ({ [key]: inner }), {})]
        : [];
    });
  }

  at(value: StateValue): AnyMachineSnapshot {
    return this.#machine.resolveState({ value, context: {} }) as AnyMachineSnapshot;
  }

  /** @param from undefined for the first step */
  step(from: AnyMachineSnapshot | undefined, type: string, pass: boolean | undefined): ModelStep {
    this.#taken = [];
    this.#raised = 0;
    this.#stoppedByGuard = false;
    this.#pass = pass;
    const scope = new StepScope("lint", true, 1).forXState;
    let next: AnyMachineSnapshot | undefined;
    try {
      next = (
        from
          ? this.#machine.transition(from, { type }, scope)
          : this.#machine.getInitialSnapshot(scope)
      ) as AnyMachineSnapshot;
    } catch {
      next = undefined;
    }
    const stoppedByGuard = this.#stoppedByGuard;
    if (this.#taken.length < endless) return { next, stoppedByGuard };
    // Without events it is a circle of eventless transitions, which another rule is about.
    const last = this.#taken.slice(-inCircle);
    const circle = this.#raised > 0 && pass === undefined ? last.filter(isOfEvent) : [];
    return { circle, stoppedByGuard };
  }

  #mayTake(taken: EndlessStep, isGuarded: boolean): boolean {
    if (isGuarded) {
      this.#stoppedByGuard = true;
      if (this.#pass === undefined) throw new Stop();
      if (!this.#pass) return false;
    }
    if (this.#taken.push(taken) >= endless) throw new Stop();
    return true;
  }

  /** What raises events at once, and a stop in the place of code that may. */
  #raises(actions: readonly unknown[], { implementations }: AnyStateMachine) {
    return actions.flatMap((action) => {
      const name = typeof action === "function" ? undefined : nameOf(action);
      const found: unknown = name === undefined ? action : implementations.actions[name];
      if (!isBuiltIn(found)) return [];
      const type = raisesAtOnce(found) ? writtenEvent(found) : undefined;
      if (type !== undefined)
        return [
          raise(() => {
            this.#raised++;
            return { type };
          }),
        ];
      const isCode = found.type === "xstate.enqueueActions" || raisesAtOnce(found);
      return isCode ? [assign(stop)] : [];
    }) as never;
  }
}

function stop(): never {
  throw new Stop();
}

const isOfEvent = ({ eventType }: EndlessStep): boolean => eventType !== "";
