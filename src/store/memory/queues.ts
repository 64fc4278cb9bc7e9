// Which tasks wait in a queue, and how many of a key run: looked for among all, because a reference is short before it is fast.
import { shardOf } from "../shard.ts";
import type { FirstQueued } from "../store.ts";
import type { Image } from "./image.ts";
import { byRank, type TaskRow } from "./task-row.ts";

/** The tasks that wait in a queue, first to be claimed first. */
export function queuedIn({ tasks }: Image, queue: string, shard: number): readonly TaskRow[] {
  return [...tasks.values()]
    .filter(({ task }) => task.queue === queue && task.state === "queued")
    .filter(({ task }) => shardOf(task.jobId) === shard)
    .toSorted(byRank);
}

/** How many tasks with a key are leased. */
export function runningWith({ tasks }: Image, key: string, shard: number): number {
  return [...tasks.values()]
    .filter(({ task }) => task.state === "leased" && shardOf(task.jobId) === shard)
    .filter(({ task }) => task.placement?.limit?.key === key).length;
}

/** Of each queue the oldest of those tasks that come first in their priority. */
export function firstQueued({ tasks }: Image): Readonly<Record<string, FirstQueued>> {
  const heads = new Map<string, TaskRow["task"]>();
  for (const { task } of [...tasks.values()].toSorted(byRank)) {
    const place = JSON.stringify([shardOf(task.jobId), task.queue, task.priority]);
    if (task.state === "queued" && !heads.has(place)) heads.set(place, task);
  }
  const first: Record<string, FirstQueued> = {};
  for (const { queue, jobId, createdAt: since } of heads.values())
    if (since < (first[queue]?.since ?? Infinity)) first[queue] = { since, shard: shardOf(jobId) };
  return first;
}
