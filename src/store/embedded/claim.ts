// Handing queued tasks to a worker, and keeping them there.
import type { Claim, ClaimResult, Extension, ExtensionResult } from "../store.ts";
import { currentAttempt } from "./apply-commit.ts";
import type { Batch } from "./batch.ts";
import { servingOrder } from "../serving-order.ts";
import { extended, leased } from "./task-moves.ts";

/** Lease the first tasks of the asked queues. */
export function claimTasks(batch: Batch, claim: Claim): ClaimResult {
  const { shard, queues, limit, holder, workerId, leaseMs } = claim;
  const { tables, now } = batch;
  const waiting = queues.map((asked) => ({
    asked,
    waiting: tables.queuedByPriority(shard, asked.queue, Math.min(asked.limit, limit)),
  }));
  const served = servingOrder(waiting, claim, now, (key, most) => tables.running(shard, key, most));
  const tasks = served.map((row) => {
    const claimed = leased(row, { holder, workerId, leaseMs }, batch);
    batch.putTask(row, claimed);
    return claimed.task;
  });
  const drained = queues
    .map(({ queue }) => queue)
    .filter((queue) => tables.queued(shard, queue, 1).length === 0);
  return { tasks, drained };
}

export function extendLease(batch: Batch, extension: Extension): ExtensionResult {
  if (!batch.tables.task(extension.taskId)) return "unknown";
  const row = currentAttempt(batch.tables, extension, batch.now);
  const after = row && extended(row, extension, batch);
  if (!after) return "fenced";
  batch.putTask(row, after);
  return "kept";
}
