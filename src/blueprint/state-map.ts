// Finds the place of a job's states in another machine: by a map of paths, and by their own paths where it says nothing.
import type { AnyStateMachine, AnyStateNode, StateValue } from "xstate";
import { readConfiguration } from "../actor/configuration.ts";
import { walk } from "./walk.ts";

/** Dotted paths of states as they were → as they are. */
export type StateMap = Readonly<Record<string, string | readonly string[]>>;

interface Problem {
  readonly code: "state_gone" | "state_final" | "state_illegal";
  readonly state: string;
  readonly message: string;
}

/** The value in the machine; what no path names there is where it begins. */
export function mappedValue(
  root: AnyStateNode,
  value: StateValue,
  states: StateMap,
): { readonly value: StateValue } | { readonly problems: readonly Problem[] } {
  const paths = leafPaths(value).flatMap((path) => mappedPaths(path, states));
  const gone = paths.filter((path) => nodeAt(root, path) === undefined);
  if (gone.length > 0)
    return {
      problems: gone.map((state) => {
        const message = `There is no state "${state}": name its place in the migration.`;
        return { code: "state_gone", state, message };
      }),
    };
  const tree: Tree = {};
  for (const path of paths) put(tree, path.split("."));
  const nodes = new Set<AnyStateNode>(withInitial(root, tree));
  const mapped = readConfiguration(
    root,
    [...nodes].toSorted((a, b) => a.order - b.order),
  );
  const state = paths.join(", ");
  if (mapped === undefined) {
    const message = `The job can't be in ${state} at once.`;
    return { problems: [{ code: "state_illegal", state, message }] };
  }
  if (hasEnded(root, nodes)) {
    const message = `State "${state}" is final: a job can only come there by a transition.`;
    return { problems: [{ code: "state_final", state, message }] };
  }
  return { value: mapped };
}

/** What is remembered of states that are still there, or have moved. */
export function mappedHistory(
  to: AnyStateMachine,
  from: AnyStateMachine | undefined,
  history: Readonly<Record<string, readonly string[]>>,
  states: StateMap,
): Readonly<Record<string, readonly string[]>> {
  const now = new Map([...walk(to)].map((node) => [node.id, node]));
  const before = new Map(from ? [...walk(from)].map((node) => [node.id, node]) : []);
  const moved = (id: string): readonly string[] => {
    const path = before.get(id)?.path.join(".");
    const places = path === undefined ? [] : mappedPaths(path, states);
    const ids = places.flatMap((place) => nodeAt(to.root, place)?.id ?? []);
    return ids.length > 0 ? ids : now.has(id) ? [id] : [];
  };
  return Object.fromEntries(
    Object.entries(history).flatMap(([id, remembered]) => {
      const [place] = moved(id);
      const nodes = remembered.flatMap(moved);
      const isKept = place !== undefined && now.get(place)?.type === "history" && nodes.length > 0;
      return isKept ? [[place, nodes]] : [];
    }),
  );
}

interface Tree {
  [key: string]: Tree;
}

function put(tree: Tree, [key, ...rest]: readonly string[]): void {
  if (key !== undefined && key !== "") put((tree[key] ??= {}), rest);
}

/** `approval.open.clerk`; one for each active region. */
export function leafPaths(value: StateValue, before = ""): readonly string[] {
  const at = (key: string): string => (before === "" ? key : `${before}.${key}`);
  if (typeof value === "string") return [at(value)];
  const below = Object.entries(value);
  if (below.length === 0) return [before];
  return below.flatMap(([key, inner]) => leafPaths(inner!, at(key)));
}

/** By the longest path in the map that the state is, or is inside. */
export function mappedPaths(path: string, states: StateMap): readonly string[] {
  for (let end = path.length; end > 0; end = path.lastIndexOf(".", end - 1)) {
    const outer = path.slice(0, end);
    if (Object.hasOwn(states, outer))
      return [states[outer]!].flat().map((place) => `${place}${path.slice(end)}`);
  }
  return [path];
}

/** The state of a dotted path; the root of an empty one. */
export function nodeAt(root: AnyStateNode, path: string): AnyStateNode | undefined {
  const keys = path === "" ? [] : path.split(".");
  return keys.reduce<AnyStateNode | undefined>((node, key) => {
    const states: Readonly<Record<string, AnyStateNode>> = node?.states ?? {};
    return Object.hasOwn(states, key) ? states[key] : undefined;
  }, root);
}

/** The nodes that the tree names, and inside them, where it names none, those in which they begin. */
function* withInitial(node: AnyStateNode, tree: Tree): Generator<AnyStateNode> {
  yield node;
  const named = Object.keys(tree);
  const begins = named.length > 0 ? [] : node.type === "compound" ? node.initial.target : [];
  for (const key of named) yield* withInitial(node.states[key]!, tree[key]!);
  for (const target of begins) yield* between(node, target);
  if (node.type === "parallel")
    for (const [key, region] of Object.entries(node.states))
      if (region.type !== "history" && !named.includes(key)) yield* withInitial(region, {});
}

/** An initial state may lie deeper than one level. */
function* between(outer: AnyStateNode, target: AnyStateNode): Generator<AnyStateNode> {
  const tree: Tree = {};
  put(tree, target.path.slice(outer.path.length));
  for (const key of Object.keys(tree)) yield* withInitial(outer.states[key]!, tree[key]!);
}

/** Whether the machine would be over there. */
function hasEnded(node: AnyStateNode, active: ReadonlySet<AnyStateNode>): boolean {
  const inside = Object.values(node.states).filter((child) => active.has(child));
  switch (node.type) {
    case "compound":
      return inside.some(({ type }) => type === "final");
    case "parallel":
      return inside.every((region) => hasEnded(region, active));
    case "atomic":
    case "final":
    case "history":
      return false;
  }
}
