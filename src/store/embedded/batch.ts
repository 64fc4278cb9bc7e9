// One write transaction: the rows of many callers, their indexes and counts, durable together.
import {
  overdueAt,
  type JobSummary,
  type StoredJob,
  type StoredOutboxMessage,
  type StoredTask,
} from "../records.ts";
import { keys, type Key, type Tables, type TaskRow } from "./tables.ts";

export class Batch {
  /** Store time of the batch, in milliseconds since 1970. */
  readonly now: number;
  /** The node that writes. */
  readonly node: string;
  readonly tables: Tables;
  #sequence: number;
  readonly #counts = new Map<string, { readonly key: Key; change: number }>();

  /**
   * To be made inside the write transaction.
   *
   * @param now store time, in milliseconds since 1970
   * @param node the node that writes
   */
  constructor(tables: Tables, now: number, node: string) {
    this.tables = tables;
    this.now = now;
    this.node = node;
    this.#sequence = tables.marks().sequence;
  }

  /** The rank of the next task. */
  nextSequence(): number {
    return ++this.#sequence;
  }

  /** Move a job to where lists find it. */
  list(before: JobSummary | undefined, after: JobSummary): void {
    const place = keys.listed(after);
    if (before && sameKey(keys.listed(before), place)) return;
    if (before) {
      this.tables.remove(keys.listed(before));
      this.#count(keys.jobCount(before.blueprint, before.status), -1);
    }
    this.tables.put(place, "");
    this.#count(keys.jobCount(after.blueprint, after.status), 1);
  }

  /** Put a task in place of what it was before, together with its places in the queue and in the due index. */
  putTask(before: TaskRow | undefined, after: TaskRow): void {
    this.#unindexTask(before);
    this.tables.put(keys.task(after.task.taskId), JSON.stringify(after));
    if (after.task.state === "queued") this.tables.put(keys.queued(after), after.task.taskId);
    const running = runningKey(after.task);
    if (running) this.tables.put(running, "");
    const due = dueKey(after.task);
    if (due) this.tables.put(due, "");
    if (after.task.state !== "leased") this.#count(keys.queueCount(after.task.queue), 1);
  }

  removeTask(taskId: string): void {
    const before = this.tables.task(taskId);
    if (!before) return;
    this.#unindexTask(before);
    this.tables.remove(keys.task(taskId));
  }

  #unindexTask(before: TaskRow | undefined): void {
    if (!before) return;
    if (before.task.state === "queued") this.tables.remove(keys.queued(before));
    const running = runningKey(before.task);
    if (running) this.tables.remove(running);
    const due = dueKey(before.task);
    if (due) this.tables.remove(due);
    if (before.task.state !== "leased") this.#count(keys.queueCount(before.task.queue), -1);
  }

  setTimer(jobId: string, timerId: string, due: number): void {
    this.clearTimer(jobId, timerId);
    this.tables.put(keys.timer(jobId, timerId), String(due));
    this.tables.put(keys.due(due, "timer", jobId, timerId), "");
  }

  clearTimer(jobId: string, timerId: string): void {
    const due = this.tables.get(keys.timer(jobId, timerId));
    if (due === undefined) return;
    this.tables.remove(keys.timer(jobId, timerId));
    this.tables.remove(keys.due(Number(due), "timer", jobId, timerId));
  }

  putMessage(message: StoredOutboxMessage): void {
    this.removeMessage(message.id);
    this.tables.put(keys.message(message.id), JSON.stringify(message));
    this.tables.put(keys.due(message.due, "message", message.id), "");
  }

  removeMessage(id: string): void {
    const before = this.tables.message(id);
    if (!before) return;
    this.tables.remove(keys.message(id));
    this.tables.remove(keys.due(before.due, "message", id));
  }

  /** Keep an ended job until then. */
  keepUntil(jobId: string, due: number): void {
    this.keep(jobId);
    this.tables.put(keys.kept(jobId), String(due));
    this.tables.put(keys.due(due, "outlived", jobId), "");
  }

  /** Forget until when a job was to be kept. */
  keep(jobId: string): void {
    const due = this.tables.get(keys.kept(jobId));
    if (due === undefined) return;
    this.tables.remove(keys.kept(jobId));
    this.tables.remove(keys.due(Number(due), "outlived", jobId));
  }

  /** Forget an ended job and its history. */
  removeJob({ revision, summary }: StoredJob): void {
    const { jobId, blueprint, status } = summary;
    this.tables.remove(keys.job(jobId));
    for (let entry = 1; entry <= revision; entry++) this.tables.remove(keys.history(jobId, entry));
    this.tables.remove(keys.listed(summary));
    this.#count(keys.jobCount(blueprint, status), -1);
    this.keep(jobId);
  }

  #count(key: Key, change: number): void {
    const name = JSON.stringify(key);
    const count = this.#counts.get(name);
    if (count) count.change += change;
    else this.#counts.set(name, { key, change });
  }

  /** Write what the callers share: a count that many of them changed is one row. */
  finish(): void {
    for (const { key, change } of this.#counts.values()) {
      if (change === 0) continue;
      const count = Number(this.tables.get(key) ?? 0) + change;
      if (count === 0) this.tables.remove(key);
      else this.tables.put(key, String(count));
    }
    this.tables.put(keys.marks, JSON.stringify([this.now, this.#sequence]));
  }
}

/** The place among the tasks that run of those with the same key. */
function runningKey({ state, taskId, placement }: StoredTask): Key | undefined {
  const key = placement?.limit?.key;
  return state === "leased" && key !== undefined ? keys.runs(key, taskId) : undefined;
}

/** The place in the due index of what must be done about a task if nothing happens to it before. */
function dueKey(task: StoredTask): Key | undefined {
  switch (task.state) {
    case "leased":
      return task.lease && keys.due(task.lease.until, "lease", task.taskId);
    case "delayed":
      return task.availableAt === undefined
        ? undefined
        : keys.due(task.availableAt, "delayed", task.taskId);
    case "queued":
      break;
  }
  const at = overdueAt(task);
  return at === undefined ? undefined : keys.due(at, "queued", task.taskId);
}

function sameKey(a: Key, b: Key): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}
