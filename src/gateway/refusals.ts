// What is refused of a worker's frames, as lines in the log: each one, until there are too many; then they are counted.
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { LogRate } from "../protocol/log-rate.ts";
import type { Attempt } from "../runtime/worker-pool.ts";

/** Lines for one connection. */
const refusalRate = { perSecond: 1, burst: 20 } as const;

export class Refusals {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #rate: LogRate;
  /** Lines that were left out since the last one. */
  #dropped = 0;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#rate = new LogRate(refusalRate.perSecond, refusalRate.burst, clock.monotonic());
  }

  /** @param frame the type of what was said of an attempt that is another worker's, or that nobody has any more */
  foreign(frame: string, { taskId, attempt }: Attempt): void {
    this.note({ frame, taskId, attempt }, "said of an attempt that is not this worker's");
  }

  note(facts: object, message: string): void {
    if (!this.#rate.takes(this.#clock.monotonic())) {
      this.#dropped++;
      return;
    }
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#log.info({ ...facts, ...(dropped > 0 && { dropped }) }, message);
  }
}
