// Why the tasks of a queue wait, as a code and a sentence.
import type { WorkerView } from "../worker-pool.ts";
import type { QueueSpec } from "./queue.ts";
import { lack } from "./requirements.ts";

export const waitReasons = [
  "paused",
  "no_worker",
  "unsatisfied",
  "busy",
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

/** So many workers are named that lack something; the others are counted. */
const namedMax = 3;

/**
 * @param workers all that are connected, to whatever node
 * @param isPaused whether tasks of the type may not begin
 * @param isAtRate whether the rate of the key lets none begin now
 */
export function whyWaits(
  spec: QueueSpec,
  {
    workers,
    isPaused,
    isAtRate,
  }: {
    readonly workers: readonly WorkerView[];
    readonly isPaused: boolean;
    readonly isAtRate: boolean;
  },
): WhyWaiting {
  const { type, slots = 1, limit } = spec;
  if (isPaused) return { code: "paused", reason: `Tasks of the type "${type}" are paused.` };
  const ofType = workers.filter(({ types }) => types.includes(type));
  if (ofType.length === 0)
    return { code: "no_worker", reason: `No worker that does "${type}" is connected.` };
  const lacks = ofType.map((worker) => ({ worker, what: lackOf(spec, worker) }));
  const able = lacks.filter(({ what }) => what === undefined).map(({ worker }) => worker);
  if (able.length === 0) return { code: "unsatisfied", reason: unsatisfied(type, lacks) };
  const free = able.filter(({ freeSlots }) => freeSlots > 0);
  if (free.length === 0) {
    const who = able.length === 1 ? "The one worker" : `All ${able.length} workers`;
    const is = able.length === 1 ? "is" : "are";
    return { code: "busy", reason: `${who} that may do it ${is} busy.` };
  }
  if (free.every(({ freeSlots }) => freeSlots < slots))
    return {
      code: "slots",
      reason: `It takes ${slots} slots, and no worker that may do it has as many free.`,
    };
  if (isAtRate && limit?.rate) {
    const { count, perMs } = limit.rate;
    return {
      code: "rate",
      reason: `As many tasks of the key "${limit.key}" have begun as may: ${count} within ${perMs} ms.`,
    };
  }
  if (limit?.concurrency !== undefined)
    return {
      code: "limit",
      reason: `As many tasks of the key "${limit.key}" run as may at once: ${limit.concurrency}.`,
    };
  return { code: "soon", reason: "A worker that may do it is free, and is about to be given it." };
}

function lackOf(spec: QueueSpec, worker: WorkerView): string | undefined {
  // One that pauses has no slots for a while, which is another reason.
  return lack(spec, { ...worker, slots: Math.max(1, worker.maxConcurrentTasks) });
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
