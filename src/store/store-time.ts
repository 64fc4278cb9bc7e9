// Store time: starts from the wall clock and goes on by the monotonic one, so that it never goes back and never jumps.
import type { Clock } from "../clock.ts";

export class StoreTime {
  readonly #clock: Clock;
  readonly #offsetMs: number;
  #last: number;

  /**
   * @param clock the node's clock; its wall time is read once, here.
   * @param atLeast the latest store time that is on record, in milliseconds since 1970; time goes on from there
   *   if the wall clock has been set back meanwhile.
   */
  constructor(clock: Clock, atLeast = 0) {
    this.#clock = clock;
    this.#last = Math.max(clock.now(), atLeast);
    this.#offsetMs = this.#last - clock.monotonic();
  }

  /** Milliseconds since 1970, a whole number. */
  now(): number {
    const now = Math.floor(this.#clock.monotonic() + this.#offsetMs);
    this.#last = Math.max(this.#last, now);
    return this.#last;
  }
}
