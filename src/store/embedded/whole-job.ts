// Jobs as a whole: kept for a while once they have ended, given away, and taken in.
import type { ImportResult, JobDump } from "../dump.ts";
import { isFinished, type StoredOutboxMessage } from "../records.ts";
import { shardOf } from "../shard.ts";
import type { Batch } from "./batch.ts";
import { encodeJob, keys, last, type Tables } from "./tables.ts";

/** Keep an outlived job for a while; false where it is not outlived. */
export function claimOutlived(batch: Batch, jobId: string, forMs: number): boolean {
  const due = batch.tables.get(keys.kept(jobId));
  if (due === undefined || Number(due) > batch.now) return false;
  batch.keepUntil(jobId, batch.now + forMs);
  return true;
}

export function exportJob(tables: Tables, jobId: string): JobDump | undefined {
  const job = tables.job(jobId);
  if (!job) return undefined;
  const keptUntil = tables.get(keys.kept(jobId));
  const timers = isFinished(job.summary.status)
    ? []
    : tables.range(keys.timer(jobId, ""), keys.timer(jobId, last));
  const messages = tables.range(keys.message(`${jobId}:`), keys.message(`${jobId}:${last}`));
  return {
    job,
    history: tables.history(jobId, 0, job.revision),
    tasks: tables
      .tasksOf(jobId)
      .toSorted((a, b) => a.sequence - b.sequence)
      .map(({ task }) => task),
    timers: timers.map(({ key, value }) => ({ timerId: String(key[2]), due: Number(value) })),
    messages: messages.map(({ value }) => JSON.parse(value) as StoredOutboxMessage),
    ...(keptUntil !== undefined && { keptUntil: Number(keptUntil) }),
  };
}

export function importJob(
  batch: Batch,
  { job, history, tasks, timers, messages, keptUntil }: JobDump,
): ImportResult {
  const { tables } = batch;
  const { jobId } = job.summary;
  const stored = tables.job(jobId);
  if (stored) return { outcome: "exists", revision: stored.revision };
  if (shardOf(jobId) >= tables.shards()) tables.put(keys.shards, String(shardOf(jobId) + 1));
  tables.put(keys.job(jobId), encodeJob(job));
  for (const entry of history)
    tables.put(keys.history(jobId, entry.revision), JSON.stringify(entry));
  batch.list(undefined, job.summary);
  for (const task of tasks)
    batch.putTask(tables.task(task.taskId), { sequence: batch.nextSequence(), task });
  for (const { timerId, due } of timers) batch.setTimer(jobId, timerId, due);
  for (const message of messages) batch.putMessage(message);
  if (keptUntil !== undefined) batch.keepUntil(jobId, keptUntil);
  return { outcome: "imported" };
}
