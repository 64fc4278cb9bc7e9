// Brings tasks to workers: offers at commit, pushes after it, and claims from the backlog when a slot is free.
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { Commit, LeaseOffer } from "../store/commit.ts";
import type { NewTask, StoredTask } from "../store/records.ts";
import { shardOf } from "../store/shard.ts";
import type { Store } from "../store/store.ts";
import { Backlog } from "./dispatch/backlog.ts";
import { planClaim, type ClaimPlan } from "./dispatch/claim-plan.ts";
import { specOf } from "./dispatch/queue.ts";
import { RateLimits, type Place } from "./dispatch/rate-limits.ts";
import { memberLack, slotsAt } from "./dispatch/suitability.ts";
import type { RuntimeLimits } from "./runtime.ts";
import { runningAttempt, type Member, type Running, type WorkerPool } from "./worker-pool.ts";

export interface DispatcherOptions {
  readonly store: Store;
  readonly pool: WorkerPool;
  readonly clock: Clock;
  readonly limits: RuntimeLimits;
  readonly log: Logger;
  /** Which of the nodes that live this is. */
  readonly place: () => Place;
  /** An attempt has been pushed and waits to be accepted. */
  readonly pushed: (member: Member, task: StoredTask) => void;
  /** Which other nodes follow the job of a task that was claimed here. */
  readonly followed: (jobId: string, nodeIds: readonly string[] | undefined) => void;
  /** An attempt was leased to a session that has gone meanwhile. */
  readonly undelivered: (task: StoredTask) => void;
}

/** How long a worker's claims rest after the store failed one. */
const restMs = 1000;
/** As many more members are asked to claim after one that has found something. */
const spread = 2;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #offers = new Map<string, Member>();
  readonly #backlog = new Backlog();
  readonly #rates: RateLimits;
  #paused: ReadonlySet<string> = new Set();
  /** Queues that a timer will ask for again, once their rate lets tasks begin. */
  readonly #awaitingRate = new Set<string>();
  /** Who keeps slots free, by the queue whose tasks take so many. */
  readonly #savers = new Map<string, Member>();
  #rounds = 0;
  #stopped = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#rates = new RateLimits(options.place);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The types whose tasks wait until they are resumed. */
  get paused(): ReadonlySet<string> {
    return this.#paused;
  }

  /** The queues that wait here because the rate of their key lets no task begin now. */
  get atRate(): readonly string[] {
    const now = this.#now();
    return [...this.#awaitingRate].filter((queue) => {
      const { limit } = specOf(queue);
      return limit !== undefined && this.#rates.room(limit, now) === 0;
    });
  }

  /** From now on tasks of these types begin no more, and those of others do. */
  setPaused(types: Iterable<string>): void {
    const before = this.#paused;
    this.#paused = new Set(types);
    for (const [shard, queues] of this.#backlog.shards())
      for (const queue of queues.keys()) {
        const { type } = specOf(queue);
        if (before.has(type) && !this.#paused.has(type)) this.#wake(shard, queue, 1);
      }
  }

  /** Who would run this task now. The store takes the offer only where the queue is empty (law 6). */
  offer(task: NewTask): LeaseOffer | undefined {
    const { queue, taskId } = task;
    if (this.#stopped || this.#backlog.get(shardOf(task.jobId), queue)) return undefined;
    if (this.#open(queue) === 0) return undefined;
    const member = this.#options.pool.reserve(queue);
    if (!member) return undefined;
    this.#offers.set(taskId, member);
    const { limit } = specOf(queue);
    if (limit) this.#rates.take(limit, 1, this.#now());
    const { holder, workerId } = member.session;
    return { holder, workerId, leaseMs: this.#firstLeaseMs(member) };
  }

  /** Give back what a refused commit had reserved. */
  withdraw(commit: Commit): void {
    for (const op of commit.ops)
      if (op.op === "add_task" && this.#unreserve(op.task)) this.#didNotBegin(op.task.queue, 1);
  }

  /** The commit is durable: push what it leased, and note what it queued. */
  committed(commit: Commit, leased: ReadonlySet<string>, now: number): void {
    const queued: string[] = [];
    for (const op of commit.ops) {
      if (op.op !== "add_task") continue;
      const { task, offer } = op;
      const member = this.#unreserve(task);
      if (!leased.has(task.taskId) || !offer) {
        if (member) this.#didNotBegin(task.queue, 1);
        queued.push(task.queue);
      } else if (member) {
        this.#backlog.served(task.queue);
        this.#push(member, leasedTask(task, offer, this.#options.store.nodes.nodeId, now));
      }
    }
    const shard = shardOf(commit.jobId);
    if (queued.length > 0) this.queued(shard, queued);
    // Who runs a task that has been taken away frees its slot in a moment, and says its key. Nobody does where it is lost.
    const isLost = commit.ops.some(
      (op) =>
        (op.op === "remove_task" || op.op === "finish_task") &&
        !this.#options.pool.latest(op.taskId),
    );
    if (isLost) for (const queue of this.#backlog.unblockAll(shard)) this.#wake(shard, queue, 1);
  }

  /** Tasks have been put into these queues. */
  queued(shard: number, queues: readonly string[]): void {
    this.#backlog.add(shard, queues);
    const counts = new Map<string, number>();
    for (const queue of queues) counts.set(queue, (counts.get(queue) ?? 0) + 1);
    for (const [queue, count] of counts) this.#wake(shard, queue, count);
  }

  /** A look into a shard has found tasks in these queues. Where this node has nobody for them, others may. */
  found(shard: number, queues: readonly string[]): void {
    this.#backlog.add(shard, queues, true);
    for (const queue of queues) this.#wake(shard, queue, 1);
    this.#tellOthers(shard, queues);
  }

  /** A slot has become free. Where its task had a key, others with that key may begin now, here or elsewhere. */
  freed(member: Member, running: Running | undefined): void {
    if (running) this.ended(running);
    this.fill(member);
  }

  /** A task does not run any more. */
  ended({ jobId, queue }: Pick<Running, "jobId" | "queue">): void {
    const { limit } = specOf(queue);
    if (limit?.concurrency === undefined) return;
    const shard = shardOf(jobId);
    const queues = this.#backlog.unblock(shard, limit.key);
    for (const unblocked of queues) this.#wake(shard, unblocked, 1);
    if (queues.length > 0) this.#tellOthers(shard, queues);
  }

  /** Slots of this member may be free: claim for it what waits. Costs nothing where nothing waits. */
  fill(member: Member): void {
    const { pool } = this.#options;
    if (this.#stopped || member.claiming || this.#backlog.size === 0) return;
    if (!pool.has(member)) return;
    const planned = this.#plan(member);
    if (!planned) return;
    const { news } = this.#backlog;
    member.claiming = true;
    this.#claim(member, ...planned).then(
      (more) => {
        member.claiming = false;
        if (more || news !== this.#backlog.news) this.fill(member);
      },
      (error: unknown) => {
        const { clock, log } = this.#options;
        log.error({ err: error }, "claiming tasks failed");
        clock.schedule(restMs, () => {
          member.claiming = false;
          this.fill(member);
          const [shard, { queues }] = planned;
          for (const { queue } of queues) this.#wake(shard, queue, 1);
        });
      },
    );
  }

  /** Let the best members that have room for a queue claim, so many of them. */
  #wake(shard: number, queue: string, members: number): void {
    const known = this.#backlog.get(shard, queue);
    if (!known || known.blocked || this.#open(queue) === 0) return;
    for (const member of this.#options.pool.candidates(queue, members)) this.fill(member);
  }

  /** Tell other nodes of queues for which nobody is free here. */
  #tellOthers(shard: number, queues: readonly string[]): void {
    const { pool, store } = this.#options;
    if (!store.nodes.shared) return;
    const helpless = queues.filter((queue) => !pool.hasFree(queue));
    if (helpless.length > 0) store.nodes.tellAll({ kind: "queued", shard, queues: helpless });
  }

  /** The next shard that may hold something for this member, and how much of what it may take. */
  #plan(member: Member): readonly [shard: number, plan: ClaimPlan] | undefined {
    const { pool } = this.#options;
    this.#endVainSaving(member);
    for (const [shard, queues] of this.#backlog.shards()) {
      const plan = planClaim(member, queues, {
        now: this.#now(),
        open: (queue) => this.#open(queue),
        turnOf: (queue) => this.#backlog.turnOf(queue),
        hasOther: (queue) => pool.hasFree(queue, member),
        isSavedFor: (queue) => this.#isSavedFor(queue),
        round: this.#rounds++,
        softLimit: this.#options.limits.softLimit,
      });
      if (!plan) continue;
      if ("saveFor" in plan) {
        member.savingFor = plan.saveFor;
        this.#savers.set(plan.saveFor, member);
        return undefined;
      }
      this.#backlog.asked(shard);
      return [shard, plan];
    }
    return undefined;
  }

  /** @returns whether it is worth claiming again at once */
  async #claim(member: Member, shard: number, { queues, limit }: ClaimPlan): Promise<boolean> {
    const { store, pool, followed, limits } = this.#options;
    const seen = new Map(
      queues.map(({ queue }) => [queue, this.#backlog.get(shard, queue)?.added ?? 0]),
    );
    const { holder, workerId } = member.session;
    const leaseMs = this.#firstLeaseMs(member);
    const { ageMs } = limits;
    // Which tasks will come is not known yet, so the slots are held without a type, and rates as if all came.
    pool.hold(member, limit);
    for (const { queue, limit: most } of queues) this.#begin(queue, most);
    const counts = new Map<string, number>();
    try {
      const claim = { shard, queues, limit, holder, workerId, leaseMs, ageMs };
      const { tasks, drained, followers } = await store.claimTasks(claim);
      pool.giveBack(member, limit);
      for (const { jobId } of tasks) followed(jobId, followers?.[jobId]);
      for (const task of tasks) {
        counts.set(task.queue, (counts.get(task.queue) ?? 0) + 1);
        this.#backlog.served(task.queue);
        this.#push(member, task);
      }
      this.#noteBlocked(shard, { queues, limit }, counts, drained);
      for (const queue of drained) {
        this.#backlog.drained(shard, queue, seen.get(queue));
        this.#stopSaving(queue);
      }
      for (const queue of counts.keys()) this.#stopSaving(queue);
      if (tasks.length > 0)
        for (const { queue } of queues)
          if (!drained.includes(queue)) this.#wake(shard, queue, spread);
      return tasks.length > 0 || drained.length > 0;
    } catch (error) {
      pool.giveBack(member, limit);
      throw error;
    } finally {
      for (const { queue, limit: most } of queues)
        this.#didNotBegin(queue, most - (counts.get(queue) ?? 0));
    }
  }

  /** A queue that gave less than was asked for, though it holds more and there were slots, waits for others of its key. */
  #noteBlocked(
    shard: number,
    { queues, limit }: ClaimPlan,
    counts: ReadonlyMap<string, number>,
    drained: readonly string[],
  ): void {
    let left = limit;
    for (const { queue, slots = 1 } of queues) left -= slots * (counts.get(queue) ?? 0);
    for (const { queue, limit: most, slots = 1 } of queues) {
      const known = this.#backlog.get(shard, queue);
      if (!known) continue;
      const count = counts.get(queue) ?? 0;
      if (count > 0) delete known.shortSince;
      known.blocked = !drained.includes(queue) && count < most && slots <= left;
    }
  }

  /** Whoever can't begin the task any more that it keeps its slots free for begins others again. */
  #endVainSaving(member: Member): void {
    const queue = member.savingFor;
    if (queue === undefined) return;
    const spec = specOf(queue);
    const isVain =
      memberLack(member, queue) !== undefined ||
      slotsAt(member, spec) > member.credits ||
      member.session.types.get(spec.type) === 0 ||
      this.#open(queue) === 0 ||
      [...this.#backlog.shards()].every(([, queues]) => queues.get(queue)?.blocked !== false);
    if (!isVain) return;
    if (this.#savers.get(queue) === member) this.#savers.delete(queue);
    member.savingFor = undefined;
  }

  #isSavedFor(queue: string): boolean {
    const saver = this.#savers.get(queue);
    return saver !== undefined && !saver.draining && this.#options.pool.has(saver);
  }

  /** A task of the queue has begun, or there is none any more. */
  #stopSaving(queue: string): void {
    const saver = this.#savers.get(queue);
    if (!saver) return;
    this.#savers.delete(queue);
    saver.savingFor = undefined;
    this.fill(saver);
  }

  #push(member: Member, task: StoredTask): void {
    const { pool } = this.#options;
    if (!pool.has(member)) {
      this.#options.undelivered(task);
      return;
    }
    pool.run(member, runningAttempt(task));
    this.#options.pushed(member, task);
    member.session.push(task, this.#leaseMs(member));
  }

  #unreserve({ taskId, queue }: NewTask): Member | undefined {
    const member = this.#offers.get(taskId);
    if (!member) return undefined;
    this.#offers.delete(taskId);
    const spec = specOf(queue);
    this.#options.pool.giveBack(member, slotsAt(member, spec), spec.type);
    return member;
  }

  /** How many tasks of a queue may begin now, as far as pauses and rates go. */
  #open(queue: string): number {
    const { type, limit } = specOf(queue);
    if (this.#paused.has(type)) return 0;
    if (!limit?.rate) return Number.POSITIVE_INFINITY;
    const now = this.#now();
    const room = this.#rates.room(limit, now);
    if (room === 0) this.#askAt(queue, this.#rates.opensAt(limit, now));
    return room;
  }

  #begin(queue: string, tasks: number): void {
    const { limit } = specOf(queue);
    if (limit?.rate) this.#rates.take(limit, tasks, this.#now());
  }

  #didNotBegin(queue: string, tasks: number): void {
    const { limit } = specOf(queue);
    if (limit?.rate && tasks > 0) this.#rates.giveBack(limit, tasks);
  }

  /** Ask for a queue again when its rate lets a task begin. */
  #askAt(queue: string, at: number): void {
    if (this.#awaitingRate.has(queue)) return;
    this.#awaitingRate.add(queue);
    this.#options.clock.schedule(Math.max(1, Math.ceil(at - this.#now())), () => {
      this.#awaitingRate.delete(queue);
      if (this.#stopped) return;
      for (const [shard] of this.#backlog.shards()) this.#wake(shard, queue, 1);
    });
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }

  /** The time to accept comes on top of the first lease, so that accepting needs no write (law 8). */
  #firstLeaseMs(member: Member): number {
    return this.#options.limits.acceptMs + this.#leaseMs(member);
  }

  #leaseMs({ session }: Member): number {
    return session.leaseMs ?? this.#options.limits.leaseMs;
  }
}

/** The stored form of a task that its own commit leased. */
function leasedTask(task: NewTask, offer: LeaseOffer, node: string, now: number): StoredTask {
  const { holder, workerId, leaseMs } = offer;
  return Object.assign({}, task, {
    state: "leased" as const,
    attempt: 1,
    settled: 0,
    failures: 0,
    losses: 0,
    createdAt: now,
    since: now,
    lease: { holder, workerId, node, startedAt: now, until: now + leaseMs },
  });
}
