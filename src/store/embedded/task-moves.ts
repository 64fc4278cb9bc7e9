// What becomes of a task when it is leased, extended, put back or ready again. Nothing is written here.
import type { LeaseOffer } from "../commit.ts";
import { holderOf } from "../records.ts";
import type { Extension, Requeue } from "../store.ts";
import type { TaskRow } from "./tables.ts";

/** Where and when a task is moved. */
interface Moment {
  /** Store time in milliseconds since 1970. */
  readonly now: number;
  /** The node that moves it. */
  readonly node: string;
}

/** Its next attempt, leased. */
export function leased({ sequence, task }: TaskRow, offer: LeaseOffer, at: Moment): TaskRow {
  const { progress: _, lastHolder: __, ...rest } = task;
  const { holder, workerId, leaseMs } = offer;
  const { now, node } = at;
  return {
    sequence,
    task: {
      ...rest,
      state: "leased",
      attempt: task.attempt + 1,
      since: now,
      lease: { holder, workerId, node, startedAt: now, until: now + leaseMs },
    },
  };
}

/** The same attempt, leased longer, or again where the lease had been lost; undefined where another holds or held it. */
export function extended(row: TaskRow, extension: Extension, at: Moment): TaskRow | undefined {
  const { availableAt: _, lastHolder: __, ...task } = row.task;
  const { holder, workerId, leaseMs, progress, checkpoint } = extension;
  const { now, node } = at;
  if ((holderOf(row.task) ?? holder) !== holder) return undefined;
  return {
    sequence: row.sequence,
    task: {
      ...task,
      state: "leased",
      since: task.lease ? task.since : now,
      lease: {
        holder,
        workerId,
        node,
        startedAt: task.lease?.startedAt ?? now,
        until: now + leaseMs,
      },
      ...(progress !== undefined && { progress }),
      ...(checkpoint !== undefined && { checkpoint }),
    },
  };
}

/** Back in its queue, at once or later. */
export function requeued(row: TaskRow, requeue: Requeue, now: number): TaskRow {
  const { lease: _, availableAt: __, lastHolder: ___, ...task } = row.task;
  const lastHolder = holderOf(row.task);
  const { delayMs, settle, counts, lapsed, error } = requeue;
  return {
    sequence: row.sequence,
    task: {
      ...task,
      settled: settle ? task.attempt : task.settled,
      failures: task.failures + (counts && lapsed !== true ? 1 : 0),
      losses: task.losses + (counts && lapsed === true ? 1 : 0),
      since: now,
      ...(!settle && lastHolder !== undefined && { lastHolder }),
      ...(error && { lastError: error }),
      ...(delayMs > 0 ? { state: "delayed", availableAt: now + delayMs } : { state: "queued" }),
    },
  };
}

/** Queued after its delay. */
export function ready({ sequence, task }: TaskRow, now: number): TaskRow {
  const { availableAt: _, ...rest } = task;
  return { sequence, task: { ...rest, state: "queued", since: now } };
}
