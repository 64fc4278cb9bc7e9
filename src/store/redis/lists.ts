// Lists and counts over all shards.
import { byNewest, readCursor, writeCursor, type JobPlace } from "../job-cursor.ts";
import type { JobStatus, JobSummary } from "../records.ts";
import { shardOf } from "../shard.ts";
import type { FirstQueued, JobPage, JobQuery, ShardKey } from "../store.ts";
import type { Calls, Shard } from "./calls.ts";
import { groupBy, pairs } from "./grouping.ts";
import { decodeJob, decodePlace, encodePlace, jsonText } from "./rows.ts";

/** @param shards how many there are */
export async function listJobs(
  calls: Calls,
  shards: number,
  { blueprint, status, limit, cursor }: JobQuery,
): Promise<JobPage> {
  const after = cursor === undefined ? "" : encodePlace(readCursor(cursor));
  const args = [jsonText(blueprint), status ?? "", String(limit + 1), after];
  const lists = await ofAll(calls, shards, ({ keys }) => calls.run("list-jobs", keys.all, args));
  const places = (lists as string[][]).flatMap((list) => list.map(decodePlace)).toSorted(byNewest);
  const page = places.slice(0, limit);
  const jobs = (await summariesOf(calls, page)).filter(
    (job) =>
      // It may have been moved while the page was put together.
      (blueprint === undefined || job.blueprint === blueprint) &&
      (status === undefined || job.status === status),
  );
  const last = page.at(-1);
  return places.length > limit && last ? { jobs, next: writeCursor(last) } : { jobs };
}

/** The summaries of jobs, in the order that was asked for, without those that are gone. */
async function summariesOf(
  calls: Calls,
  places: readonly JobPlace[],
): Promise<readonly JobSummary[]> {
  const heads = new Map<string, string>();
  const byShard = groupBy(places, ({ jobId }) => shardOf(jobId));
  await Promise.all(
    [...byShard].map(async ([shard, asked]) => {
      const { keys } = calls.shard(shard);
      const jobKeys = asked.map(({ jobId }) => keys.job(jobId));
      const answers = (await calls.run("heads", jobKeys, [])) as string[];
      for (const [index, head] of answers.entries()) heads.set(asked[index]!.jobId, head);
    }),
  );
  return places.flatMap(({ jobId }) => {
    const head = heads.get(jobId);
    return head ? [decodeJob(jobId, head).summary] : [];
  });
}

export async function countJobs(
  calls: Calls,
  shards: number,
): Promise<Readonly<Partial<Record<JobStatus, number>>>> {
  const groups = await ofAll(calls, shards, ({ keys }) =>
    calls.run("count", [keys.all[1]!], ["1"]),
  );
  return sums(groups, (group) => group.slice(group.indexOf("\0") + 1));
}

export async function countQueues(
  calls: Calls,
  shards: number,
): Promise<Readonly<Record<string, number>>> {
  const groups = await ofAll(calls, shards, ({ keys }) =>
    calls.run("count", [keys.all[4]!], ["0"]),
  );
  const waiting = (groups as (string | number)[][]).map((flat) =>
    pairs<string, number>(flat)
      .filter(([group]) => !group.startsWith("r"))
      .flat(),
  );
  return sums(waiting, (group) => JSON.parse(group.slice(1)) as string);
}

export async function queuedSince(
  calls: Calls,
  shards: number,
): Promise<Readonly<Record<string, FirstQueued>>> {
  const answers = await ofAll(calls, shards, ({ keys }) =>
    calls.run("queued-since", [keys.all[4]!, keys.all[2]!], []),
  );
  const found: Record<string, FirstQueued> = {};
  for (const [shard, answer] of answers.entries())
    for (const [text, time] of pairs<string, string>(answer as string[])) {
      const queue = JSON.parse(text) as string;
      const since = Number(time);
      if (since < (found[queue]?.since ?? Infinity)) found[queue] = { since, shard };
    }
  return found;
}

/** Of each key the tasks that `mayRun` counts (`lua/include/task.lua`). */
export function countLeased(calls: Calls, asked: readonly ShardKey[]): Promise<readonly number[]> {
  return Promise.all(
    asked.map(async ({ shard, key }) => {
      const queue = calls.shard(shard).keys.all[4]!;
      const group = `r${jsonText(key)}`;
      return Number(await calls.read(queue, ["ZLEXCOUNT", queue, `[${group}\0`, `(${group}\x01`]));
    }),
  );
}

/** Add up what groups of the same name hold. */
function sums(
  answers: readonly unknown[],
  nameOf: (group: string) => string,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers)
    for (const [group, count] of pairs<string, number>(answer as (string | number)[])) {
      const name = nameOf(group);
      counts[name] = (counts[name] ?? 0) + count;
    }
  return counts;
}

function ofAll<Answer>(
  calls: Calls,
  shards: number,
  ask: (shard: Shard) => Promise<Answer>,
): Promise<readonly Answer[]> {
  return Promise.all(Array.from({ length: shards }, (_, number) => ask(calls.shard(number))));
}
