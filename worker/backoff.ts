// How long to wait before connecting again: longer after each failure, and never the same for all workers.

const firstMs = 500;
const mostMs = 30_000;

export class Backoff {
  readonly #random: () => number;
  #failures = 0;

  /** @param random From 0 to below 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** The next delay in milliseconds: anything up to a ceiling that doubles from 0.5 s to 30 s ("full jitter"). */
  next(): number {
    const ceiling = Math.min(mostMs, firstMs * 2 ** Math.min(this.#failures++, 16));
    return Math.round(this.#random() * ceiling);
  }

  /** The connection has proved to be stable. */
  reset(): void {
    this.#failures = 0;
  }
}
