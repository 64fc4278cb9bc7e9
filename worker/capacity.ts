// How many tasks this worker takes at once now: its slots, or fewer where the program says that it has no room.
import type { Logger } from "pino";
import type { Clock, TimerHandle } from "../src/clock.ts";

/** How often the program is asked. */
const everyMs = 1_000;

/**
 * Asked every second: how many tasks at once there is room for now. `true` means as many as `maxConcurrentTasks`,
 * `false` none. What runs goes on; the server only pushes no more than that.
 */
export type CapacityChecker = () => number | boolean | Promise<number | boolean>;

export interface CapacityOptions {
  readonly most: number;
  readonly ask: CapacityChecker | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onChange: () => void;
}

export class Capacity {
  readonly #options: CapacityOptions;
  #credits: number;
  #timer: TimerHandle | undefined;
  #stopped = false;

  constructor(options: CapacityOptions) {
    this.#options = options;
    this.#credits = options.most;
  }

  /** The most tasks at once, now. */
  get credits(): number {
    return this.#credits;
  }

  /** Ask, and go on asking. Resolves with the first answer. */
  async start(): Promise<void> {
    const { ask, clock, most, log, onChange } = this.#options;
    if (!ask) return;
    try {
      const answer = await ask();
      const room = answer === true ? most : answer === false ? 0 : answer;
      if (typeof room !== "number" || Number.isNaN(room))
        throw new TypeError(`The capacity checker returned ${String(answer)}.`);
      const credits = Math.max(0, Math.min(most, Math.floor(room)));
      if (credits !== this.#credits) {
        this.#credits = credits;
        onChange();
      }
    } catch (error) {
      log.warn({ err: error }, "the capacity checker failed; its last answer stands");
    }
    if (!this.#stopped) this.#timer = clock.schedule(everyMs, () => void this.start());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }
}
