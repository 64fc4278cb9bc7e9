// The store in a directory of the server: LMDB, one process, every answer durable.
import { accessSync, constants, mkdirSync, realpathSync } from "node:fs";
import type { Clock } from "../../clock.ts";
import { RuntimeError } from "../../errors.ts";
import type { Commit, CommitResult } from "../commit.ts";
import type { ImportResult, JobDump, KeyPage } from "../dump.ts";
import { newEpoch } from "../epoch.ts";
import { Neighbourhood } from "../local-nodes.ts";
import type { Nodes } from "../nodes.ts";
import {
  isFinished,
  type HistoryEntry,
  type JobStatus,
  type StoredJob,
  type StoredTask,
} from "../records.ts";
import type { Shapes } from "../shapes.ts";
import type {
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
import { StoreTime } from "../store-time.ts";
import { applyCommit, currentAttempt } from "./apply-commit.ts";
import type { Batch } from "./batch.ts";
import { claimTasks, extendLease } from "./claim.ts";
import { claimKey, listKeys } from "./claimed-keys.ts";
import { DataLock, inUse } from "./data-lock.ts";
import { readDue, takeDue } from "./due.ts";
import { embeddedShapes } from "./embedded-shapes.ts";
import { openDatabase } from "./format.ts";
import { GroupCommit } from "./group-commit.ts";
import { jobCounts, listJobs } from "./list-jobs.ts";
import { keys, last, Tables, type Database } from "./tables.ts";
import { requeued } from "./task-moves.ts";
import { claimOutlived, exportJob, importJob } from "./whole-job.ts";

export interface EmbeddedStoreOptions {
  /** Made if it is not there. On a local disk: LMDB and the lock do not work over a network. */
  readonly directory: string;
  readonly clock: Clock;
  /** Names this process in leases; `node` where absent. */
  readonly nodeId?: string;
}

/** The directories that this process has open: LMDB must not open one twice. */
const openDirectories = new Set<string>();

/**
 * Open the store of a directory, and hold the directory until `close`.
 *
 * @throws RuntimeError `store.in_use` while another store has the directory, `store.corrupt` and
 *   `store.format_newer` for data that this version cannot read, `store.unusable` for a directory that cannot be
 *   written.
 */
export async function openEmbeddedStore({
  directory,
  clock,
  nodeId = "node",
}: EmbeddedStoreOptions): Promise<Store> {
  const path = usableDirectory(directory);
  if (openDirectories.has(path)) throw inUse(directory);
  openDirectories.add(path);
  try {
    const database = await openDatabase(path);
    try {
      const lock = await DataLock.acquire(path, database);
      return new EmbeddedStore(path, database, lock, clock, nodeId);
    } catch (error) {
      await database.close();
      throw error;
    }
  } catch (error) {
    openDirectories.delete(path);
    throw error;
  }
}

/** The real path of a directory that can be written. */
function usableDirectory(directory: string): string {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    return realpathSync(directory);
  } catch (cause) {
    throw new RuntimeError(
      "store.unusable",
      `The data directory ${directory} cannot be used (${(cause as Error).message}). Choose one that this user may write to.`,
      { directory },
      { cause },
    );
  }
}

class EmbeddedStore implements Store {
  readonly nodes: Nodes;
  readonly shapes: Shapes;
  readonly #epoch = newEpoch();
  readonly #path: string;
  readonly #database: Database;
  readonly #lock: DataLock;
  readonly #tables: Tables;
  readonly #time: StoreTime;
  readonly #commits: GroupCommit;
  #closing: Promise<void> | undefined;

  constructor(path: string, database: Database, lock: DataLock, clock: Clock, nodeId: string) {
    this.nodes = new Neighbourhood(() => clock.monotonic(), false).of(nodeId);
    this.#path = path;
    this.#database = database;
    this.#lock = lock;
    this.#tables = new Tables(database, path);
    this.#time = new StoreTime(clock, this.#tables.marks().now);
    this.#commits = new GroupCommit(database, this.#tables, this.#time, nodeId);
    this.shapes = embeddedShapes(
      () => this.#read(),
      (apply) => this.#write(apply),
    );
  }

  /** One, unless jobs of a store with more have been taken in. */
  get shards(): number {
    return this.#tables.shards();
  }

  epoch(): string {
    return this.#epoch;
  }

  now(): number {
    return this.#time.now();
  }

  async commit(commit: Commit): Promise<CommitResult> {
    return this.#write((batch) => applyCommit(batch, commit, this.#epoch));
  }

  async claimKey(key: string, jobId: string, forMs: number): Promise<string> {
    return this.#write((batch) => claimKey(batch, key, jobId, forMs));
  }

  async loadJob(jobId: string): Promise<StoredJob | undefined> {
    return this.#read().job(jobId);
  }

  async history(jobId: string, after: number, limit: number): Promise<readonly HistoryEntry[]> {
    return this.#read().history(jobId, after, limit);
  }

  async listJobs(query: JobQuery): Promise<JobPage> {
    return listJobs(this.#read(), query);
  }

  async countJobs(): Promise<Readonly<Partial<Record<JobStatus, number>>>> {
    const counts: Partial<Record<JobStatus, number>> = {};
    for (const { status, count } of jobCounts(this.#read()))
      counts[status] = (counts[status] ?? 0) + count;
    return counts;
  }

  async loadTask(taskId: string): Promise<StoredTask | undefined> {
    return this.#read().task(taskId)?.task;
  }

  async listTasks(jobId: string): Promise<readonly StoredTask[]> {
    const rows = this.#read().tasksOf(jobId);
    return rows.toSorted((a, b) => a.sequence - b.sequence).map(({ task }) => task);
  }

  async claimTasks(claim: Claim): Promise<ClaimResult> {
    return this.#write((batch) => claimTasks(batch, claim));
  }

  async extendLeases(extensions: readonly Extension[]): Promise<readonly ExtensionResult[]> {
    return this.#write((batch) => extensions.map((extension) => extendLease(batch, extension)));
  }

  async requeueTask(requeue: Requeue): Promise<"requeued" | "fenced"> {
    return this.#write((batch) => {
      const row = currentAttempt(batch.tables, requeue, batch.now);
      if (!row) return "fenced";
      batch.putTask(row, requeued(row, requeue, batch.now));
      return "requeued";
    });
  }

  async countQueues(): Promise<Readonly<Record<string, number>>> {
    const rows = this.#read().range(keys.queueCount(""), keys.queueCount(last));
    return Object.fromEntries(rows.map(({ key, value }) => [String(key[2]), Number(value)]));
  }

  async queuedSince(): Promise<Readonly<Record<string, FirstQueued>>> {
    return this.#read().queuedSince();
  }

  async countLeased(asked: readonly ShardKey[]): Promise<readonly number[]> {
    const tables = this.#read();
    return asked.map(({ shard, key }) => tables.running(shard, key, Number.MAX_SAFE_INTEGER));
  }

  async setPaused(type: string, isPaused: boolean): Promise<void> {
    return this.#write(({ tables }) => {
      if (isPaused) tables.put(keys.paused(type), "");
      else tables.remove(keys.paused(type));
    });
  }

  async pausedTypes(): Promise<readonly string[]> {
    const rows = this.#read().range(keys.paused(""), keys.paused(last));
    return rows.map(({ key }) => String(key[1])).toSorted();
  }

  async due(limit: number, shard = 0): Promise<Due> {
    const due = readDue(this.#read(), this.now(), limit, shard);
    return due ?? this.#write((batch) => takeDue(batch, limit, shard));
  }

  async clearTimer(jobId: string, timerId: string, epoch: string): Promise<void> {
    if (epoch === this.#epoch) await this.#write((batch) => batch.clearTimer(jobId, timerId));
  }

  async removeMessages(ids: readonly string[]): Promise<void> {
    return this.#write((batch) => {
      for (const id of ids) batch.removeMessage(id);
    });
  }

  async claimMessage(id: string, due: number, until: number): Promise<boolean> {
    return this.#write((batch) => {
      const message = batch.tables.message(id);
      if (message?.due !== due) return false;
      batch.putMessage({ ...message, due: until });
      return true;
    });
  }

  async delayMessage(id: string, due: number): Promise<void> {
    return this.#write((batch) => {
      const message = batch.tables.message(id);
      if (message) batch.putMessage({ ...message, tries: message.tries + 1, due });
    });
  }

  async claimOutlived(jobIds: readonly string[], forMs: number): Promise<readonly string[]> {
    return this.#write((batch) => jobIds.filter((jobId) => claimOutlived(batch, jobId, forMs)));
  }

  async removeJob(jobId: string, revision?: number): Promise<void> {
    return this.#write((batch) => {
      const job = batch.tables.job(jobId);
      if (!job || !isFinished(job.summary.status)) return;
      if (revision === undefined || revision === job.revision) batch.removeJob(job);
    });
  }

  async exportJob(jobId: string): Promise<JobDump | undefined> {
    return exportJob(this.#read(), jobId);
  }

  async importJob(dump: JobDump): Promise<ImportResult> {
    return this.#write((batch) => importJob(batch, dump));
  }

  async listKeys(limit: number, cursor?: string): Promise<KeyPage> {
    return listKeys(this.#read(), this.now(), limit, cursor);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#commits.drain();
    await this.#lock.release();
    await this.#database.close();
    openDirectories.delete(this.#path);
  }

  #read(): Tables {
    if (this.#closing) throw new RuntimeError("store.closed", "The store has been closed.");
    return this.#tables;
  }

  #write<Answer>(apply: (batch: Batch) => Answer): Promise<Answer> {
    this.#read();
    return this.#commits.write(apply);
  }
}
