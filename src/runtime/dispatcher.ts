// Brings tasks to workers: offers at commit, pushes after it, and claims from the backlog when a slot is free.
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { Commit, LeaseOffer } from "../store/commit.ts";
import type { NewTask, StoredTask } from "../store/records.ts";
import { shardOf } from "../store/shard.ts";
import type { Store } from "../store/store.ts";
import type { RuntimeLimits } from "./runtime.ts";
import { runningAttempt, type Member, type WorkerPool } from "./worker-pool.ts";

export interface DispatcherOptions {
  readonly store: Store;
  readonly pool: WorkerPool;
  readonly clock: Clock;
  readonly limits: RuntimeLimits;
  readonly log: Logger;
  /** An attempt has been pushed and waits to be accepted. */
  readonly pushed: (member: Member, task: StoredTask) => void;
  /** Which other nodes follow the job of a task that was claimed here. */
  readonly followed: (jobId: string, nodeIds: readonly string[] | undefined) => void;
  /** An attempt was leased to a session that has gone meanwhile. */
  readonly undelivered: (task: StoredTask) => void;
}

/** Queues of a shard, and the most tasks to take from each. */
interface Wanted {
  readonly shard: number;
  readonly queues: readonly { readonly queue: string; readonly limit: number }[];
}

/** How long a worker's claims rest after the store failed one. */
const restMs = 1000;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #offers = new Map<string, Member>();
  /**
   * By shard: queues that may hold tasks, with a count of what was added: a drained answer older than an addition is
   * no news.
   */
  readonly #backlog = new Map<number, Map<string, number>>();
  #stopped = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Who would run this task now. The store takes the offer only where the queue is empty (law 6). */
  offer(task: NewTask): LeaseOffer | undefined {
    if (this.#stopped || this.#backlog.get(shardOf(task.jobId))?.has(task.queue)) return undefined;
    const { pool } = this.#options;
    const member = pool.reserve(task.queue);
    if (!member) return undefined;
    this.#offers.set(task.taskId, member);
    const { holder, workerId } = member.session;
    return { holder, workerId, leaseMs: this.#firstLeaseMs(member) };
  }

  /** Give back what a refused commit had reserved. */
  withdraw(commit: Commit): void {
    for (const op of commit.ops) if (op.op === "add_task") this.#unreserve(op.task);
  }

  /** The commit is durable: push what it leased, and note what it queued. */
  committed(commit: Commit, leased: ReadonlySet<string>, now: number): void {
    const queued: string[] = [];
    for (const op of commit.ops) {
      if (op.op !== "add_task") continue;
      const member = this.#unreserve(op.task);
      if (!leased.has(op.task.taskId) || !op.offer) queued.push(op.task.queue);
      else if (member)
        this.#push(member, leasedTask(op.task, op.offer, this.#options.store.nodes.nodeId, now));
    }
    if (queued.length > 0) this.queued(shardOf(commit.jobId), queued);
  }

  /** Tasks have been put into these queues. */
  queued(shard: number, queues: readonly string[]): void {
    const backlog = this.#backlog.get(shard) ?? new Map<string, number>();
    this.#backlog.set(shard, backlog);
    for (const queue of queues) backlog.set(queue, (backlog.get(queue) ?? 0) + 1);
    for (const member of this.#options.pool.members()) this.fill(member);
  }

  /** A look into a shard has found tasks in these queues. Where this node has nobody for them, others may. */
  found(shard: number, queues: readonly string[]): void {
    const { pool, store } = this.#options;
    this.queued(shard, queues);
    const helpless = queues.filter((queue) => !pool.hasFree(queue));
    if (helpless.length > 0 && store.nodes.shared)
      store.nodes.tellAll({ kind: "queued", shard, queues: helpless });
  }

  /** A slot of this member may be free: claim for it what waits. Costs nothing where nothing waits. */
  fill(member: Member): void {
    const { pool } = this.#options;
    if (this.#stopped || member.claiming || this.#backlog.size === 0) return;
    if (!pool.has(member)) return;
    const wanted = this.#wanted(member);
    if (!wanted) return;
    member.claiming = true;
    this.#claim(member, wanted).then(
      (more) => {
        member.claiming = false;
        if (more) this.fill(member);
      },
      (error: unknown) => {
        const { clock, log } = this.#options;
        log.error({ err: error }, "claiming tasks failed");
        clock.schedule(restMs, () => {
          member.claiming = false;
          this.fill(member);
        });
      },
    );
  }

  /** The next shard that may hold something for this member, and how much of what it may take. */
  #wanted(member: Member): Wanted | undefined {
    for (const [shard, backlog] of this.#backlog) {
      const queues = [...member.session.types.keys()].flatMap((queue) => {
        const limit = backlog.has(queue) ? this.#options.pool.free(member, queue) : 0;
        return limit > 0 ? [{ queue, limit }] : [];
      });
      if (queues.length === 0) continue;
      // The shard goes to the end of the line, so that a busy one starves no other.
      this.#backlog.delete(shard);
      this.#backlog.set(shard, backlog);
      return { shard, queues };
    }
    return undefined;
  }

  /** @returns whether it is worth claiming again at once */
  async #claim(member: Member, { shard, queues }: Wanted): Promise<boolean> {
    const { store, pool, followed } = this.#options;
    const seen = new Map(this.#backlog.get(shard));
    // Queues that share a pool are not to be given more together than it allows; what is left is claimed next.
    const limit = pool.freeOf(
      member,
      queues.map(({ queue }) => queue),
    );
    const { holder, workerId } = member.session;
    const leaseMs = this.#firstLeaseMs(member);
    // Which queue the tasks will come from is not known yet, so the slots are held without a type.
    pool.hold(member, "", limit);
    try {
      const claimed = await store.claimTasks({ shard, queues, limit, holder, workerId, leaseMs });
      pool.giveBack(member, "", limit);
      for (const { jobId } of claimed.tasks) followed(jobId, claimed.followers?.[jobId]);
      for (const task of claimed.tasks) this.#push(member, task);
      this.#drained(shard, claimed.drained, seen);
      return claimed.tasks.length > 0 || claimed.drained.length > 0;
    } catch (error) {
      pool.giveBack(member, "", limit);
      throw error;
    }
  }

  /** Forget queues that were found empty, but for what has been added since they were looked into. */
  #drained(shard: number, queues: readonly string[], seen: ReadonlyMap<string, number>): void {
    const backlog = this.#backlog.get(shard);
    for (const queue of queues) if (backlog?.get(queue) === seen.get(queue)) backlog?.delete(queue);
    if (backlog?.size === 0) this.#backlog.delete(shard);
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
    this.#options.pool.giveBack(member, queue, 1);
    return member;
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
  return {
    ...task,
    state: "leased",
    attempt: 1,
    settled: 0,
    failures: 0,
    createdAt: now,
    since: now,
    lease: { holder, workerId, node, startedAt: now, until: now + leaseMs },
  };
}
