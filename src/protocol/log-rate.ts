// How many lines of log may pass: so many in a second, and a burst of more where it was quiet before.

/** Lines that a worker sends of one attempt; a server takes ten times as many over one connection. */
export const logRate = { perSecond: 50, burst: 200 } as const;

export class LogRate {
  readonly #perMs: number;
  readonly #burst: number;
  #left: number;
  #at: number;

  /** @param now monotonic milliseconds */
  constructor(perSecond: number, burst: number, now: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#left = burst;
    this.#at = now;
  }

  /** Whether a line may pass now; it counts if so. */
  takes(now: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
