// The one list of what has a due time: timers, leases, delayed tasks, queue timeouts, messages, and how long jobs are kept.
import { overdueAt, type StoredOutboxMessage } from "../records.ts";
import { shardOf } from "../shard.ts";
import type { Due } from "../store.ts";
import type { Image } from "./image.ts";
import type { TaskRow } from "./task-row.ts";

type DueItem = {
  readonly due: number;
  readonly place: string;
  /** Begins with the id of the job that it belongs to. */
  readonly id: string;
} & (
  | { readonly kind: "timer"; readonly timer: Due["timers"][number] }
  | { readonly kind: "lease" | "queued" | "delayed"; readonly row: TaskRow }
  | { readonly kind: "message"; readonly message: StoredOutboxMessage }
  | { readonly kind: "outlived"; readonly jobId: string }
);

/** What is due in a shard; delayed tasks among it are queued. */
export function takeDue(image: Image, now: number, limit: number, shard: number): Due {
  const items = () => dueItems(image).filter(({ id }) => shardOf(id) === shard);
  const taken = items()
    .filter(({ due }) => due <= now)
    .slice(0, limit);
  for (const item of taken)
    if (item.kind === "delayed") {
      const { availableAt: _, ...task } = item.row.task;
      const queued = { ...task, state: "queued", since: now } as const;
      image.tasks.set(task.taskId, { ...item.row, task: queued });
    }
  const places = new Set(taken.map(({ place }) => place));
  const next = items().find(({ place }) => !places.has(place))?.due;
  const waiting = [...image.tasks.values()]
    .map(({ task }) => task)
    .filter(({ state, jobId }) => state === "queued" && shardOf(jobId) === shard);
  return {
    now,
    timers: taken.flatMap((item) => (item.kind === "timer" ? [item.timer] : [])),
    expired: taken.flatMap((item) => (item.kind === "lease" ? [item.row.task] : [])),
    overdue: taken.flatMap((item) => (item.kind === "queued" ? [item.row.task] : [])),
    queues: [...new Set(waiting.map(({ queue }) => queue))].toSorted(),
    messages: taken.flatMap((item) => (item.kind === "message" ? [item.message] : [])),
    outlived: taken.flatMap((item) => (item.kind === "outlived" ? [item.jobId] : [])),
    ...(next !== undefined && { next }),
  };
}

/** Everything with a due time, earliest first; what is due at once is ordered by kind and id. */
function dueItems({ timers, tasks, messages, kept }: Image): readonly DueItem[] {
  const items: DueItem[] = [];
  for (const timer of timers.values()) {
    const { jobId, timerId, due } = timer;
    items.push({
      kind: "timer",
      due,
      place: place("timer", due, jobId, timerId),
      id: jobId,
      timer,
    });
  }
  for (const row of tasks.values()) {
    const due = dueOf(row);
    const kind = row.task.state === "leased" ? "lease" : row.task.state;
    const id = row.task.taskId;
    if (due !== undefined) items.push({ kind, due, place: place(kind, due, id), id, row });
  }
  for (const message of messages.values())
    items.push({
      kind: "message",
      due: message.due,
      place: place("message", message.due, message.id),
      id: message.id,
      message,
    });
  for (const [jobId, due] of kept)
    items.push({ kind: "outlived", due, place: place("outlived", due, jobId), id: jobId, jobId });
  return items.toSorted((a, b) => a.due - b.due || (a.place < b.place ? -1 : 1));
}

/** When something must be done about a task if nothing happens to it before. */
function dueOf({ task }: TaskRow): number | undefined {
  switch (task.state) {
    case "leased":
      return task.lease?.until;
    case "delayed":
      return task.availableAt;
    case "queued":
      return overdueAt(task);
  }
}

/** Names an item for as long as its due time stays the same. */
function place(kind: DueItem["kind"], due: number, ...ids: readonly string[]): string {
  return [kind, ...ids, due].join("\0");
}
