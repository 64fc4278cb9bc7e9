// Why the tasks of a queue wait, as a code and a sentence.
import type { WorkerView } from "../worker-view.ts";
import { queueOf, type QueueSpec } from "./queue.ts";
import { lack } from "./requirements.ts";

export const waitReasons = [
  "paused",
  "no_worker",
  "unsatisfied",
  "unavailable",
  "busy",
  "type_limit",
  "not_asking",
  "slots",
  "rate",
  "limit",
  "soon",
] as const;
export type WaitReason = (typeof waitReasons)[number];

export interface WhyWaiting {
  readonly code: WaitReason;
  /** For people. */
  readonly reason: string;
}

/** What is known of a node. */
export interface NodeFacts {
  /** The workers that are connected to it. */
  readonly workers: readonly WorkerView[];
  /** Whether its share of the key's rate lets none begin now. */
  readonly isAtRate: boolean;
}

export interface WaitFacts {
  /** All that live. */
  readonly nodes: readonly NodeFacts[];
  /** Whether tasks of the type may not begin. */
  readonly isPaused: boolean;
  /** How many tasks of the key run, as far as its concurrency counts them. */
  readonly running: number;
}

/** What keeps a worker from a task that it may do: as a code, and as the end of a sentence about one or several. */
const obstacles = {
  leaving: ["unavailable", "is leaving", "are leaving"],
  silent: ["unavailable", "does not answer", "do not answer"],
  pausing: ["unavailable", "pauses", "pause"],
  busy: ["busy", "is busy", "are busy"],
  notAsking: ["not_asking", "does not ask for a task now", "do not ask for a task now"],
  typeLimit: [
    "type_limit",
    "takes no more tasks of its type now",
    "take no more tasks of its type now",
  ],
  saving: [
    "busy",
    "keeps its slots free for a larger task",
    "keep their slots free for a larger task",
  ],
  slots: ["slots", "has too few slots free", "have too few slots free"],
} as const satisfies Readonly<Record<string, readonly [WaitReason, string, string]>>;
type Obstacle = keyof typeof obstacles;

/** So many workers are named that lack something; the others are counted. */
const namedMax = 3;

export function whyWaits(spec: QueueSpec, { nodes, isPaused, running }: WaitFacts): WhyWaiting {
  const { type, limit } = spec;
  if (isPaused) return { code: "paused", reason: `Tasks of the type "${type}" are paused.` };
  const ofType = nodes.flatMap(({ workers, isAtRate }) =>
    workers
      .filter(({ types }) => types.includes(type))
      .map((worker) => ({
        worker,
        isAtRate,
        what: lack(spec, { ...worker, slots: worker.slotsMax }),
      })),
  );
  if (ofType.length === 0)
    return { code: "no_worker", reason: `No worker that does "${type}" is connected.` };
  const able = ofType.filter(({ what }) => what === undefined);
  if (able.length === 0) return { code: "unsatisfied", reason: unsatisfied(type, ofType) };
  const kept = able.map(({ worker }) => obstacleOf(spec, worker));
  if (kept.every((obstacle) => obstacle !== undefined)) return allKept(spec, kept);
  const free = able.filter((_, index) => kept[index] === undefined);
  if (limit?.rate && free.every(({ isAtRate }) => isAtRate)) {
    const { count, perMs } = limit.rate;
    const shared = nodes.length > 1 ? `, shared by ${nodes.length} nodes` : "";
    return {
      code: "rate",
      reason: `As many tasks of the key "${limit.key}" have begun as may: ${count} within ${perMs} ms${shared}.`,
    };
  }
  if (limit?.concurrency !== undefined && running >= limit.concurrency)
    return {
      code: "limit",
      reason: `As many tasks of the key "${limit.key}" run as may at once: ${limit.concurrency}.`,
    };
  return { code: "soon", reason: "A worker that may do it is free, and is about to be given it." };
}

/** What keeps a worker from a task that it satisfies; nothing where it has room. */
function obstacleOf(spec: QueueSpec, worker: WorkerView): Obstacle | undefined {
  const { asking, freeSlots, maxConcurrentTasks, savingFor, status, typeRoom = {} } = worker;
  const { type, slots = 1 } = spec;
  if (status === "draining") return "leaving";
  if (worker.silent) return "silent";
  if (asking === 0) return status === "busy" ? "busy" : "notAsking";
  // Who asks for each task has room for what it asks for, whatever its slots.
  if (asking === undefined && freeSlots === 0) return maxConcurrentTasks === 0 ? "pausing" : "busy";
  if (typeRoom[type] === 0) return "typeLimit";
  if (savingFor !== undefined && savingFor !== queueOf(spec)) return "saving";
  return asking === undefined && freeSlots < slots ? "slots" : undefined;
}

/** Each worker that may do it is kept by something. */
function allKept({ slots = 1 }: QueueSpec, kept: readonly Obstacle[]): WhyWaiting {
  const kinds = new Set(kept);
  const [first = "busy", ...others] = kinds;
  const isAbout = (...some: readonly Obstacle[]) => [...kinds].every((one) => some.includes(one));
  if (kinds.has("slots") && isAbout("slots", "busy"))
    return {
      code: "slots",
      reason: `It takes ${slots} slots, and no worker that may do it has as many free.`,
    };
  if (others.length === 0) {
    const [code, one, many] = obstacles[first];
    const reason =
      kept.length === 1
        ? `The one worker that may do it ${one}.`
        : `All ${kept.length} workers that may do it ${many}.`;
    return { code, reason };
  }
  const codes = new Set([...kinds].map((kind) => obstacles[kind][0]));
  const counted = [...kinds].map((kind) => {
    const count = kept.filter((one) => one === kind).length;
    const [, one, many] = obstacles[kind];
    return `${count} ${count === 1 ? one : many}`;
  });
  return {
    code: codes.size === 1 ? obstacles[first][0] : "busy",
    reason: `None of the ${kept.length} workers that may do it takes it now: ${counted.join(", ")}.`,
  };
}

function unsatisfied(
  type: string,
  lacks: readonly { readonly worker: WorkerView; readonly what: string | undefined }[],
): string {
  const named = lacks
    .slice(0, namedMax)
    .map(({ worker, what }) => `${worker.workerId} ${what}`)
    .join("; ");
  const more = lacks.length > namedMax ? `; and so on for ${lacks.length - namedMax} more` : "";
  return lacks.length === 1
    ? `The one worker that does "${type}" does not satisfy what it needs: ${named}.`
    : `None of the ${lacks.length} workers that do "${type}" satisfies what it needs: ${named}${more}.`;
}
