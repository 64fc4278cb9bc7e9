// Which children a step starts, keeps, stops and forgets, told from the snapshots before and after.
import type { AnyStateMachine } from "xstate";
import { traitsOf } from "./child-traits.ts";
import { setMember, toData } from "./data.ts";
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
  /** Those of the stopped that the job waits for, instead of stopping them; by generation. */
  readonly awaited: Children;
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
  readonly machine: AnyStateMachine;
  readonly shards: number | undefined;
}): Following {
  const addresses = new Map<unknown, Address>();
  const children: [string, Child][] = [];
  const starts: Effect[] = [];
  const left: [string, Child][] = [];

  for (const [id, reference] of Object.entries(step.previous)) {
    const child = ownMember(step.children, id);
    if (child === undefined) continue;
    const live = child.settled === undefined;
    addresses.set(reference, { child: id, generation: child.generation, live });
    const isKept = ownMember(step.next, id) === reference;
    if (live && !isKept) left.push([id, child]);
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
    addresses.set(reference, { child: id, generation, live: true });
    const input = toData(reference?.options?.input, `input of ${id}`);
    const gathers = traitsOf(step.machine, src).gathers === true && Array.isArray(input);
    children.push([
      id,
      {
        ...child,
        ...(step.shards !== undefined && { shards: step.shards }),
        ...(gathers && { awaits: input.length }),
      },
    ]);
    starts.push({ type: "start_child", child: id, generation, src, input });
  }
  return {
    children: withoutOldest(children, step.invokedIds),
    starts,
    ...leave(step.machine, left),
    addresses,
  };
}

/** What becomes of children that are left: most are stopped, some are awaited. */
export function leave(
  machine: AnyStateMachine,
  left: readonly (readonly [string, Child])[],
): Pick<Following, "stops" | "awaited"> {
  const stops: Effect[] = [];
  const awaited: Record<string, Child> = {};
  for (const [id, child] of left) {
    const { src, generation } = child;
    if (traitsOf(machine, src).isAwaited) awaited[generation] = child;
    else stops.push({ type: "stop_child", child: id, generation, src });
  }
  return { stops, awaited };
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
  const dropped = new Set(settled.slice(0, Math.max(0, settled.length - settledSpawnedMax)));
  const left: Record<string, Child> = {};
  for (const entry of children) if (!dropped.has(entry)) setMember(left, entry[0], entry[1]);
  return left;
}
