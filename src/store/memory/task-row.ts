// A task as the memory store holds it: its rank, and how it is leased.
import type { LeaseOffer } from "../commit.ts";
import { holderOf, type NewTask, type StoredTask } from "../records.ts";
import type { Extension, Requeue } from "../store.ts";

export interface TaskRow {
  /** Counts the tasks of the store in the order they were added; it ranks a task for as long as it lives. */
  readonly sequence: number;
  readonly task: StoredTask;
}

/** A task that has just been queued. */
export function newRow(sequence: number, task: NewTask, now: number): TaskRow {
  const books = { attempt: 0, settled: 0, failures: 0, losses: 0, createdAt: now, since: now };
  return { sequence, task: { ...task, state: "queued", ...books } };
}

/** Higher priority first, then in the order the tasks were added. */
export function byRank(a: TaskRow, b: TaskRow): number {
  return b.task.priority - a.task.priority || a.sequence - b.sequence;
}

/** Rows of one queue by their priority; the order stays. */
export function byPriority(rows: readonly TaskRow[]): ReadonlyMap<number, readonly TaskRow[]> {
  const found = new Map<number, TaskRow[]>();
  for (const row of rows) {
    const { priority } = row.task;
    found.set(priority, [...(found.get(priority) ?? []), row]);
  }
  return found;
}

/** The task with its next attempt leased. */
export function lease(
  task: StoredTask,
  { holder, workerId, leaseMs }: LeaseOffer,
  node: string,
  now: number,
): StoredTask {
  const { progress: _, lastHolder: __, ...rest } = task;
  return {
    ...rest,
    state: "leased",
    attempt: task.attempt + 1,
    since: now,
    lease: { holder, workerId, node, startedAt: now, until: now + leaseMs },
  };
}

/** The task with its attempt leased longer, or again where the lease had been lost. */
export function extended(
  before: StoredTask,
  {
    holder,
    workerId,
    leaseMs,
    progress,
    checkpoint,
  }: LeaseOffer & Pick<Extension, "progress" | "checkpoint">,
  node: string,
  now: number,
): StoredTask {
  const { availableAt: _, lastHolder: __, ...task } = before;
  const startedAt = task.lease?.startedAt ?? now;
  return {
    ...task,
    state: "leased",
    since: task.lease ? task.since : now,
    lease: { holder, workerId, node, startedAt, until: now + leaseMs },
    ...(progress !== undefined && { progress }),
    ...(checkpoint !== undefined && { checkpoint }),
  };
}

/** The task back in its queue, at once or later. */
export function requeued(
  before: StoredTask,
  { delayMs, settle, counts, lapsed, error }: Requeue,
  now: number,
): StoredTask {
  const { lease: _, availableAt: __, lastHolder: ___, ...task } = before;
  const lastHolder = holderOf(before);
  return {
    ...task,
    settled: settle ? task.attempt : task.settled,
    failures: task.failures + (counts && lapsed !== true ? 1 : 0),
    losses: task.losses + (counts && lapsed === true ? 1 : 0),
    since: now,
    ...(!settle && lastHolder !== undefined && { lastHolder }),
    ...(error && { lastError: error }),
    ...(delayMs > 0 ? { state: "delayed", availableAt: now + delayMs } : { state: "queued" }),
  };
}
