// One loop over what is due for each shard of the store.
import { DueLoop, type DueLoopOptions } from "./due-loop.ts";
import type { Membership } from "./membership.ts";

export interface DueLoopsOptions extends Omit<DueLoopOptions, "shard" | "lookEveryMs" | "isFirst"> {
  readonly membership: Membership;
}

export class DueLoops {
  readonly #options: DueLoopsOptions;
  readonly #loops: DueLoop[] = [];
  #running = false;

  constructor(options: DueLoopsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = true;
    this.lookEverywhere();
  }

  /** Resolves when what is under way has ended, but for actions. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  /** Something will come due in a shard at this store time: wake then, if not before. */
  expect(shard: number, due: number): void {
    this.#grow(shard + 1);
    this.#loops[shard]?.expect(due);
  }

  /** Look into all shards now: nodes have come or gone, or hints may have been lost. */
  lookEverywhere(): void {
    this.#grow(this.#options.store.shards);
    for (const loop of this.#loops) loop.expect(0);
  }

  #grow(shards: number): void {
    const { membership } = this.#options;
    while (this.#running && this.#loops.length < shards) {
      const shard = this.#loops.length;
      const loop = new DueLoop({
        ...this.#options,
        shard,
        lookEveryMs: () => membership.lookEveryMs(shard),
        isFirst: () => membership.looksAfter(shard),
      });
      this.#loops.push(loop);
      loop.start();
    }
  }
}
