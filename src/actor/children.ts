// Which children a step starts, keeps, stops and forgets, told from the snapshots before and after.
import { toData } from "./data.ts";
import type { Effect } from "./effect.ts";
import type { Child } from "./envelope.ts";
import { ownMember, type Generations } from "./fence.ts";
import type { ChildReference, ChildReferences } from "./xstate-internal.ts";

/** How many settled spawned children a job keeps, so that a late `sendTo` by name is dropped and no error. */
const settledSpawnedMax = 16;

type Children = Readonly<Record<string, Child>>;

/** Where an actor reference of a step leads. */
interface Address {
  readonly child: string;
  readonly generation: string;
  /** It has not settled: events reach it. */
  readonly live: boolean;
}

export interface Following {
  readonly children: Children;
  readonly starts: readonly Effect[];
  readonly stops: readonly Effect[];
  readonly addresses: ReadonlyMap<unknown, Address>;
}

/**
 * Compare the children before and after a step. A child is the same one only while its reference is
 * the same object: a state that is entered again has a new child under the old id. Actions can't tell
 * this, since `spawn` inside an assign leaves none, and a child that came and went leaves two.
 */
export function followChildren(step: {
  readonly children: Children;
  readonly previous: ChildReferences;
  readonly next: ChildReferences;
  readonly generations: Generations;
  readonly invokedIds: ReadonlySet<string>;
}): Following {
  const addresses = new Map<unknown, Address>();
  const children: [string, Child][] = [];
  const starts: Effect[] = [];
  const stops: Effect[] = [];

  for (const [id, reference] of Object.entries(step.previous)) {
    const child = ownMember(step.children, id);
    if (child === undefined) continue;
    const live = child.settled === undefined;
    addresses.set(reference, { child: id, generation: child.generation, live });
    const isKept = ownMember(step.next, id) === reference;
    if (live && !isKept) {
      stops.push({ type: "stop_child", child: id, generation: child.generation, src: child.src });
    }
  }
  for (const [id, reference] of Object.entries(step.next)) {
    const kept =
      ownMember(step.previous, id) === reference ? ownMember(step.children, id) : undefined;
    if (kept !== undefined) {
      children.push([id, kept]);
      continue;
    }
    const child = newChild(id, reference, step.generations);
    const { src, generation } = child;
    children.push([id, child]);
    addresses.set(reference, { child: id, generation, live: true });
    const input = toData(reference?.options?.input, `input of ${id}`);
    starts.push({ type: "start_child", child: id, generation, src, input });
  }
  return { children: withoutOldest(children, step.invokedIds), starts, stops, addresses };
}

function newChild(
  id: string,
  reference: ChildReference | undefined,
  generations: Generations,
): Child {
  if (reference === undefined) throw new Error(`The machine has no logic for its child '${id}'`);
  if (reference.id !== id) throw new Error("spawnChild() needs an id");
  if (typeof reference.src !== "string") {
    throw new Error(`The logic of child '${id}' is inline; name it under setup({ actors })`);
  }
  return {
    src: reference.src,
    generation: generations.nextChild(),
    ...(reference.systemId !== undefined && { systemId: reference.systemId }),
    ...(reference._syncSnapshot === true && { wantsProgress: true }),
  };
}

function withoutOldest(
  children: readonly [string, Child][],
  invokedIds: ReadonlySet<string>,
): Children {
  const settled = children.filter(([id, child]) => child.settled === true && !invokedIds.has(id));
  if (settled.length <= settledSpawnedMax) return Object.fromEntries(children);
  const dropped = new Set(settled.slice(0, settled.length - settledSpawnedMax));
  return Object.fromEntries(children.filter((entry) => !dropped.has(entry)));
}
