// Wakes when something in a shard comes due: timers, ended leases, delayed and overdue tasks, messages, outlived jobs.
import type { Clock, TimerHandle } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { StoredOutboxMessage, StoredTask } from "../store/records.ts";
import type { Due, Store } from "../store/store.ts";
import type { Attempts } from "./attempts.ts";
import { backoffMs } from "./backoff.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { TurnRunner } from "./turn-runner.ts";

export interface DueLoopOptions {
  readonly shard: number;
  /** The most time between two looks, in milliseconds: other nodes may have set what this one does not know of. */
  readonly lookEveryMs: () => number;
  /** Whether this node is the first to do what comes due here. */
  readonly isFirst: () => boolean;
  /** How long a message that was found has whoever found it to itself, in milliseconds. */
  readonly messageMs: number;
  readonly store: Store;
  readonly clock: Clock;
  readonly turns: TurnRunner;
  readonly attempts: Attempts;
  readonly dispatcher: Dispatcher;
  /** The store has told what is due in the shard. */
  readonly looked: (shard: number) => Promise<void>;
  /** A lease has ended. */
  readonly lapsed: (task: StoredTask) => Promise<void>;
  readonly perform: (message: StoredOutboxMessage) => Promise<void>;
  /** A job has been kept for as long as it was to be. */
  readonly outlived: (jobId: string) => Promise<void>;
  /** A number from 0 up to 1, for jitter. */
  readonly random: () => number;
  readonly log: Logger;
}

/** The most things under way at once; more are taken as these end. */
const underWayMax = 512;
/** How much longer than the first node another one waits before it does what has been left undone. */
const secondMs = 250;
/** How long the loop rests after the store failed it. */
const restMs = 1000;
/** How long something due rests that could not be done. */
const retry = { maxAttempts: Number.POSITIVE_INFINITY, initialMs: 1000, factor: 2, maxMs: 60_000 };

/** One thing that is due. */
interface DueWork {
  readonly name: string;
  /** An action of a machine, which may take as long as it likes. */
  readonly isAction?: boolean;
  /** Names it in the log. */
  readonly what: Readonly<Record<string, string>>;
  readonly run: () => Promise<void>;
}

export class DueLoop {
  readonly #options: DueLoopOptions;
  #timer: TimerHandle | undefined;
  /** Store time of the next waking. */
  #wakeAt = Number.POSITIVE_INFINITY;
  /** One look at the store after the other, or what an older one saw would be done again. */
  #looks: Promise<void> = Promise.resolve();
  /** By name. Until it is done, a thing stays due: here is what need not be begun again. */
  readonly #underWay = new Map<
    string,
    { readonly ended: Promise<void>; readonly isAction: boolean }
  >();
  /** By name: what could not be done, and the store time to try it again. */
  readonly #resting = new Map<string, { readonly until: number; readonly failures: number }>();
  #stopped = true;

  constructor(options: DueLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    this.expect(0);
  }

  /** Resolves when what is under way has ended, but for actions: whoever starts next does again what they leave undone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#looks;
    const awaited = [...this.#underWay.values()].filter(({ isAction }) => !isAction);
    await Promise.all(awaited.map(({ ended }) => ended));
  }

  /** Something will come due at this store time: wake then, if not before. */
  expect(due: number): void {
    if (this.#stopped || due >= this.#wakeAt) return;
    const { clock, store, shard, isFirst, lookEveryMs } = this.#options;
    const inMs = due - store.now(shard);
    // What is far enough off is known to the first node by its own looks by then.
    const leave = inMs > lookEveryMs() && !isFirst();
    this.#wakeAt = due;
    this.#timer?.cancel();
    this.#timer = clock.schedule(Math.max(0, inMs) + (leave ? secondMs : 0), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#looks = this.#looks.then(() => this.#look());
    });
  }

  /** Begin all that is due. What it leads to is not waited for: what is slow must not hold up what comes due next. */
  async #look(): Promise<void> {
    const { store, dispatcher, shard, log, lookEveryMs } = this.#options;
    if (this.#stopped) return;
    try {
      const limit = underWayMax + this.#underWay.size + this.#resting.size;
      const due = await store.due(limit, shard);
      await this.#options.looked(shard);
      if (due.queues.length > 0) dispatcher.found(shard, due.queues);
      const works = this.#works(due);
      this.#forgetRested(works);
      const free = underWayMax - this.#underWay.size;
      const fresh = works.filter(({ name }) => this.#isFresh(name, due.now));
      for (const work of fresh.slice(0, free)) this.#begin(work);
      for (const { until } of this.#resting.values()) if (until > due.now) this.expect(until);
      if (due.next !== undefined && fresh.length <= free) this.expect(due.next);
      this.expect(due.now + lookEveryMs());
    } catch (error) {
      log.error({ err: error }, "looking for what is due failed");
      this.expect(store.now(shard) + restMs);
    }
  }

  #works({ timers, expired, overdue, messages, outlived }: Due): readonly DueWork[] {
    const { store, shard, turns, attempts, lapsed } = this.#options;
    return [
      ...timers.map(({ timerId, jobId }) => ({
        name: `timer ${jobId} ${timerId}`,
        what: { timerId, jobId },
        run: async () => {
          const epoch = store.epoch(shard);
          const delivery = await turns.deliver(jobId, { kind: "timer", timerId });
          if (delivery.outcome !== "stepped") await store.clearTimer(jobId, timerId, epoch);
        },
      })),
      ...expired.map((task) => ({
        name: `lease ${task.taskId}`,
        what: { taskId: task.taskId, jobId: task.jobId },
        run: () => lapsed(task),
      })),
      ...overdue.map((task) => ({
        name: `overdue ${task.taskId}`,
        what: { taskId: task.taskId, jobId: task.jobId },
        run: () => attempts.overdue(task),
      })),
      ...messages.map((message) => ({
        name: `message ${message.id}`,
        isAction: true,
        what: { messageId: message.id, jobId: message.jobId },
        run: () => this.#perform(message),
      })),
      ...outlived.map((jobId) => ({
        name: `outlived ${jobId}`,
        what: { jobId },
        run: () => this.#options.outlived(jobId),
      })),
    ];
  }

  /** Other nodes may have found the message, too. */
  async #perform(message: StoredOutboxMessage): Promise<void> {
    const { store, shard, messageMs, perform } = this.#options;
    const until = store.now(shard) + messageMs;
    if (await store.claimMessage(message.id, message.due, until)) await perform(message);
  }

  /** What rested and is not due any more needs no rest. */
  #forgetRested(works: readonly DueWork[]): void {
    const due = new Set(works.map(({ name }) => name));
    for (const name of this.#resting.keys()) if (!due.has(name)) this.#resting.delete(name);
  }

  #isFresh(name: string, now: number): boolean {
    return !this.#underWay.has(name) && (this.#resting.get(name)?.until ?? 0) <= now;
  }

  #begin({ name, what, isAction = false, run }: DueWork): void {
    const { store, shard, random, log } = this.#options;
    const ended = run()
      .then(
        () => void this.#resting.delete(name),
        (error: unknown) => {
          const failures = (this.#resting.get(name)?.failures ?? 0) + 1;
          const until = store.now(shard) + backoffMs(retry, failures, random());
          this.#resting.set(name, { until, failures });
          log.error({ err: error, ...what, until }, "something due could not be done");
          this.expect(until);
        },
      )
      .finally(() => {
        // What found no place may be taken now.
        if (this.#underWay.size >= underWayMax) this.expect(0);
        this.#underWay.delete(name);
      });
    this.#underWay.set(name, { ended, isAction });
  }
}
