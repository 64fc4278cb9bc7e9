// Handing queued tasks to a worker, and keeping them there.
import type { Claim, ClaimResult, Extension, ExtensionResult } from "../store.ts";
import { currentAttempt } from "./apply-commit.ts";
import type { Batch } from "./batch.ts";
import type { TaskRow } from "./tables.ts";
import { extended, leased } from "./task-moves.ts";

/** Lease the first tasks of the asked queues: by priority, then in the order they were added, whatever their queue. */
export function claimTasks(
  batch: Batch,
  { shard, queues, limit, holder, workerId, leaseMs }: Claim,
): ClaimResult {
  const { tables } = batch;
  const candidates = queues.flatMap((asked) =>
    tables.queued(shard, asked.queue, Math.min(asked.limit, limit)).map((id) => tables.task(id)!),
  );
  const tasks = candidates
    .toSorted(byRank)
    .slice(0, limit)
    .map((row) => {
      const claimed = leased(row, { holder, workerId, leaseMs }, batch);
      batch.putTask(row, claimed);
      return claimed.task;
    });
  const drained = queues
    .map(({ queue }) => queue)
    .filter((queue) => tables.queued(shard, queue, 1).length === 0);
  return { tasks, drained };
}

function byRank(a: TaskRow, b: TaskRow): number {
  return b.task.priority - a.task.priority || a.sequence - b.sequence;
}

export function extendLease(batch: Batch, extension: Extension): ExtensionResult {
  if (!batch.tables.task(extension.taskId)) return "unknown";
  const row = currentAttempt(batch.tables, extension, batch.now);
  const after = row && extended(row, extension, batch);
  if (!after) return "fenced";
  batch.putTask(row, after);
  return "kept";
}
