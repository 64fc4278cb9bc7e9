// Reads the parts of a machine's definition that the rules ask for, with the place each stands at.
import type { AnyStateMachine, AnyStateNode } from "xstate";
import { walk } from "../walk.ts";

/** What XState makes of a transition. */
export type Transition = NonNullable<AnyStateNode["always"]>[number];

/** One of XState's own actions (`assign`, `raise`, `spawnChild` …): a function that carries its parameters. */
export interface BuiltIn {
  readonly type: string;
  readonly id?: unknown;
  readonly src?: unknown;
  readonly delay?: unknown;
  readonly assignment?: unknown;
  /** Of `raise` and `sendTo`: the event, or what makes it. */
  readonly event?: unknown;
  /** Of `sendTo`: the actor, its name, or what finds it. */
  readonly to?: unknown;
  /** Of `cancel`. */
  readonly sendId?: unknown;
  /** Of `spawnChild`. */
  readonly systemId?: unknown;
  readonly input?: unknown;
  /** Of `enqueueActions`: the function that queues them. */
  readonly collect?: unknown;
  /** Of `log`. */
  readonly value?: unknown;
}

export interface PlacedAction {
  readonly where: string;
  readonly action: unknown;
}

/** Every transition that leaves the node, eventless ones included. */
export function transitionsOf(node: AnyStateNode): readonly Transition[] {
  return [...[...node.transitions.values()].flat(), ...(node.always ?? [])] as Transition[];
}

export function placeOf(node: AnyStateNode, { eventType }: Pick<Transition, "eventType">): string {
  return `${node.id} on ${eventType === "" ? "always" : eventType}`;
}

/** Every action that the node names or holds. */
export function actionsOf(node: AnyStateNode): readonly PlacedAction[] {
  const at = (where: string, actions: readonly unknown[]) =>
    actions.map((action) => ({ where, action }));
  return [
    ...at(`${node.id} entry`, node.entry),
    ...at(`${node.id} exit`, node.exit),
    ...(node.type === "compound" ? at(`${node.id} initial`, node.initial.actions) : []),
    ...transitionsOf(node).flatMap((transition) =>
      at(placeOf(node, transition), transition.actions),
    ),
  ];
}

/** The built-in actions at the node, and with the root those that `setup` gives a name. */
export function builtInsOf(
  node: AnyStateNode,
  machine: AnyStateMachine,
): readonly { readonly where: string; readonly builtIn: BuiltIn }[] {
  const named = node.parent ? [] : namedActions(machine);
  return [...actionsOf(node), ...named].flatMap(({ where, action }) =>
    isBuiltIn(action) ? [{ where, builtIn: action }] : [],
  );
}

/** The built-in actions of the whole machine, each once. */
export function allBuiltIns(machine: AnyStateMachine): readonly BuiltIn[] {
  return [...walk(machine)].flatMap((node) =>
    builtInsOf(node, machine).map(({ builtIn }) => builtIn),
  );
}

/** The event of a `raise` or `sendTo` that is written down, not made. */
export function writtenEvent({ event }: BuiltIn): string | undefined {
  return typeof event === "function" ? undefined : nameOf(event);
}

function namedActions(machine: AnyStateMachine): readonly PlacedAction[] {
  return Object.entries(machine.implementations.actions).map(([name, action]) => ({
    where: `action "${name}"`,
    action,
  }));
}

export function isBuiltIn(action: unknown): action is BuiltIn {
  return typeof action === "function" && "resolve" in action;
}

/** The name of an action or guard that is given by name, else undefined. */
export function nameOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  const type = typeof value === "object" && value !== null && "type" in value && value.type;
  return typeof type === "string" ? type : undefined;
}

/** The guard itself, or those that `and`, `or` and `not` are made of. */
export function guardsIn(guard: unknown): readonly unknown[] {
  if (guard === undefined) return [];
  if (typeof guard !== "function" || !("check" in guard)) return [guard];
  const parts = "guards" in guard ? (guard.guards as readonly unknown[]) : [];
  return parts.flatMap(guardsIn);
}

/** What the guards of `stateIn` that a guard is made of ask for: an id with `#`, or the value of a state. */
export function statesAskedFor(guard: unknown): readonly unknown[] {
  if (typeof guard !== "function" || !("check" in guard)) return [];
  if ("stateValue" in guard) return [guard.stateValue];
  return "guards" in guard ? (guard.guards as readonly unknown[]).flatMap(statesAskedFor) : [];
}

/** Whether a final state in it ends it, or it is one. */
export function canBeDone(node: AnyStateNode): boolean {
  const inside = Object.values(node.states as Readonly<Record<string, AnyStateNode>>);
  switch (node.type) {
    case "compound":
      return inside.some(({ type }) => type === "final");
    case "parallel":
      return inside.filter(({ type }) => type !== "history").every(canBeDone);
    case "final":
      return true;
    case "atomic":
    case "history":
      return false;
  }
}

/** The node and all above it. */
export function withAncestors(node: AnyStateNode): readonly AnyStateNode[] {
  return node.parent ? [node, ...withAncestors(node.parent)] : [node];
}

/** The lowest node that both are, or are in. */
export function commonAncestor(one: AnyStateNode, other: AnyStateNode): AnyStateNode {
  const above = new Set(withAncestors(one));
  return withAncestors(other).find((node) => above.has(node))!;
}

/** The nodes that become active, downwards, when `node` is entered. */
export function enteredWith(node: AnyStateNode): readonly AnyStateNode[] {
  switch (node.type) {
    case "compound":
      return [node, ...node.initial.target.flatMap(enteredWith)];
    case "parallel":
      return [node, ...regionsOf(node).flatMap(enteredWith)];
    case "history":
      return [node, ...historyDefault(node).flatMap(enteredWith)];
    case "atomic":
    case "final":
      return [node];
  }
}

const regionsOf = (node: AnyStateNode): readonly AnyStateNode[] =>
  Object.values(node.states as Readonly<Record<string, AnyStateNode>>).filter(
    ({ type }) => type !== "history",
  );

/** Where a history node leads while there is no history yet: the states that it names, else those that its parent begins with. */
function historyDefault(node: AnyStateNode): readonly AnyStateNode[] {
  const parent = node.parent!;
  const named = historyTargets(node);
  if (named.length > 0) return named;
  return parent.type === "compound" ? [...parent.initial.target] : regionsOf(parent);
}

/** The states that a history node names as its default. */
export function historyTargets(node: AnyStateNode): readonly AnyStateNode[] {
  if (node.type !== "history") return [];
  const { target = [] } = node.config as { readonly target?: string | readonly string[] };
  return [target].flat().flatMap((one) => stateAt(node.parent!, one) ?? []);
}

/** The state that a text with `#` or a path names, as seen from a node. */
export function stateAt(from: AnyStateNode, target: string): AnyStateNode | undefined {
  const [first = "", ...rest] = target.replace(/^\./, "").split(".");
  const isId = first.startsWith("#");
  const root = isId ? stateOf(from.machine, first.slice(1)) : from;
  const path = isId ? rest : [first, ...rest];
  return path.reduce<AnyStateNode | undefined>(
    (at, key) => (at && Object.hasOwn(at.states, key) ? at.states[key] : undefined),
    root,
  );
}

const stateOf = (machine: AnyStateMachine, id: string): AnyStateNode | undefined =>
  [...walk(machine)].find((node) => node.id === id);
