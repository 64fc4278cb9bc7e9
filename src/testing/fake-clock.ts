// Time that stands still until a test moves it.
import type { Clock, TimerHandle } from "../clock.ts";

interface FakeTimer {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** A Clock that moves only by `advance`. Timers run in order of their due time, ties in the order they were set. */
export class FakeClock implements Clock {
  /** How far the wall clock is off, in milliseconds; set it to let the wall clock jump while monotonic time goes on. */
  wallSkewMs = 0;
  /** Called and waited for whenever time has moved, before anything else happens at the new time. */
  moved: (() => Promise<void>) | undefined;
  readonly #startMs: number;
  #elapsedMs = 0;
  #orders = 0;
  readonly #timers = new Set<FakeTimer>();
  readonly #settle: () => Promise<void>;

  /**
   * @param startMs wall time at the beginning, in milliseconds since 1970
   * @param settle resolves when nothing is left to happen at the present moment; two rounds of the event loop where
   *   absent
   */
  constructor(startMs: number = Date.UTC(2026, 0, 1), settle: () => Promise<void> = twoRounds) {
    this.#startMs = startMs;
    this.#settle = settle;
  }

  now(): number {
    return this.steady() + this.wallSkewMs;
  }

  /** What a wall clock says that nobody has set meanwhile. */
  steady(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  schedule(delayMs: number, run: () => void): TimerHandle {
    const timer = {
      dueMs: this.#elapsedMs + Math.max(0, delayMs),
      order: this.#orders++,
      run,
    };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** How far off the next timer is, in milliseconds; undefined where none is set. */
  get nextInMs(): number | undefined {
    const next = this.#nextUntil(Number.POSITIVE_INFINITY);
    return next && Math.max(0, next.dueMs - this.#elapsedMs);
  }

  /**
   * Move time forward. Each timer that comes due runs at its own moment, and what it started (promises, immediates)
   * settles before time moves on. `advance(0)` only lets things settle.
   *
   * @param ms how far, in milliseconds
   */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsedMs + ms;
    await this.#settle();
    for (let timer = this.#nextUntil(end); timer; timer = this.#nextUntil(end)) {
      this.#timers.delete(timer);
      this.#elapsedMs = Math.max(this.#elapsedMs, timer.dueMs);
      await this.moved?.();
      timer.run();
      await this.#settle();
    }
    this.#elapsedMs = end;
    await this.moved?.();
  }

  #nextUntil(end: number): FakeTimer | undefined {
    let next: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > end) continue;
      if (
        !next ||
        timer.dueMs < next.dueMs ||
        (timer.dueMs === next.dueMs && timer.order < next.order)
      )
        next = timer;
    }
    return next;
  }
}

/** Two rounds of the event loop: a promise chain that hops through one immediate has settled, too. */
async function twoRounds(): Promise<void> {
  for (let round = 0; round < 2; round++) await new Promise((resolve) => setImmediate(resolve));
}
