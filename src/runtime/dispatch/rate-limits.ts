// How many tasks of a key this node may begin now: no more than `count` within any `perMs`, of which it has its share.
import type { TaskLimit } from "../../blueprint/placement.ts";

type Rate = NonNullable<TaskLimit["rate"]>;

/** Keys whose tasks have begun long ago are forgotten once there are so many. */
const keysMax = 10_000;

export class RateLimits {
  readonly #nodes: () => number;
  /** By key: when tasks began, oldest first, by a clock that only goes forward. */
  readonly #begun = new Map<string, number[]>();

  /** @param nodes how many nodes share the limits: each has its part of the count, or of the time where that is 1 */
  constructor(nodes: () => number) {
    this.#nodes = nodes;
  }

  /** How many tasks may begin now. */
  room({ key, rate }: TaskLimit, now: number): number {
    if (!rate) return Number.POSITIVE_INFINITY;
    const { count, perMs } = this.#share(rate);
    return Math.max(0, count - this.#within(key, perMs, now).length);
  }

  /** When one more may begin: now, or later. */
  opensAt({ key, rate }: TaskLimit, now: number): number {
    if (!rate) return now;
    const { count, perMs } = this.#share(rate);
    const begun = this.#within(key, perMs, now);
    return begun.length < count ? now : begun[begun.length - count]! + perMs;
  }

  /** Tasks begin now. */
  take({ key, rate }: TaskLimit, tasks: number, now: number): void {
    if (!rate || tasks === 0) return;
    const begun = this.#within(key, this.#share(rate).perMs, now);
    this.#begun.delete(key);
    this.#begun.set(key, [...begun, ...Array.from({ length: tasks }, () => now)]);
    for (const oldest of this.#begun.keys()) {
      if (this.#begun.size <= keysMax) break;
      this.#begun.delete(oldest);
    }
  }

  /** Tasks that were to begin have not. */
  giveBack({ key, rate }: TaskLimit, tasks: number): void {
    const begun = this.#begun.get(key);
    if (rate && begun) this.#begun.set(key, begun.slice(0, Math.max(0, begun.length - tasks)));
  }

  #within(key: string, perMs: number, now: number): readonly number[] {
    const begun = this.#begun.get(key) ?? [];
    const first = begun.findIndex((at) => at > now - perMs);
    return first < 0 ? [] : begun.slice(first);
  }

  #share({ count, perMs }: Rate): Rate {
    const nodes = this.#nodes();
    const own = Math.max(1, Math.floor(count / nodes));
    return { count: own, perMs: perMs * Math.max(1, (own * nodes) / count) };
  }
}
