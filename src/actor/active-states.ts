// What a stored state value means on its machine: the active state nodes, their tags, and the events they take.
import { getStateNodes, type AnyStateMachine, type StateValue } from "xstate";

export interface ActiveStates {
  /** Ids of the active state nodes, outermost first. */
  readonly ids: readonly string[];
  readonly tags: ReadonlySet<string>;
  /** Event types that a client may send now; `*` where a wildcard takes any. */
  readonly events: readonly string[];
}

/** Works from the value alone: no actor, no snapshot, no context. Guards are not evaluated. */
export function activeStates(machine: AnyStateMachine, value: StateValue): ActiveStates {
  // XState names a node once for each of its active regions.
  const found = new Set(getStateNodes(machine.root, value));
  const nodes = [...found].toSorted((a, b) => a.order - b.order);
  const events = new Set(nodes.flatMap((node) => node.ownEvents as string[]));
  return {
    ids: nodes.map((node) => node.id),
    tags: new Set(nodes.flatMap((node) => node.tags)),
    events: [...events].filter((type) => type !== "" && !type.startsWith("xstate.")),
  };
}
