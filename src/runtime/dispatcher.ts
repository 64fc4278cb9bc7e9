// Brings tasks to workers: offers at commit, pushes after it, and claims from the backlog when a slot is free.
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { Commit, LeaseOffer } from "../store/commit.ts";
import type { NewTask, StoredTask } from "../store/records.ts";
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
  /** An attempt was leased to a session that has gone meanwhile. */
  readonly undelivered: (task: StoredTask) => void;
}

/** How long a worker's claims rest after the store failed one. */
const restMs = 1000;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #offers = new Map<string, Member>();
  /** Queues that may hold tasks, with a count of what was added: a drained answer older than an addition is no news. */
  readonly #backlog = new Map<string, number>();
  #stopped = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Learn what waits from before this node started. */
  async start(): Promise<void> {
    this.queued(Object.keys(await this.#options.store.countQueues()));
  }
  stop(): void {
    this.#stopped = true;
  }

  /** Who would run this task now. The store takes the offer only where the queue is empty (law 6). */
  offer(task: NewTask): LeaseOffer | undefined {
    if (this.#stopped || this.#backlog.has(task.queue)) return undefined;
    const { pool } = this.#options;
    const member = pool.reserve(task.queue);
    if (!member) return undefined;
    this.#offers.set(task.taskId, member);
    const { holder, workerId } = member.session;
    return { holder, workerId, leaseMs: this.#firstLeaseMs };
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
    if (queued.length > 0) this.queued(queued);
  }

  /** Tasks wait in these queues. */
  queued(queues: readonly string[]): void {
    for (const queue of queues) this.#backlog.set(queue, (this.#backlog.get(queue) ?? 0) + 1);
    for (const member of this.#options.pool.members()) this.fill(member);
  }

  /** A slot of this member may be free: claim for it what waits. Costs nothing where nothing waits. */
  fill(member: Member): void {
    const { pool } = this.#options;
    if (this.#stopped || member.claiming || this.#backlog.size === 0) return;
    if (!pool.has(member)) return;
    const queues = [...member.session.types.keys()].flatMap((queue) => {
      const limit = this.#backlog.has(queue) ? pool.free(member, queue) : 0;
      return limit > 0 ? [{ queue, limit }] : [];
    });
    if (queues.length === 0) return;
    member.claiming = true;
    this.#claim(member, queues).then(
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

  async #claim(
    member: Member,
    queues: readonly { queue: string; limit: number }[],
  ): Promise<boolean> {
    const { store, pool } = this.#options;
    const seen = new Map(this.#backlog);
    const limit = Math.max(...queues.map((queue) => queue.limit));
    const { holder, workerId } = member.session;
    // Which queue the tasks will come from is not known yet, so the slots are held without a type.
    pool.hold(member, "", limit);
    try {
      const leaseMs = this.#firstLeaseMs;
      const claimed = await store.claimTasks({
        shard: 0,
        queues,
        limit,
        holder,
        workerId,
        leaseMs,
      });
      pool.giveBack(member, "", limit);
      for (const task of claimed.tasks) this.#push(member, task);
      for (const queue of claimed.drained)
        if (this.#backlog.get(queue) === seen.get(queue)) this.#backlog.delete(queue);
      return claimed.tasks.length > 0 || claimed.drained.length > 0;
    } catch (error) {
      pool.giveBack(member, "", limit);
      throw error;
    }
  }

  #push(member: Member, task: StoredTask): void {
    const { pool } = this.#options;
    if (!pool.has(member)) {
      this.#options.undelivered(task);
      return;
    }
    pool.run(member, runningAttempt(task));
    this.#options.pushed(member, task);
    member.session.push(task, this.#options.limits.leaseMs);
  }

  #unreserve({ taskId, queue }: NewTask): Member | undefined {
    const member = this.#offers.get(taskId);
    if (!member) return undefined;
    this.#offers.delete(taskId);
    this.#options.pool.giveBack(member, queue, 1);
    return member;
  }

  /** The time to accept comes on top of the first lease, so that accepting needs no write (law 8). */
  get #firstLeaseMs(): number {
    return this.#options.limits.acceptMs + this.#options.limits.leaseMs;
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
