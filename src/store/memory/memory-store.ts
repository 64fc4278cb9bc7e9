// The reference store: everything in maps, nothing durable. Read it to learn what a store must do.
import assert from "node:assert/strict";
import { RuntimeError } from "../../errors.ts";
import type { Commit, CommitResult, LeaseOffer, Op } from "../commit.ts";
import type { ImportResult, JobDump, KeyPage } from "../dump.ts";
import type { Nodes } from "../nodes.ts";
import {
  holderOf,
  isFinished,
  type HistoryEntry,
  type JobStatus,
  type NewTask,
  type StoredJob,
  type StoredOutboxMessage,
  type StoredTask,
} from "../records.ts";
import { servingOrder } from "../serving-order.ts";
import { shardOf, tooFewShards } from "../shard.ts";
import type { Shapes } from "../shapes.ts";
import type {
  Attempt,
  Claim,
  ClaimResult,
  Due,
  Extension,
  ExtensionResult,
  FirstQueued,
  JobPage,
  JobQuery,
  Requeue,
  ShardKey,
  Store,
} from "../store.ts";
import { claimKey, listKeys } from "./claimed-keys.ts";
import { takeDue } from "./due.ts";
import { timerKey, type Image } from "./image.ts";
import { listJobs } from "./list-jobs.ts";
import { memoryShapes } from "./memory-shapes.ts";
import { newMemory, rewind, type Memory, type MemoryStoreOptions } from "./memory.ts";
import { firstQueued, queuedIn, runningWith } from "./queues.ts";
import { byPriority, extended, lease, newRow, requeued, type TaskRow } from "./task-row.ts";
import { claimOutlived, exportJob, importJob, removeJob } from "./whole-job.ts";

export class MemoryStore implements Store {
  readonly nodes: Nodes;
  readonly shapes: Shapes;
  readonly shards: number;
  readonly #memory: Memory;
  readonly #image: Image;
  #closed = false;

  constructor(options: MemoryStoreOptions | { readonly memory: Memory; readonly nodeId: string }) {
    this.#memory = "memory" in options ? options.memory : newMemory(options);
    this.#image = this.#memory.image;
    this.shards = this.#memory.shards;
    this.shapes = memoryShapes(this.#image, () => this.#assertOpen());
    this.nodes = this.#memory.neighbourhood.of(options.nodeId ?? "node");
  }

  /** The same memory as another node sees it. */
  as(nodeId: string): MemoryStore {
    return new MemoryStore({ memory: this.#memory, nodeId });
  }

  epoch(): string {
    return this.#memory.epoch;
  }

  /** A copy of everything, to begin another store with: one that has been rewound to this moment. */
  snapshot(): Image {
    return structuredClone({ ...this.#image, now: this.now() });
  }

  /** Go back to a moment under whoever uses the store, as the promotion of a replica that is behind does it. */
  rewind(to: Image): void {
    rewind(this.#memory, to);
  }

  now(): number {
    return this.#memory.time.now();
  }

  async commit(commit: Commit): Promise<CommitResult> {
    this.#assertOpen();
    const { jobId, expectedRevision, revision, envelope, summary, history, ops } = copy(commit);
    const { neighbourhood, epoch } = this.#memory;
    const { nodeId } = this.nodes;
    assert.equal(
      history.length,
      revision - expectedRevision,
      "one history entry for each revision",
    );
    for (const op of ops)
      if (op.op === "add_task")
        assert(op.task.taskId.startsWith(`${jobId}:`), "a task's id begins with its job's");
    const stored = this.#image.jobs.get(jobId)?.revision ?? 0;
    if (stored !== expectedRevision || (commit.epoch ?? epoch) !== epoch)
      return { outcome: "conflict", revision: stored };
    for (const op of ops)
      if (op.op === "finish_task" && !this.#current(op))
        return { outcome: "fenced", taskId: op.taskId };

    this.#image.jobs.set(jobId, { summary, revision, envelope });
    this.#image.history.set(jobId, [...(this.#image.history.get(jobId) ?? []), ...history]);
    const leased = ops.flatMap((op) => (this.#apply(jobId, op) ? [op.task.taskId] : []));
    const queued = ops.flatMap((op) =>
      op.op === "add_task" && !leased.includes(op.task.taskId) ? [op.task.queue] : [],
    );
    if (queued.length > 0) this.#queuedHint(jobId, queued);
    if (commit.follow) neighbourhood.addFollower(jobId, nodeId);
    const followers = neighbourhood.moved(jobId, revision, nodeId, isFinished(summary.status));
    return {
      outcome: "committed",
      now: this.now(),
      leased,
      ...(followers.length > 0 && { followers }),
    };
  }

  #queuedHint(jobId: string, queues: readonly string[]): void {
    const hint = { kind: "queued", shard: shardOf(jobId), queues: [...new Set(queues)] } as const;
    this.#memory.neighbourhood.tellOthers(this.nodes.nodeId, hint);
  }

  /** Apply one op; true for an added task that is leased. */
  #apply(jobId: string, op: Op): op is Extract<Op, { op: "add_task" }> {
    const { tasks, timers, messages } = this.#image;
    switch (op.op) {
      case "add_task":
        return this.#addTask(op.task, op.offer).state === "leased";
      case "remove_task":
        this.#stopElsewhere(op.taskId, op.reason ?? "");
        tasks.delete(op.taskId);
        return false;
      case "finish_task":
        tasks.delete(op.taskId);
        return false;
      case "keep_until":
        this.#image.kept.set(jobId, op.due);
        return false;
      case "keep":
        this.#image.kept.delete(jobId);
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

  #stopElsewhere(taskId: string, reason: string): void {
    const { attempt = 0, lease } = this.#image.tasks.get(taskId)?.task ?? {};
    const hint = { kind: "stop", taskId, attempt, reason } as const;
    if (lease) this.#memory.neighbourhood.tellOther(this.nodes.nodeId, lease.node, hint);
  }

  #addTask(task: NewTask, offer: LeaseOffer | undefined): StoredTask {
    const now = this.now();
    const added = newRow(++this.#image.sequence, task, now);
    const shard = shardOf(task.jobId);
    const { key, concurrency = Infinity } = task.placement?.limit ?? {};
    const isFree =
      queuedIn(this.#image, task.queue, shard).length === 0 &&
      (key === undefined || runningWith(this.#image, key, shard) < concurrency);
    return this.#put(
      added,
      offer && isFree ? lease(added.task, offer, this.nodes.nodeId, now) : added.task,
    );
  }

  async claimKey(key: string, jobId: string, forMs: number): Promise<string> {
    this.#assertOpen();
    return claimKey(this.#image, this.now(), { key, jobId, forMs });
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

  async listJobs(query: JobQuery): Promise<JobPage> {
    this.#assertOpen();
    return copy(listJobs(this.#image, query));
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

  async claimTasks({ shard, queues, limit, ageMs, ...offer }: Claim): Promise<ClaimResult> {
    this.#assertOpen();
    const now = this.now();
    const waiting = queues.map((asked) => ({
      asked,
      waiting: byPriority(queuedIn(this.#image, asked.queue, shard)),
    }));
    const sizes = { limit, ...(ageMs !== undefined && { ageMs }) };
    const served = servingOrder(waiting, sizes, now, (key) => runningWith(this.#image, key, shard));
    const tasks = served.map((row) =>
      this.#put(row, lease(row.task, offer, this.nodes.nodeId, now)),
    );
    const drained = queues
      .map(({ queue }) => queue)
      .filter((queue) => queuedIn(this.#image, queue, shard).length === 0);
    const followers = this.#followers(tasks);
    return { tasks: copy(tasks), drained, ...(followers && { followers }) };
  }

  #followers(tasks: readonly StoredTask[]): ClaimResult["followers"] {
    const { neighbourhood } = this.#memory;
    const followed = tasks
      .map(({ jobId }) => [jobId, neighbourhood.followers(jobId, this.nodes.nodeId)] as const)
      .filter(([, followers]) => followers.length > 0);
    return followed.length > 0 ? Object.fromEntries(followed) : undefined;
  }

  async extendLeases(extensions: readonly Extension[]): Promise<readonly ExtensionResult[]> {
    this.#assertOpen();
    return copy(extensions).map((extension) => this.#extend(extension));
  }

  #extend(extension: Extension): ExtensionResult {
    if (!this.#image.tasks.has(extension.taskId)) return "unknown";
    const row = this.#current(extension);
    if (!row || (holderOf(row.task) ?? extension.holder) !== extension.holder) return "fenced";
    const { nodeId } = this.nodes;
    this.#put(row, extended(row.task, extension, nodeId, this.now()));
    return "kept";
  }

  async requeueTask(requeue: Requeue): Promise<"requeued" | "fenced"> {
    this.#assertOpen();
    const asked = copy(requeue);
    const row = this.#current(asked);
    if (!row) return "fenced";
    const { jobId, queue } = row.task;
    if (asked.delayMs <= 0) this.#queuedHint(jobId, [queue]);
    this.#put(row, requeued(row.task, asked, this.now()));
    return "requeued";
  }

  async countQueues(): Promise<Readonly<Record<string, number>>> {
    this.#assertOpen();
    const waiting = [...this.#image.tasks.values()].filter(({ task }) => task.state !== "leased");
    return countBy(waiting.map(({ task }) => task.queue));
  }

  async queuedSince(): Promise<Readonly<Record<string, FirstQueued>>> {
    this.#assertOpen();
    return firstQueued(this.#image);
  }

  async countLeased(asked: readonly ShardKey[]): Promise<readonly number[]> {
    this.#assertOpen();
    return asked.map(({ shard, key }) => runningWith(this.#image, key, shard));
  }

  async setPaused(type: string, isPaused: boolean): Promise<void> {
    this.#assertOpen();
    if (isPaused) this.#image.paused.add(type);
    else this.#image.paused.delete(type);
  }

  async pausedTypes(): Promise<readonly string[]> {
    this.#assertOpen();
    return [...this.#image.paused].toSorted();
  }

  async due(limit: number, shard = 0): Promise<Due> {
    this.#assertOpen();
    return copy(takeDue(this.#image, this.now(), limit, shard));
  }

  async clearTimer(jobId: string, timerId: string, epoch: string): Promise<void> {
    this.#assertOpen();
    if (epoch === this.#memory.epoch) this.#image.timers.delete(timerKey(jobId, timerId));
  }

  async removeMessages(ids: readonly string[]): Promise<void> {
    this.#assertOpen();
    for (const id of ids) this.#image.messages.delete(id);
  }

  async claimMessage(id: string, due: number, until: number): Promise<boolean> {
    this.#assertOpen();
    const message = this.#image.messages.get(id);
    if (message?.due !== due) return false;
    this.#image.messages.set(id, { ...message, due: until });
    return true;
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

  async claimOutlived(jobIds: readonly string[], forMs: number): Promise<readonly string[]> {
    this.#assertOpen();
    return jobIds.filter((jobId) => claimOutlived(this.#image, jobId, this.now(), forMs));
  }

  async removeJob(jobId: string, revision?: number): Promise<void> {
    this.#assertOpen();
    removeJob(this.#image, jobId, revision);
  }

  async exportJob(jobId: string): Promise<JobDump | undefined> {
    this.#assertOpen();
    const dump = exportJob(this.#image, jobId);
    return dump && copy(dump);
  }

  async importJob(dump: JobDump): Promise<ImportResult> {
    this.#assertOpen();
    const shard = shardOf(dump.job.summary.jobId);
    if (shard >= this.shards) throw tooFewShards(shard, this.shards);
    return importJob(this.#image, copy(dump));
  }

  async listKeys(limit: number, cursor?: string): Promise<KeyPage> {
    this.#assertOpen();
    return listKeys(this.#image, this.now(), limit, cursor);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.nodes.depart();
  }

  /** The task of an attempt that is current and unsettled. */
  #current({ taskId, attempt, lapsed }: Attempt & { lapsed?: true }): TaskRow | undefined {
    const row = this.#image.tasks.get(taskId);
    if (row?.task.attempt !== attempt || attempt <= row.task.settled) return undefined;
    return lapsed && (row.task.lease?.until ?? 0) > this.now() ? undefined : row;
  }

  #put({ sequence }: TaskRow, task: StoredTask): StoredTask {
    this.#image.tasks.set(task.taskId, { sequence, task });
    return task;
  }

  #assertOpen(): void {
    if (this.#closed) throw new RuntimeError("store.closed", "The store has been closed.");
  }
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
