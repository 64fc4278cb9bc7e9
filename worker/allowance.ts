// How many tasks of each type, and of each pool of types, this worker takes at once; the program may change it at any time.
import type { OfferedType } from "../src/protocol/worker-frames.ts";
import type { DefinedTask } from "./task.ts";

/** Absolute numbers of tasks at once; 0 pauses. What is not named stays as it is. */
export interface TaskLimits {
  readonly types?: Readonly<Record<string, number>>;
  readonly pools?: Readonly<Record<string, number>>;
}

export class Allowance {
  readonly #types = new Map<string, number>();
  readonly #pools = new Map<string, number>();

  /** @param limits what the program or the environment says; it goes before what task handlers were registered with */
  constructor(limits: TaskLimits) {
    this.change(limits);
  }

  /** @throws RangeError where a number is no count of tasks. */
  change({ types = {}, pools = {} }: TaskLimits): void {
    for (const [name, limit] of [...Object.entries(types), ...Object.entries(pools)])
      if (!Number.isSafeInteger(limit) || limit < 0 || limit > 100_000)
        throw new RangeError(`"${name}": ${limit} is not a number of tasks.`);
    for (const [type, limit] of Object.entries(types)) this.#types.set(type, limit);
    for (const [pool, limit] of Object.entries(pools)) this.#pools.set(pool, limit);
  }

  get pools(): Record<string, number> {
    return Object.fromEntries(this.#pools);
  }

  /** What a task is offered as. */
  offer({ type, limit, pool }: DefinedTask): OfferedType {
    return { type, limit: this.#types.get(type) ?? limit, pool };
  }

  /** Whether there is room for one more. @param sizeOf how many tasks of these types run */
  hasRoom(
    task: DefinedTask,
    all: Iterable<DefinedTask>,
    sizeOf: (types: readonly string[]) => number,
  ): boolean {
    const { limit = Infinity, pool } = this.offer(task);
    if (sizeOf([task.type]) >= limit) return false;
    const shared = pool === undefined ? undefined : this.#pools.get(pool);
    if (shared === undefined) return true;
    const types = [...all].filter((one) => one.pool === pool).map(({ type }) => type);
    return sizeOf(types) < shared;
  }
}
