// How many tasks a worker takes at once: in all, by type, and by pool of types. Absolute numbers, as it last said them.
import type { Credit, Hello } from "../protocol/worker-frames.ts";
import type { TypePool } from "../runtime/worker-pool.ts";

interface Pool extends TypePool {
  readonly types: Set<string>;
  limit: number;
}

export class Allowance {
  /** Over all types. */
  credits: number;
  readonly types: Map<string, number | undefined>;
  readonly #pools = new Map<string, Pool>();

  constructor({ credits, types, pools }: Pick<Hello, "credits" | "types" | "pools">) {
    this.credits = credits;
    this.types = new Map(types.map(({ type, limit }) => [type, limit]));
    for (const { type, pool: name } of types) {
      const limit = name === undefined ? undefined : pools[name];
      // A pool without an allowance of its own shares nothing but its name.
      if (name === undefined || limit === undefined) continue;
      const pool = this.#pools.get(name) ?? { types: new Set<string>(), limit };
      pool.types.add(type);
      this.#pools.set(name, pool);
    }
  }

  get pools(): readonly TypePool[] {
    return [...this.#pools.values()];
  }

  /** Take in what changes. What the worker never offered is ignored: its next hello may offer it. */
  change({ credits, types = {}, pools = {} }: Credit): void {
    if (credits !== undefined) this.credits = credits;
    for (const [type, limit] of Object.entries(types))
      if (this.types.has(type)) this.types.set(type, limit);
    for (const [name, limit] of Object.entries(pools)) {
      const pool = this.#pools.get(name);
      if (pool) pool.limit = limit;
    }
  }
}
