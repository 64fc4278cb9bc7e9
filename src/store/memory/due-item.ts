// The one list of what has a due time: timers, leases, delayed tasks, queue timeouts and outbox messages.
import type { StoredOutboxMessage } from "../records.ts";
import type { Due } from "../store.ts";
import type { Image, TaskRow } from "./image.ts";

export type DueItem = { readonly due: number; readonly place: string } & (
  | { readonly kind: "timer"; readonly timer: Due["timers"][number] }
  | { readonly kind: "lease" | "queued" | "delayed"; readonly row: TaskRow }
  | { readonly kind: "message"; readonly message: StoredOutboxMessage }
);

/** Everything with a due time, earliest first; what is due at once is ordered by kind and id. */
export function dueItems({ timers, tasks, messages }: Image): readonly DueItem[] {
  const items: DueItem[] = [];
  for (const timer of timers.values()) {
    const { jobId, timerId, due } = timer;
    items.push({ kind: "timer", due, place: place("timer", due, jobId, timerId), timer });
  }
  for (const row of tasks.values()) {
    const due = dueOf(row);
    const kind = row.task.state === "leased" ? "lease" : row.task.state;
    if (due !== undefined) items.push({ kind, due, place: place(kind, due, row.task.taskId), row });
  }
  for (const message of messages.values())
    items.push({
      kind: "message",
      due: message.due,
      place: place("message", message.due, message.id),
      message,
    });
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
      return task.queueTimeoutMs === undefined ? undefined : task.since + task.queueTimeoutMs;
  }
}

/** Names an item for as long as its due time stays the same. */
function place(kind: DueItem["kind"], due: number, ...ids: readonly string[]): string {
  return [kind, ...ids, due].join("\0");
}
