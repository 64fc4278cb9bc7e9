// Spares XState work at the nodes of a prepared machine whose outcome is known beforehand.
import type { AnyMachineSnapshot } from "xstate";
import type { StateNode } from "./xstate-internal.ts";

/**
 * Let a node and its actions do no more than they must. What a step gives stays the same.
 *
 * XState asks every active node for every event, and keeps what each one said; and it works out the configuration's
 * value and tags anew for each action that gives another snapshot, though no action changes the configuration.
 * In machines with many regions these two are a third of a step.
 */
export function quicken(node: StateNode): void {
  askOnlyWhereItReacts(node);
  node.entry = node.entry.map(keepingStates);
  node.exit = node.exit.map(keepingStates);
  const transitions = [...node.transitions.values(), node.always ?? []].flat();
  for (const transition of transitions)
    Object.assign(transition, { actions: transition.actions.map(keepingStates) });
}

/** A node with no descriptor for an event has no transition for it. Where there are wildcards, XState decides. */
function askOnlyWhereItReacts(node: StateNode): void {
  const { transitions } = node;
  if ([...transitions.keys()].some((descriptor) => descriptor.endsWith("*"))) return;
  const choosing = node as StateNode & Choosing;
  const next = choosing.next.bind(node);
  Object.defineProperty(node, "next", {
    value: (snapshot: AnyMachineSnapshot, event: { readonly type: string }) =>
      transitions.has(event.type) ? next(snapshot, event) : undefined,
  });
}

interface Choosing {
  /** The transition that a node makes for an event, as a list of one. */
  next(snapshot: AnyMachineSnapshot, event: { readonly type: string }): unknown;
}

/** A built-in action as XState resolves it: it gives the next snapshot, what to execute with, and further actions. */
interface BuiltIn {
  readonly type: string;
  readonly resolve: (
    scope: unknown,
    snapshot: AnyMachineSnapshot,
    ...rest: unknown[]
  ) => [AnyMachineSnapshot, ...unknown[]];
}

type Writable<Type> = { -readonly [Member in keyof Type]: Type[Member] };

/** The built-in actions that give another snapshot, with other children or another context. */
const changing = new Set(["xstate.assign", "xstate.spawnChild", "xstate.stopChild"]);
const noNodes: AnyMachineSnapshot["_nodes"] = [];

/** The action; where it is a built-in one that gives another snapshot, one that takes value and tags over from the one before. */
export function keepingStates<Action>(action: Action): Action {
  if (!isChanging(action)) return action;
  const resolve: BuiltIn["resolve"] = (scope, snapshot, ...rest) => {
    // There is little to work out for a configuration without nodes.
    const resolved = action.resolve(scope, { ...snapshot, _nodes: noNodes }, ...rest);
    const next = resolved[0] as Writable<AnyMachineSnapshot>;
    next._nodes = snapshot._nodes;
    next.value = snapshot.value;
    next.tags = snapshot.tags;
    return resolved;
  };
  return Object.assign(() => {}, action, { resolve });
}

function isChanging(action: unknown): action is BuiltIn {
  return (
    typeof action === "function" &&
    "resolve" in action &&
    "type" in action &&
    changing.has(action.type as string)
  );
}
