// Wakes when something in the store comes due: timers, ended leases, delayed and overdue tasks, outbox messages.
import type { Clock, TimerHandle } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { StoredOutboxMessage } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import type { Attempts } from "./attempts.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { TurnRunner } from "./turn-runner.ts";

export interface DueLoopOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly turns: TurnRunner;
  readonly attempts: Attempts;
  readonly dispatcher: Dispatcher;
  readonly perform: (message: StoredOutboxMessage) => Promise<void>;
  readonly log: Logger;
}

/** The most things taken at one waking; more are taken right after. */
const batchMax = 512;
/** How long the loop rests after the store failed it, or after nothing of a batch could be done. */
const restMs = 1000;

export class DueLoop {
  readonly #options: DueLoopOptions;
  #timer: TimerHandle | undefined;
  /** Store time of the next waking. */
  #wakeAt = Number.POSITIVE_INFINITY;
  #round: Promise<void> | undefined;
  #stopped = true;

  constructor(options: DueLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    this.expect(0);
  }

  /** Resolves when the round that is under way, if any, has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#round;
  }

  /** Something will come due at this store time: wake then, if not before. */
  expect(due: number): void {
    if (this.#stopped || due >= this.#wakeAt) return;
    this.#wakeAt = due;
    this.#timer?.cancel();
    const { clock, store } = this.#options;
    this.#timer = clock.schedule(Math.max(0, due - store.now()), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#round = this.#run().finally(() => (this.#round = undefined));
    });
  }

  async #run(): Promise<void> {
    const { store, log } = this.#options;
    try {
      const next = await this.#takeDue();
      if (next !== undefined) this.expect(next);
    } catch (error) {
      log.error({ err: error }, "looking for what is due failed");
      this.expect(store.now() + restMs);
    }
  }

  /** Do all that is due. @returns the store time of the next waking. */
  async #takeDue(): Promise<number | undefined> {
    const { store, turns, attempts, dispatcher, perform } = this.#options;
    const due = await store.due(batchMax);
    if (due.ready.length > 0) dispatcher.queued(due.ready);
    const failures = await Promise.all([
      ...due.timers.map((timer) =>
        this.#attempt({ timerId: timer.timerId, jobId: timer.jobId }, async () => {
          const { jobId, timerId } = timer;
          const delivery = await turns.deliver(jobId, { kind: "timer", timerId });
          if (delivery.outcome !== "stepped") await store.clearTimers([{ jobId, timerId }]);
        }),
      ),
      ...due.expired.map((task) =>
        this.#attempt({ taskId: task.taskId, jobId: task.jobId }, () => attempts.lost(task)),
      ),
      ...due.overdue.map((task) =>
        this.#attempt({ taskId: task.taskId, jobId: task.jobId }, () => attempts.overdue(task)),
      ),
      ...due.messages.map((message) =>
        this.#attempt({ messageId: message.id, jobId: message.jobId }, () => perform(message)),
      ),
    ]);
    // What failed is still due. Rest before trying it again, so that it cannot keep the node busy.
    const failed = failures.some(Boolean);
    if (due.next === undefined) return failed ? due.now + restMs : undefined;
    return failed ? Math.max(due.next, due.now + restMs) : due.next;
  }

  /** @returns whether it failed, which is logged. */
  async #attempt(what: Record<string, string>, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return false;
    } catch (error) {
      this.#options.log.error({ err: error, ...what }, "something due could not be done");
      return true;
    }
  }
}
