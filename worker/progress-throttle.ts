// Sends at most one progress report per interval for one attempt: always the latest, and never losing the last.
import type { Clock, TimerHandle } from "../src/clock.ts";

/** Ten reports a second are all that people can watch. */
const intervalMs = 100;

export class ProgressThrottle<Report> {
  readonly #clock: Clock;
  readonly #send: (report: Report) => void;
  #held: { readonly report: Report } | undefined;
  #timer: TimerHandle | undefined;
  /** Monotonic time at which the interval is over: a task handler that keeps its thread busy lets no timer run. */
  #overAt = 0;

  constructor(clock: Clock, send: (report: Report) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Send the report now, or at the end of the interval unless a newer one comes. */
  report(report: Report): void {
    const now = this.#clock.monotonic();
    if (this.#timer && now < this.#overAt) {
      this.#held = { report };
      return;
    }
    this.#timer?.cancel();
    this.#held = undefined;
    this.#overAt = now + intervalMs;
    this.#send(report);
    this.#timer = this.#clock.schedule(intervalMs, () => {
      this.#timer = undefined;
      const held = this.#held;
      this.#held = undefined;
      if (held) this.report(held.report);
    });
  }

  /** Send what is held back; nothing comes after. */
  finish(): void {
    this.#timer?.cancel();
    if (this.#held) this.#send(this.#held.report);
    this.#held = undefined;
  }

  /** Forget what is held back. */
  cancel(): void {
    this.#timer?.cancel();
    this.#held = undefined;
  }
}
