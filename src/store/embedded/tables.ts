// How everything lies in the one ordered tree of LMDB: the keys, and how text becomes rows.
import type { RootDatabase } from "lmdb";
import type { HistoryEntry, JobStatus, JobSummary, StoredJob, StoredTask } from "../records.ts";
import type { StoredOutboxMessage } from "../records.ts";
import { shardOf } from "../shard.ts";
import type { FirstQueued } from "../store.ts";
import { corrupt, undamaged } from "./corrupt.ts";

/** A key begins with the letter of its table. Parts sort one after the other: numbers before text, each ascending. */
export type Key = (string | number)[];
export type Database = RootDatabase<string, Key>;

/** Sorts behind everything else that a key holds, so `[...prefix, last]` ends a range. */
export const last = "\uffff";

export const keys = {
  /** Who holds the directory: the name of its socket. */
  holder: ["m", "holder"],
  /** The format of all rows. */
  format: ["m", "format"],
  /** A type whose tasks may not begin. */
  paused: (type: string) => ["p", type],
  /** What is kept of a version of a blueprint. */
  shape: (version: string) => ["s", version],
  /** How many shards there are, where more than one. */
  shards: ["m", "shards"],
  /** The latest store time, and how many tasks were ever added. */
  marks: ["m", "marks"],
  /** → `encodeJob` */
  job: (jobId: string) => ["j", jobId],
  /** → HistoryEntry */
  history: (jobId: string, revision: number | typeof last) => ["h", jobId, revision],
  /** Each job once, by what lists can be asked for. */
  listed: ({ blueprint, status, createdAt, jobId }: JobSummary) => [
    "l",
    blueprint,
    status,
    createdAt,
    jobId,
  ],
  list: (blueprint: string, status: JobStatus) => ["l", blueprint, status],
  /** → how many jobs are in the list. */
  jobCount: (blueprint: string, status: JobStatus) => ["c", "jobs", blueprint, status],
  /** → how many tasks wait in the queue, queued or delayed. */
  queueCount: (queue: string) => ["c", "queue", queue],
  /** → TaskRow. A job's tasks are neighbours, because a task's id begins with the id of its job. */
  task: (taskId: string) => ["t", taskId],
  /** First to be claimed first → task id. */
  queued: ({ task, sequence }: TaskRow): Key => [
    ...keys.queue(shardOf(task.jobId), task.queue),
    9 - task.priority,
    sequence,
  ],
  queue: (shard: number, queue: string): Key => [ofShard("q", shard), queue],
  /** The leased tasks with a key. */
  runs: (key: string, taskId: string): Key => [...keys.running(shardOf(taskId), key), taskId],
  running: (shard: number, key: string): Key => [ofShard("r", shard), key],
  /** → due time, to find the entry in the due index. */
  timer: (jobId: string, timerId: string) => ["x", jobId, timerId],
  /** → StoredOutboxMessage */
  message: (id: string) => ["o", id],
  /** Everything with a due time, earliest first. The first id tells the shard. */
  due: (due: number, kind: DueKind, id: string, ...ids: readonly string[]): Key => [
    ...keys.dueOf(shardOf(id)),
    due,
    kind,
    id,
    ...ids,
  ],
  dueOf: (shard: number): Key => [ofShard("d", shard)],
  /** Until when an ended job is kept → due time, to find the entry in the due index. */
  kept: (jobId: string) => ["e", jobId],
  /** → the id of the job that claimed the key first; a line break, and until when the key is kept at least. */
  claimed: (key: string) => ["k", key],
  /** Every claimed key by when it is to be looked at. */
  claimedAt: (time: number, key: string) => ["u", time, key],
} satisfies Record<string, Key | ((...parts: never[]) => Key)>;

/** Jobs that are begun here lie in shard 0; those of other shards came from another store. */
function ofShard(table: string, shard: number): string {
  return shard === 0 ? table : `${table}${shard}`;
}

export type DueKind = "delayed" | "lease" | "message" | "outlived" | "queued" | "timer";

/** A task and its rank: how many tasks were added before it. */
export interface TaskRow {
  readonly sequence: number;
  readonly task: StoredTask;
}

/** The typed rows, for reading; inside a write transaction also for writing. */
export class Tables {
  readonly #database: Database;
  readonly #directory: string;

  /** @param directory where it lies, for messages about damage */
  constructor(database: Database, directory: string) {
    this.#database = database;
    this.#directory = directory;
  }

  get(key: Key): string | undefined {
    return undamaged(this.#directory, () => this.#database.get(key));
  }

  /** To be called inside a write transaction only. */
  put(key: Key, value: string): void {
    this.#database.putSync(key, value);
  }

  /** To be called inside a write transaction only. */
  remove(key: Key): void {
    this.#database.removeSync(key);
  }

  /** Rows from `start` on and before `end`, ascending. */
  range(
    start: Key,
    end: Key,
    limit?: number,
  ): readonly { readonly key: Key; readonly value: string }[] {
    if (limit !== undefined && limit <= 0) return [];
    const range = { start, end, ...(limit !== undefined && { limit }) };
    return undamaged(this.#directory, () => [...this.#database.getRange(range)]);
  }

  /** Keys below `start` and from `end` on, descending; read one by one as they are asked for. */
  keysDownFrom(start: Key, end: Key): Iterable<Key> {
    return this.#database.getKeys({
      start: start,
      end: end,
      reverse: true,
      exclusiveStart: true,
    });
  }

  job(jobId: string): StoredJob | undefined {
    const row = this.get(keys.job(jobId));
    return row === undefined ? undefined : undamaged(this.#directory, () => decodeJob(row));
  }

  /** A job that an index names. */
  indexedJob(jobId: string): StoredJob {
    const job = this.job(jobId);
    if (!job) throw corrupt(this.#directory, `job ${jobId} is listed, and its row is missing`);
    return job;
  }

  history(jobId: string, after: number, limit: number): readonly HistoryEntry[] {
    const rows = this.range(keys.history(jobId, after + 1), keys.history(jobId, last), limit);
    return rows.map(({ value }) => this.#decode<HistoryEntry>(value));
  }

  task(taskId: string): TaskRow | undefined {
    const row = this.get(keys.task(taskId));
    return row === undefined ? undefined : this.#decode<TaskRow>(row);
  }

  tasksOf(jobId: string): readonly TaskRow[] {
    const rows = this.range(keys.task(`${jobId}:`), keys.task(`${jobId}:${last}`));
    return rows.map(({ value }) => this.#decode<TaskRow>(value));
  }

  /** The ids of the tasks that wait in a queue, first to be claimed first. */
  queued(shard: number, queue: string, limit: number): readonly string[] {
    const start = keys.queue(shard, queue);
    const rows = this.range(start, [...start, last], limit);
    return rows.map(({ value }) => value);
  }

  /** The tasks that wait in a queue, of each priority the first ones, first to be claimed first. */
  queuedByPriority(
    shard: number,
    queue: string,
    limit: number,
  ): ReadonlyMap<number, readonly TaskRow[]> {
    const start = keys.queue(shard, queue);
    const found = new Map<number, TaskRow[]>();
    for (let rank = 0; rank <= 9;) {
      const rows = this.range([...start, rank], [...start, last], limit);
      const first = Number(rows[0]?.key[2] ?? 9);
      // Where there are not as many as were asked for, all that wait are known.
      const isAll = rows.length < limit;
      for (const { key, value } of rows) {
        if (!isAll && key[2] !== first) break;
        const priority = 9 - Number(key[2]);
        const before = found.get(priority) ?? [];
        found.set(priority, before);
        before.push(this.task(value)!);
      }
      if (isAll) break;
      rank = first + 1;
    }
    return found;
  }

  /** How many tasks with a key are leased in a shard, counted up to `most`. */
  running(shard: number, key: string, most: number): number {
    const start = keys.running(shard, key);
    return this.range(start, [...start, last], most).length;
  }

  /** The queues of a shard in which tasks can be claimed. */
  queues(shard: number): readonly string[] {
    const waiting = this.range(keys.queueCount(""), keys.queueCount(last));
    const names = waiting.map(({ key }) => String(key[2]));
    return names.filter((queue) => this.queued(shard, queue, 1).length > 0);
  }

  /** The first of the tasks that can be claimed from each queue. */
  queuedSince(): Readonly<Record<string, FirstQueued>> {
    const found: Record<string, FirstQueued> = {};
    for (let shard = 0; shard < this.shards(); shard++)
      for (const queue of this.queues(shard))
        for (const [first] of this.queuedByPriority(shard, queue, 1).values()) {
          const since = first!.task.createdAt;
          if (since < (found[queue]?.since ?? Infinity)) found[queue] = { since, shard };
        }
    return found;
  }

  message(id: string): StoredOutboxMessage | undefined {
    const row = this.get(keys.message(id));
    return row === undefined ? undefined : this.#decode<StoredOutboxMessage>(row);
  }

  shards(): number {
    return Number(this.get(keys.shards) ?? 1);
  }

  marks(): { readonly now: number; readonly sequence: number } {
    const [now = 0, sequence = 0] = this.#decode<number[]>(this.get(keys.marks) ?? "[]");
    return { now, sequence };
  }

  #decode<Row>(row: string): Row {
    return undamaged(this.#directory, () => JSON.parse(row) as Row);
  }
}

/** The envelope follows the rest as it is, behind a line break: JSON has none, and nothing is encoded twice. */
export function encodeJob({ envelope, ...rest }: StoredJob): string {
  return `${JSON.stringify(rest)}\n${envelope}`;
}

function decodeJob(row: string): StoredJob {
  const end = row.indexOf("\n");
  const rest = JSON.parse(row.slice(0, end)) as Omit<StoredJob, "envelope">;
  return { ...rest, envelope: row.slice(end + 1) };
}
