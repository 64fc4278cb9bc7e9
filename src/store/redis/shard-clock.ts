// Time and epoch of a shard as a node knows them between two answers of it.
import type { Clock } from "../../clock.ts";

/** The best of the answers of so long counts: most are a little late, and clocks drift apart but slowly. */
const windowMs = 10_000;

export class ShardClock {
  /** The latest that the shard told; empty before its first answer, and then it is nobody's epoch. */
  epoch = "";
  readonly #clock: Clock;
  /** How much the shard's time is ahead of the node's monotonic one, at least: of this window, and of the one before. */
  #ahead = Number.NEGATIVE_INFINITY;
  #aheadBefore = Number.NEGATIVE_INFINITY;
  #windowEnds = Number.NEGATIVE_INFINITY;
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What a script has answered. The answer has been under way for a while, so it is later by now. */
  learn(now: number, epoch: string): void {
    this.epoch = epoch;
    const monotonic = this.#clock.monotonic();
    if (monotonic >= this.#windowEnds) {
      this.#aheadBefore = this.#ahead;
      this.#ahead = Number.NEGATIVE_INFINITY;
      this.#windowEnds = monotonic + windowMs;
    }
    this.#ahead = Math.max(this.#ahead, now - monotonic);
  }

  /** Milliseconds since 1970, a whole number; never goes back. */
  now(): number {
    const ahead = Math.max(this.#ahead, this.#aheadBefore);
    if (ahead > Number.NEGATIVE_INFINITY)
      this.#last = Math.max(this.#last, Math.floor(this.#clock.monotonic() + ahead));
    return this.#last;
  }
}
