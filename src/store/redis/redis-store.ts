// The store in Redis: every change is one script, shared by all nodes, and sent again until its outcome is known.
import assert from "node:assert/strict";
import type { Commit, CommitResult } from "../commit.ts";
import { newEpoch } from "../epoch.ts";
import type { ImportResult, JobDump, KeyPage } from "../dump.ts";
import type { Hint } from "../nodes.ts";
import type { HistoryEntry, JobStatus, StoredJob, StoredTask } from "../records.ts";
import { shardOf, tooFewShards } from "../shard.ts";
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
import type { Calls, Changed, Shard } from "./calls.ts";
import type { Durability, RedisCondition } from "./durability.ts";
import type { Keys } from "./keys.ts";
import { claimArgs, readClaim } from "./claim.ts";
import { ClaimedKeys } from "./claimed-keys.ts";
import { readDue } from "./due.ts";
import { decodeDump, encodeDump, type ExportedJob } from "./dump-rows.ts";
import { groupBy } from "./grouping.ts";
import { countJobs, countLeased, countQueues, listJobs, queuedSince } from "./lists.ts";
import { RedisNodes } from "./redis-nodes.ts";
import { RedisShapes } from "./redis-shapes.ts";
import {
  decodeHistory,
  decodeJob,
  decodeTask,
  decodeTasks,
  encodeHistory,
  encodeJob,
  encodeOps,
  flag,
  jsonText,
} from "./rows.ts";
import type { Servers } from "./servers.ts";
import type { Watch } from "./watch.ts";

export interface RedisStoreOptions {
  readonly servers: Servers;
  readonly calls: Calls;
  readonly keys: Keys;
  readonly nodeId: string;
  readonly watch: Watch;
  readonly durability: Durability;
}

export class RedisStore implements Store {
  readonly nodes: RedisNodes;
  readonly shapes: RedisShapes;
  readonly #calls: Calls;
  readonly #keys: Keys;
  readonly #claimed: ClaimedKeys;
  readonly #servers: Servers;
  readonly #watch: Watch;
  readonly #durability: Durability;
  /** What tokens begin with: nobody else's do. */
  readonly #tokens = newEpoch().slice(0, 6);
  #tokensGiven = 0;
  #shards = 0;
  #closing: Promise<void> | undefined;

  constructor({ servers, calls, keys, nodeId, watch, durability }: RedisStoreOptions) {
    this.#calls = calls;
    this.#keys = keys;
    this.#servers = servers;
    this.#watch = watch;
    this.#durability = durability;
    this.shapes = new RedisShapes(calls, keys);
    this.#claimed = new ClaimedKeys({ calls, keys, servers, now: () => this.now() });
    this.nodes = new RedisNodes({
      nodeId,
      calls,
      keys,
      servers,
      grown: (now) => this.look(now),
    });
  }

  get shards(): number {
    return this.#shards;
  }

  get condition(): RedisCondition {
    const { servers, absence } = this.#watch;
    const [durability, shards] = [this.#durability, this.#shards];
    return {
      kind: "redis",
      durability,
      shards,
      servers,
      ...(absence !== undefined && { absence }),
    };
  }

  /** Get to know the shards up to this number, those of which are new. */
  async look(shards: number): Promise<void> {
    const fresh = Array.from({ length: shards }, (_, shard) => this.#calls.shard(shard)).filter(
      ({ clock }) => clock.epoch === "",
    );
    await Promise.all(fresh.map((shard) => this.#calls.change(shard, "look", [])));
    this.#shards = Math.max(this.#shards, shards);
  }

  epoch(shard = 0): string {
    return this.#calls.shard(shard).clock.epoch;
  }

  now(shard = 0): number {
    return this.#calls.shard(shard).clock.now();
  }

  async commit(commit: Commit): Promise<CommitResult> {
    const { jobId, expectedRevision, revision, envelope, summary, history, ops } = commit;
    assert.equal(
      history.length,
      revision - expectedRevision,
      "one history entry for each revision",
    );
    for (const op of ops)
      if (op.op === "add_task")
        assert(op.task.taskId.startsWith(`${jobId}:`), "a task's id begins with its job's");
    const shard = this.#shardOf(jobId);
    if (expectedRevision === 0) this.#watch.requireRoom(this.#servers.serving(shard.keys.tag));
    const token = this.#newToken();
    const moved: Hint = { kind: "moved", jobId, revision };
    const args = [
      ...this.#hinting(shard, token),
      jobId,
      commit.epoch ?? "",
      String(expectedRevision),
      String(revision),
      encodeJob({ summary, revision, envelope }),
      flag(commit.follow),
      JSON.stringify(moved),
      String(history.length),
      ...encodeHistory(history, token),
      ...encodeOps(commit),
    ];
    const { now, answer } = await this.#calls.change(shard, "commit", args, shard.keys.job(jobId));
    const [outcome, detail, followers] = answer as
      | ["committed", string[], string[]]
      | ["conflict", number, undefined]
      | ["fenced", string, undefined];
    switch (outcome) {
      case "committed":
        return {
          outcome,
          now,
          leased: detail,
          ...(followers.length > 0 && { followers }),
        };
      case "conflict":
        return { outcome, revision: detail };
      case "fenced":
        return { outcome, taskId: detail };
    }
  }

  claimKey(key: string, jobId: string, forMs: number): Promise<string> {
    return this.#claimed.claim(key, jobId, forMs);
  }

  async loadJob(jobId: string): Promise<StoredJob | undefined> {
    const key = this.#shardOf(jobId).keys.job(jobId);
    const text = (await this.#calls.read(key, ["LINDEX", key, "0"])) as string | null;
    return text === null ? undefined : decodeJob(jobId, text);
  }

  async history(jobId: string, after: number, limit: number): Promise<readonly HistoryEntry[]> {
    if (limit <= 0) return [];
    const key = this.#shardOf(jobId).keys.job(jobId);
    const range = ["LRANGE", key, String(after + 1), String(after + limit)];
    return ((await this.#calls.read(key, range)) as string[]).map(decodeHistory);
  }

  listJobs(query: JobQuery): Promise<JobPage> {
    return listJobs(this.#calls, this.#shards, query);
  }

  countJobs(): Promise<Readonly<Partial<Record<JobStatus, number>>>> {
    return countJobs(this.#calls, this.#shards);
  }

  countQueues(): Promise<Readonly<Record<string, number>>> {
    return countQueues(this.#calls, this.#shards);
  }

  queuedSince(): Promise<Readonly<Record<string, FirstQueued>>> {
    return queuedSince(this.#calls, this.#shards);
  }

  countLeased(asked: readonly ShardKey[]): Promise<readonly number[]> {
    return countLeased(this.#calls, asked);
  }

  async setPaused(type: string, isPaused: boolean): Promise<void> {
    await this.#calls.runConfirmed("set-paused", [this.#keys.paused], [type, flag(isPaused)]);
  }

  async pausedTypes(): Promise<readonly string[]> {
    const key = this.#keys.paused;
    return ((await this.#calls.read(key, ["SMEMBERS", key])) as string[]).toSorted();
  }

  async loadTask(taskId: string): Promise<StoredTask | undefined> {
    const key = this.#shardOf(taskId).keys.all[2]!;
    const row = (await this.#calls.read(key, ["HGET", key, taskId])) as string | null;
    return row === null ? undefined : decodeTask(row).task;
  }

  async listTasks(jobId: string): Promise<readonly StoredTask[]> {
    const { keys } = this.#shardOf(jobId);
    const rows = (await this.#calls.run("list-tasks", keys.all, [jobId])) as string[];
    return decodeTasks(rows);
  }

  async claimTasks(claim: Claim): Promise<ClaimResult> {
    const shard = this.#calls.shard(claim.shard);
    const args = [...this.#hinting(shard, this.#newToken()), ...claimArgs(claim)];
    const key = shard.keys.claim(claim.holder);
    const { answer } = await this.#calls.change(shard, "claim", args, key);
    return readClaim(answer);
  }

  async extendLeases(extensions: readonly Extension[]): Promise<readonly ExtensionResult[]> {
    const results: ExtensionResult[] = [];
    const numbered = extensions.map((extension, index) => ({ extension, index }));
    const byShard = groupBy(numbered, ({ extension }) => shardOf(extension.taskId));
    await Promise.all(
      [...byShard].map(async ([number, asked]) => {
        const args = asked.flatMap(({ extension }) => [
          extension.taskId,
          String(extension.attempt),
          JSON.stringify(extension.holder),
          JSON.stringify(extension.workerId),
          String(extension.leaseMs),
          jsonText(extension.progress),
          jsonText(extension.checkpoint),
        ]);
        const { answer } = await this.#change(this.#calls.shard(number), "extend", args);
        for (const [place, result] of (answer[0] as ExtensionResult[]).entries())
          results[asked[place]!.index] = result;
      }),
    );
    return results;
  }

  async requeueTask(requeue: Requeue): Promise<"requeued" | "fenced"> {
    const { taskId, attempt, lapsed, delayMs, settle, counts, error } = requeue;
    const shard = this.#shardOf(taskId);
    const { answer } = await this.#calls.change(shard, "requeue", [
      ...this.#hinting(shard, this.#newToken()),
      taskId,
      String(attempt),
      flag(lapsed),
      String(delayMs),
      flag(settle),
      flag(counts),
      jsonText(error),
    ]);
    return answer[0] as "requeued" | "fenced";
  }

  async due(limit: number, number = 0): Promise<Due> {
    const shard = this.#calls.shard(number);
    const { now, answer } = await this.#change(shard, "due", [String(limit)]);
    return readDue(now, answer);
  }

  async clearTimer(jobId: string, timerId: string, epoch: string): Promise<void> {
    await this.#change(this.#shardOf(jobId), "clear-timer", [jobId, timerId, epoch]);
  }

  async removeMessages(ids: readonly string[]): Promise<void> {
    const byShard = groupBy(ids, shardOf);
    await Promise.all(
      [...byShard].map(([number, asked]) =>
        this.#change(this.#calls.shard(number), "remove-messages", asked),
      ),
    );
  }

  async claimMessage(id: string, due: number, until: number): Promise<boolean> {
    return this.#moveMessage(id, String(due), until, false);
  }

  async delayMessage(id: string, due: number): Promise<void> {
    await this.#moveMessage(id, "", due, true);
  }

  async #moveMessage(id: string, from: string, to: number, counts: boolean): Promise<boolean> {
    const args = [id, from, String(to), flag(counts)];
    const { answer } = await this.#change(this.#shardOf(id), "move-message", args);
    return answer[0] === 1;
  }

  async removeJob(jobId: string, revision?: number): Promise<void> {
    const shard = this.#shardOf(jobId);
    const args = [this.nodes.nodeId, "-", jobId, revision === undefined ? "" : String(revision)];
    await this.#calls.change(shard, "remove-job", args, shard.keys.job(jobId));
  }

  async claimOutlived(jobIds: readonly string[], forMs: number): Promise<readonly string[]> {
    const claimed = new Set<string>();
    await Promise.all(
      [...groupBy(jobIds, shardOf)].map(async ([number, asked]) => {
        const args = [String(forMs), ...asked];
        const { answer } = await this.#change(this.#calls.shard(number), "claim-outlived", args);
        for (const jobId of answer[0] as string[]) claimed.add(jobId);
      }),
    );
    return jobIds.filter((jobId) => claimed.has(jobId));
  }

  async exportJob(jobId: string): Promise<JobDump | undefined> {
    const { keys } = this.#shardOf(jobId);
    const args = [jobId, jobId.replaceAll(/[\\*?[\]^-]/g, "\\$&")];
    const answer = await this.#calls.run("export-job", [...keys.all, keys.job(jobId)], args);
    return decodeDump(jobId, answer as ExportedJob | []);
  }

  async importJob(dump: JobDump): Promise<ImportResult> {
    const { jobId } = dump.job.summary;
    if (shardOf(jobId) >= this.#shards) throw tooFewShards(shardOf(jobId), this.#shards);
    const shard = this.#shardOf(jobId);
    const token = this.#newToken();
    const args = [this.nodes.nodeId, token, jobId, ...encodeDump(dump, token)];
    const { answer } = await this.#calls.change(shard, "import-job", args, shard.keys.job(jobId));
    const revision = answer[0] as number;
    return revision === 0 ? { outcome: "imported" } : { outcome: "exists", revision };
  }

  listKeys(limit: number, cursor?: string): Promise<KeyPage> {
    return this.#claimed.list(limit, cursor);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#watch.close();
    const departing = this.nodes.depart().catch(() => {});
    await this.#calls.close();
    await departing;
    this.#servers.close();
  }

  #shardOf(id: string): Shard {
    return this.#calls.shard(shardOf(id));
  }

  /** Change something with the arguments that most scripts begin with. */
  #change(
    shard: Shard,
    name: "claim-outlived" | "clear-timer" | "due" | "extend" | "move-message" | "remove-messages",
    args: readonly string[],
  ): Promise<Changed> {
    return this.#calls.change(shard, name, [this.nodes.nodeId, this.#newToken(), ...args]);
  }

  /** What a script begins with that may tell other nodes something. */
  #hinting({ keys }: Shard, token: string): readonly string[] {
    return [this.nodes.nodeId, token, ...this.nodes.scriptArgs, String(keys.shard)];
  }

  /** A script that is sent again has the same one. */
  #newToken(): string {
    return `${this.#tokens}${(this.#tokensGiven++).toString(36)}`;
  }
}
