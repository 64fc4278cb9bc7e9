// What a stored state value means on its machine: the active state nodes, their tags, and the events they take.
import { getStateNodes, type AnyStateMachine, type AnyStateNode, type StateValue } from "xstate";

export interface ActiveStates {
  /** Outermost first. */
  readonly nodes: readonly AnyStateNode[];
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
    nodes,
    tags: new Set(nodes.flatMap((node) => node.tags)),
    events: [...events].filter((type) => type !== "" && !type.startsWith("xstate.")),
  };
}
