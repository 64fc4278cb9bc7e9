// Which tasks wait in a queue, and how many of a key run: looked for among all, because a reference is short before it is fast.
import { shardOf } from "../shard.ts";
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
