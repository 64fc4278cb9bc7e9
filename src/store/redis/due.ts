// What the script `due` tells, as records.
import type { StoredOutboxMessage, StoredTask } from "../records.ts";
import type { Due } from "../store.ts";
import { decodeMessage, decodeTask } from "./rows.ts";

/** @param answer what `lua/due.lua` returns behind time and epoch */
export function readDue(now: number, answer: readonly unknown[]): Due {
  const [entries, queues, next] = answer as [string[], string[], string];
  const timers: Due["timers"][number][] = [];
  const expired: StoredTask[] = [];
  const overdue: StoredTask[] = [];
  const messages: StoredOutboxMessage[] = [];
  const outlived: string[] = [];
  for (let index = 0; index < entries.length; index += 3) {
    const [member, time, row] = entries.slice(index, index + 3) as [string, string, string];
    const id = member.slice(1);
    const kind = member[0];
    if (kind === "t") timers.push(timerOf(id, Number(time)));
    if (kind === "l") expired.push(decodeTask(row).task);
    if (kind === "q") overdue.push(decodeTask(row).task);
    if (kind === "m") messages.push(decodeMessage(row, Number(time)));
    if (kind === "o") outlived.push(id);
  }
  return {
    now,
    timers,
    expired,
    overdue,
    queues: queues.map((queue) => JSON.parse(queue) as string).toSorted(),
    messages,
    outlived,
    ...(next !== "" && { next: Number(next) }),
  };
}

function timerOf(id: string, due: number): Due["timers"][number] {
  const [jobId = "", timerId = ""] = id.split("\0");
  return { timerId, jobId, due };
}
