// What has come due, read from the one due index.
import type { StoredOutboxMessage, StoredTask } from "../records.ts";
import type { Due } from "../store.ts";
import type { Batch } from "./batch.ts";
import { keys, last, type DueKind, type Key, type Tables } from "./tables.ts";
import { ready } from "./task-moves.ts";

interface DueEntry {
  readonly key: Key;
  readonly due: number;
  readonly kind: DueKind;
  readonly ids: readonly string[];
}

/** What is due at `now`, or undefined where delayed tasks have become ready, which must be written down: `takeDue`. */
export function readDue(
  tables: Tables,
  now: number,
  limit: number,
  shard: number,
): Due | undefined {
  const entries = dueEntries(tables, shard, limit + 1);
  const taken = entries.filter(({ due }) => due <= now).slice(0, limit);
  if (taken.some(({ kind }) => kind === "delayed")) return undefined;
  return answer(tables, shard, now, taken, entries[taken.length]);
}

/** What is due; delayed tasks among it are queued. */
export function takeDue(batch: Batch, limit: number, shard: number): Due {
  const { tables, now } = batch;
  const taken = dueEntries(tables, shard, limit).filter(({ due }) => due <= now);
  for (const { kind, ids } of taken) {
    const row = kind === "delayed" ? tables.task(ids[0]!) : undefined;
    if (row) batch.putTask(row, ready(row, now));
  }
  const places = new Set(taken.map(({ key }) => JSON.stringify(key)));
  const next = dueEntries(tables, shard, taken.length + 1).find(
    ({ key }) => !places.has(JSON.stringify(key)),
  );
  return answer(tables, shard, now, taken, next);
}

function dueEntries(tables: Tables, shard: number, limit: number): readonly DueEntry[] {
  const start = keys.dueOf(shard);
  return tables.range(start, [...start, last], limit).map(({ key }) => {
    const [, due, kind, ...ids] = key as [string, number, DueKind, ...string[]];
    return { key, due, kind, ids };
  });
}

function answer(
  tables: Tables,
  shard: number,
  now: number,
  taken: readonly DueEntry[],
  next: DueEntry | undefined,
): Due {
  const timers: Due["timers"][number][] = [];
  const expired: StoredTask[] = [];
  const overdue: StoredTask[] = [];
  const messages: StoredOutboxMessage[] = [];
  const outlived: string[] = [];
  for (const { due, kind, ids } of taken) {
    const [first = "", second = ""] = ids;
    if (kind === "timer") timers.push({ timerId: second, jobId: first, due });
    if (kind === "lease") expired.push(tables.task(first)!.task);
    if (kind === "queued") overdue.push(tables.task(first)!.task);
    if (kind === "message") messages.push(tables.message(first)!);
    if (kind === "outlived") outlived.push(first);
  }
  return {
    now,
    timers,
    expired,
    overdue,
    queues: tables.queues(shard),
    messages,
    outlived,
    ...(next && { next: next.due }),
  };
}
