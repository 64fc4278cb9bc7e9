// Knows whether any user code runs right now, so that time need not move on before it has said what it has to say.

/** How long real work may take before a test is told that it hangs, in milliseconds of real time. */
export const settleMsDefault = 5_000;

/** One piece of user code that runs. */
export interface Occupation {
  /** Await what only virtual time or the test itself can bring: nobody waits for this piece of code meanwhile. */
  rest<Result>(work: Promise<Result>): Promise<Result>;
}

export class Activity {
  /** What runs, by the name that people know it by. */
  readonly #running = new Map<Occupation, string>();
  #changed: (() => void) | undefined;

  /** Count `work` as running until it ends. */
  async during<Result>(
    name: string,
    work: (occupation: Occupation) => Result | Promise<Result>,
  ): Promise<Result> {
    const occupation: Occupation = {
      rest: async (rest) => {
        this.#end(occupation);
        try {
          return await rest;
        } finally {
          this.#running.set(occupation, name);
        }
      },
    };
    this.#running.set(occupation, name);
    try {
      return await work(occupation);
    } finally {
      this.#end(occupation);
    }
  }

  #end(occupation: Occupation): void {
    this.#running.delete(occupation);
    this.#changed?.();
  }

  /**
   * Resolves when nothing runs.
   *
   * @param timeoutMs of real time
   * @throws Error that names what still runs then.
   */
  async settle(timeoutMs: number): Promise<void> {
    for (;;) {
      await rounds();
      if (this.#running.size === 0) return;
      await this.#change(timeoutMs);
    }
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const names = [...new Set(this.#running.values())].join(", ");
        const advice =
          "What waits for virtual time uses call.sleep(); real work that takes this long needs a larger settleMs.";
        reject(new Error(`Still running after ${timeoutMs} ms of real time: ${names}. ${advice}`));
      }, timeoutMs);
      this.#changed = () => {
        clearTimeout(timer);
        this.#changed = undefined;
        resolve();
      };
    });
  }
}

/** Rounds of the event loop, in which promise chains come to their ends. */
async function rounds(): Promise<void> {
  for (let round = 0; round < 2; round++) await new Promise((resolve) => setImmediate(resolve));
}
