// The reference store: everything in maps, nothing durable. Read it to learn what a store must do.
import assert from "node:assert/strict";
import type { Clock } from "../../clock.ts";
import { RuntimeError } from "../../errors.ts";
import type { Commit, CommitResult, LeaseOffer, Op } from "../commit.ts";
import { newEpoch } from "../epoch.ts";
import { byNewest, readCursor, writeCursor } from "../job-cursor.ts";
import type {
  HistoryEntry,
  JobStatus,
  NewTask,
  StoredJob,
  StoredOutboxMessage,
  StoredTask,
} from "../records.ts";
import type {
  Attempt,
  Claim,
  ClaimResult,
  Due,
  Extension,
  ExtensionResult,
  JobPage,
  JobQuery,
  Requeue,
  Store,
} from "../store.ts";
import { StoreTime } from "../store-time.ts";
import { dueItems } from "./due-item.ts";
import { emptyImage, timerKey, type Image, type TaskRow } from "./image.ts";

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Random when absent; fixed by simulations. */
  readonly epoch?: string;
  /** What `snapshot()` of an earlier store returned: the new store begins there. */
  readonly image?: Image;
}

export class MemoryStore implements Store {
  readonly epoch: string;
  readonly #time: StoreTime;
  readonly #image: Image;
  #closed = false;

  constructor({ clock, epoch = newEpoch(), image = emptyImage() }: MemoryStoreOptions) {
    this.epoch = epoch;
    this.#image = structuredClone(image);
    this.#time = new StoreTime(clock, image.now);
  }

  /** A copy of everything, to begin another store with: one that has been rewound to this moment. */
  snapshot(): Image {
    return structuredClone({ ...this.#image, now: this.now() });
  }

  now(): number {
    return this.#time.now();
  }

  async commit(commit: Commit): Promise<CommitResult> {
    this.#assertOpen();
    const { jobId, expectedRevision, revision, envelope, summary, history, ops } = copy(commit);
    assert.equal(
      history.length,
      revision - expectedRevision,
      "one history entry for each revision",
    );
    for (const op of ops)
      if (op.op === "add_task")
        assert(op.task.taskId.startsWith(`${jobId}:`), "a task's id begins with its job's");
    const stored = this.#image.jobs.get(jobId)?.revision ?? 0;
    if (stored !== expectedRevision) return { outcome: "conflict", revision: stored };
    for (const op of ops)
      if (op.op === "finish_task" && !this.#current(op))
        return { outcome: "fenced", taskId: op.taskId };

    this.#image.jobs.set(jobId, { summary, revision, envelope });
    this.#image.history.set(jobId, [...(this.#image.history.get(jobId) ?? []), ...history]);
    const leased = ops.flatMap((op) => (this.#apply(jobId, op) ? [op.task.taskId] : []));
    return { outcome: "committed", now: this.now(), leased };
  }

  /** Apply one op; true for an added task that is leased. */
  #apply(jobId: string, op: Op): op is Extract<Op, { op: "add_task" }> {
    const { tasks, timers, messages } = this.#image;
    switch (op.op) {
      case "add_task":
        return this.#addTask(op.task, op.offer).state === "leased";
      case "finish_task":
      case "remove_task":
        tasks.delete(op.taskId);
        return false;
      case "set_timer":
        timers.set(timerKey(jobId, op.timerId), { jobId, timerId: op.timerId, due: op.due });
        return false;
      case "clear_timer":
        timers.delete(timerKey(jobId, op.timerId));
        return false;
      case "add_message":
        messages.set(op.message.id, { ...op.message, tries: 0, due: op.due });
        return false;
    }
  }

  #addTask(task: NewTask, offer: LeaseOffer | undefined): StoredTask {
    const now = this.now();
    const queued: StoredTask = {
      ...task,
      state: "queued",
      attempt: 0,
      settled: 0,
      failures: 0,
      createdAt: now,
      since: now,
    };
    const added =
      offer && this.#queued(task.queue).length === 0 ? lease(queued, offer, now) : queued;
    this.#image.tasks.set(task.taskId, { sequence: ++this.#image.sequence, task: added });
    return added;
  }

  async claimKey(key: string, jobId: string): Promise<string> {
    this.#assertOpen();
    const first = this.#image.keys.get(key) ?? jobId;
    this.#image.keys.set(key, first);
    return first;
  }

  async loadJob(jobId: string): Promise<StoredJob | undefined> {
    this.#assertOpen();
    return structuredClone(this.#image.jobs.get(jobId));
  }

  async history(jobId: string, after: number, limit: number): Promise<readonly HistoryEntry[]> {
    this.#assertOpen();
    const entries = this.#image.history.get(jobId) ?? [];
    return copy(entries.filter(({ revision }) => revision > after).slice(0, limit));
  }

  async listJobs({ blueprint, status, limit, cursor }: JobQuery): Promise<JobPage> {
    this.#assertOpen();
    const after = cursor === undefined ? undefined : readCursor(cursor);
    const jobs = [...this.#image.jobs.values()]
      .map(({ summary }) => summary)
      .filter((job) => blueprint === undefined || job.blueprint === blueprint)
      .filter((job) => status === undefined || job.status === status)
      .filter((job) => after === undefined || byNewest(after, job) < 0)
      .toSorted(byNewest);
    const page = copy(jobs.slice(0, limit));
    const last = page.at(-1);
    return jobs.length > limit && last ? { jobs: page, next: writeCursor(last) } : { jobs: page };
  }

  async countJobs(): Promise<Readonly<Partial<Record<JobStatus, number>>>> {
    this.#assertOpen();
    return countBy([...this.#image.jobs.values()].map(({ summary }) => summary.status));
  }

  async loadTask(taskId: string): Promise<StoredTask | undefined> {
    this.#assertOpen();
    return structuredClone(this.#image.tasks.get(taskId)?.task);
  }

  async listTasks(jobId: string): Promise<readonly StoredTask[]> {
    this.#assertOpen();
    const rows = [...this.#image.tasks.values()].filter(({ task }) => task.jobId === jobId);
    return copy(rows.toSorted((a, b) => a.sequence - b.sequence).map(({ task }) => task));
  }

  async claimTasks({ queues, limit, ...offer }: Claim): Promise<ClaimResult> {
    this.#assertOpen();
    const now = this.now();
    const candidates = queues.flatMap((asked) => this.#queued(asked.queue).slice(0, asked.limit));
    const claimed = candidates.toSorted(byRank).slice(0, limit);
    const tasks = claimed.map((row) => this.#put(row, lease(row.task, offer, now)));
    const drained = queues
      .map(({ queue }) => queue)
      .filter((queue) => this.#queued(queue).length === 0);
    return { tasks: copy(tasks), drained };
  }

  async extendLeases(extensions: readonly Extension[]): Promise<readonly ExtensionResult[]> {
    this.#assertOpen();
    return copy(extensions).map((extension) => this.#extend(extension));
  }

  #extend({ holder, workerId, leaseMs, progress, ...attempt }: Extension): ExtensionResult {
    if (!this.#image.tasks.has(attempt.taskId)) return "unknown";
    const row = this.#current(attempt);
    if (!row || (row.task.lease && row.task.lease.holder !== holder)) return "fenced";
    const now = this.now();
    const { availableAt: _, ...task } = row.task;
    this.#put(row, {
      ...task,
      state: "leased",
      since: task.lease ? task.since : now,
      lease: { holder, workerId, startedAt: task.lease?.startedAt ?? now, until: now + leaseMs },
      ...(progress !== undefined && { progress }),
    });
    return "kept";
  }

  async requeueTask(requeue: Requeue): Promise<"requeued" | "fenced"> {
    this.#assertOpen();
    const { delayMs, settle, counts, error, ...attempt } = copy(requeue);
    const row = this.#current(attempt);
    if (!row) return "fenced";
    const now = this.now();
    const { lease: _, availableAt: __, ...task } = row.task;
    this.#put(row, {
      ...task,
      settled: settle ? task.attempt : task.settled,
      failures: task.failures + (counts ? 1 : 0),
      since: now,
      ...(error && { lastError: error }),
      ...(delayMs > 0 ? { state: "delayed", availableAt: now + delayMs } : { state: "queued" }),
    });
    return "requeued";
  }

  async countQueues(): Promise<Readonly<Record<string, number>>> {
    this.#assertOpen();
    const waiting = [...this.#image.tasks.values()].filter(({ task }) => task.state !== "leased");
    return countBy(waiting.map(({ task }) => task.queue));
  }

  async due(limit: number): Promise<Due> {
    this.#assertOpen();
    const now = this.now();
    const taken = dueItems(this.#image)
      .filter(({ due }) => due <= now)
      .slice(0, limit);
    const ready = new Set<string>();
    for (const item of taken)
      if (item.kind === "delayed") {
        const { availableAt: _, ...task } = item.row.task;
        this.#put(item.row, { ...task, state: "queued", since: now });
        ready.add(task.queue);
      }
    const places = new Set(taken.map(({ place }) => place));
    const next = dueItems(this.#image).find(({ place }) => !places.has(place))?.due;
    return copy({
      now,
      timers: taken.flatMap((item) => (item.kind === "timer" ? [item.timer] : [])),
      expired: taken.flatMap((item) => (item.kind === "lease" ? [item.row.task] : [])),
      overdue: taken.flatMap((item) => (item.kind === "queued" ? [item.row.task] : [])),
      ready: [...ready],
      messages: taken.flatMap((item) => (item.kind === "message" ? [item.message] : [])),
      ...(next !== undefined && { next }),
    });
  }

  async clearTimers(
    timers: readonly { readonly jobId: string; readonly timerId: string }[],
  ): Promise<void> {
    this.#assertOpen();
    for (const { jobId, timerId } of timers) this.#image.timers.delete(timerKey(jobId, timerId));
  }

  async removeMessages(ids: readonly string[]): Promise<void> {
    this.#assertOpen();
    for (const id of ids) this.#image.messages.delete(id);
  }

  async delayMessage(id: string, due: number): Promise<void> {
    this.#assertOpen();
    const message = this.#image.messages.get(id);
    if (message)
      this.#image.messages.set(id, {
        ...message,
        tries: message.tries + 1,
        due,
      } satisfies StoredOutboxMessage);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** The task of an attempt that is current and unsettled. */
  #current({ taskId, attempt }: Attempt): TaskRow | undefined {
    const row = this.#image.tasks.get(taskId);
    return row?.task.attempt === attempt && attempt > row.task.settled ? row : undefined;
  }

  /** The tasks that wait in a queue, first to be claimed first. */
  #queued(queue: string): readonly TaskRow[] {
    return [...this.#image.tasks.values()]
      .filter(({ task }) => task.queue === queue && task.state === "queued")
      .toSorted(byRank);
  }

  #put({ sequence }: TaskRow, task: StoredTask): StoredTask {
    this.#image.tasks.set(task.taskId, { sequence, task });
    return task;
  }

  #assertOpen(): void {
    if (this.#closed) throw new RuntimeError("store.closed", "The store has been closed.");
  }
}

/** Higher priority first, then in the order the tasks were added. */
function byRank(a: TaskRow, b: TaskRow): number {
  return b.task.priority - a.task.priority || a.sequence - b.sequence;
}

/** The task with its next attempt leased. */
function lease(
  task: StoredTask,
  { holder, workerId, leaseMs }: LeaseOffer,
  now: number,
): StoredTask {
  const { progress: _, ...rest } = task;
  return {
    ...rest,
    state: "leased",
    attempt: task.attempt + 1,
    since: now,
    lease: { holder, workerId, startedAt: now, until: now + leaseMs },
  };
}

function countBy<Name extends string>(names: readonly Name[]): Record<Name, number> {
  const counts: Partial<Record<Name, number>> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts as Record<Name, number>;
}

/** What is left of a value once it has been stored as JSON; nobody else holds a part of it. */
function copy<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
