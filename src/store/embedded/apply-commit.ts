// A turn, applied inside a write transaction: all of it, or nothing when it is late.
import assert from "node:assert/strict";
import type { Commit, CommitResult, LeaseOffer, Op } from "../commit.ts";
import type { NewTask } from "../records.ts";
import { shardOf } from "../shard.ts";
import type { Attempt } from "../store.ts";
import type { Batch } from "./batch.ts";
import { encodeJob, keys, type Tables, type TaskRow } from "./tables.ts";
import { leased } from "./task-moves.ts";

/** @param epoch the one of this life of the store */
export function applyCommit(batch: Batch, commit: Commit, epoch: string): CommitResult {
  const { jobId, expectedRevision, revision, envelope, summary, history, ops } = commit;
  const { tables } = batch;
  assert.equal(history.length, revision - expectedRevision, "one history entry for each revision");
  const stored = tables.job(jobId);
  if ((stored?.revision ?? 0) !== expectedRevision || (commit.epoch ?? epoch) !== epoch)
    return { outcome: "conflict", revision: stored?.revision ?? 0 };
  for (const op of ops)
    if (op.op === "finish_task" && !currentAttempt(tables, op, batch.now))
      return { outcome: "fenced", taskId: op.taskId };

  tables.put(keys.job(jobId), encodeJob({ summary, revision, envelope }));
  for (const entry of history)
    tables.put(keys.history(jobId, entry.revision), JSON.stringify(entry));
  batch.list(stored?.summary, summary);
  const got: string[] = [];
  for (const op of ops) applyOp(batch, jobId, op, got);
  return { outcome: "committed", now: batch.now, leased: got };
}

/** @param got gets the ids of the tasks that were leased. */
function applyOp(batch: Batch, jobId: string, op: Op, got: string[]): void {
  switch (op.op) {
    case "add_task":
      assert(op.task.taskId.startsWith(`${jobId}:`), "a task's id begins with its job's");
      if (addTask(batch, op.task, op.offer)) got.push(op.task.taskId);
      return;
    case "finish_task":
    case "remove_task":
      return batch.removeTask(op.taskId);
    case "set_timer":
      return batch.setTimer(jobId, op.timerId, op.due);
    case "clear_timer":
      return batch.clearTimer(jobId, op.timerId);
    case "add_message":
      return batch.putMessage({ ...op.message, tries: 0, due: op.due });
    case "keep_until":
      return batch.keepUntil(jobId, op.due);
    case "keep":
      return batch.keep(jobId);
  }
}

/** Queue a task; true if the offer got it, because nothing waits in its queue. */
function addTask(batch: Batch, task: NewTask, offer: LeaseOffer | undefined): boolean {
  const before = batch.tables.task(task.taskId);
  const added: TaskRow = {
    sequence: batch.nextSequence(),
    task: {
      ...task,
      state: "queued",
      attempt: 0,
      settled: 0,
      failures: 0,
      losses: 0,
      createdAt: batch.now,
      since: batch.now,
    },
  };
  const taken = offer !== undefined && isFree(batch, task);
  batch.putTask(before, taken ? leased(added, offer, batch) : added);
  return taken;
}

/** Whether nothing waits in a task's queue, and its key does not run as often as it may. */
function isFree({ tables }: Batch, { jobId, queue, placement }: NewTask): boolean {
  const shard = shardOf(jobId);
  if (tables.queued(shard, queue, 1).length > 0) return false;
  const { key, concurrency } = placement?.limit ?? {};
  if (key === undefined || concurrency === undefined) return true;
  return tables.running(shard, key, concurrency) < concurrency;
}

/** The task of an attempt that is current and unsettled, and has no lease any more if it must be `lapsed`. */
export function currentAttempt(
  tables: Tables,
  { taskId, attempt, lapsed }: Attempt & { readonly lapsed?: true },
  now: number,
): TaskRow | undefined {
  const row = tables.task(taskId);
  if (row?.task.attempt !== attempt || attempt <= row.task.settled) return undefined;
  return lapsed && (row.task.lease?.until ?? 0) > now ? undefined : row;
}
