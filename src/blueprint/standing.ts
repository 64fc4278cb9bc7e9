// Where a job stands: all that another version of its blueprint has to have a place for. Plain JSON.
import type { StateValue } from "xstate";
import { activeStates } from "../actor/active-states.ts";
import type { Envelope } from "../actor/envelope.ts";
import { contextOf } from "../actor/unread-context.ts";
import { actorKind, workName } from "./actor-kind.ts";
import type { Blueprint } from "./blueprint.ts";
import type { FlowContext } from "./flow-handler.ts";

export interface Standing {
  /** XState's value of the state. */
  readonly value: StateValue;
  readonly children: readonly StandingChild[];
  /** The events of pending `after` delays. */
  readonly timers: readonly string[];
  /** The events of all `after` delays of the active states; absent where the version that the job runs is not there. */
  readonly delays?: readonly string[];
  /** History node id → ids of the remembered state nodes. */
  readonly history?: Readonly<Record<string, readonly string[]>>;
  /** Of a flow: the states to which the outcomes of its work lead. */
  readonly leadsTo?: readonly string[];
}

export interface StandingChild {
  readonly id: string;
  /** What the machine calls its logic. */
  readonly src: string;
  /** It has ended. */
  readonly settled: boolean;
  /** A state invokes it, so that it ends with the state; absent where the version that the job runs is not there. */
  readonly invoked?: boolean;
  /** `task charge_card`: what does not change as long as it is the same work; absent where that is not known. */
  readonly work?: string;
}

/** @param blueprint what the job runs, where that is there in the job's shape. */
export function standingOf(envelope: Envelope, blueprint: Blueprint | undefined): Standing {
  const { value, children, timers, history } = envelope;
  const context = contextOf(envelope);
  const nodes = blueprint ? activeStates(blueprint.machine, value).nodes : [];
  const invoked = new Set(nodes.flatMap(({ invoke }) => invoke.map(({ id }) => id)));
  const { transitions, eventTransitions, aggregation } = isFlowContext(context) ? context : {};
  const leadsTo = [
    ...Object.values({ ...transitions }),
    ...Object.values({ ...eventTransitions }),
    ...(aggregation ? [aggregation.into] : []),
  ];
  return {
    value,
    children: Object.entries(children).map(([id, { src, settled = false }]) => ({
      id,
      src,
      settled,
      ...(blueprint && { invoked: invoked.has(id), work: workOf(blueprint, src) }),
    })),
    timers: Object.keys(timers).filter(isDelay),
    ...(blueprint && {
      delays: nodes.flatMap(({ after }) => after.map(({ eventType }) => eventType)),
    }),
    ...(history && { history }),
    ...(leadsTo.length > 0 && { leadsTo: [...new Set(leadsTo)] }),
  };
}

const isDelay = (eventType: string): boolean => eventType.startsWith("xstate.after.");

/** What the actor of the name stands for: `task charge_card`, `job order`, `promise look_up`. */
export function workOf({ machine }: Blueprint, src: string): string {
  const [name = src] = workName(machine, src, undefined);
  return `${actorKind(machine, src).kind} ${name}`;
}

/** Only the contexts of flows have all of these. */
export function isFlowContext(context: unknown): context is FlowContext {
  const isRecord = typeof context === "object" && context !== null;
  return (
    isRecord &&
    ["initialData", "stateHistory", "transitions", "moves"].every((one) => one in context)
  );
}
