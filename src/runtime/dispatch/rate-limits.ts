// How many tasks of a key this node may begin now: no more than `count` within any `perMs`, of which it has its share.
import type { TaskLimit } from "../../blueprint/placement.ts";

type Rate = NonNullable<TaskLimit["rate"]>;

/** A node's place among those that share the limits. */
export interface Place {
  /** How many live, this one included. */
  readonly size: number;
  /** How many of those come before this one. */
  readonly rank: number;
}

/** What has begun of a key, as far as the longest time goes that a rate of it names. */
interface Begun {
  readonly perMs: number;
  /** When, oldest first, by a clock that only goes forward. */
  readonly at: readonly number[];
}

/** Keys whose tasks have begun long ago are forgotten once there are so many. */
const keysMax = 10_000;

export class RateLimits {
  readonly #place: () => Place;
  readonly #begun = new Map<string, Begun>();

  /**
   * @param place which of the nodes this is. Their shares add up to the count; where there are more nodes than that,
   *   each may begin one, within a time that is longer by as much.
   */
  constructor(place: () => Place) {
    this.#place = place;
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
    // Tasks of one key may name different rates: what the longest of them counts is not to be forgotten.
    const perMs = Math.max(this.#share(rate).perMs, this.#begun.get(key)?.perMs ?? 0);
    const before = this.#within(key, perMs, now);
    this.#begun.delete(key);
    this.#begun.set(key, {
      perMs,
      at: [...before, ...Array.from({ length: tasks }, () => now)],
    });
    for (const oldest of this.#begun.keys()) {
      if (this.#begun.size <= keysMax) break;
      this.#begun.delete(oldest);
    }
  }

  /** Tasks that were to begin have not. */
  giveBack({ key, rate }: TaskLimit, tasks: number): void {
    const begun = this.#begun.get(key);
    if (!rate || !begun) return;
    const { perMs, at } = begun;
    this.#begun.set(key, { perMs, at: at.slice(0, Math.max(0, at.length - tasks)) });
  }

  #within(key: string, perMs: number, now: number): readonly number[] {
    const { at: begun = [] } = this.#begun.get(key) ?? {};
    const first = begun.findIndex((at) => at > now - perMs);
    return first < 0 ? [] : begun.slice(first);
  }

  #share({ count, perMs }: Rate): Rate {
    const { size, rank } = this.#place();
    if (count < size) return { count: 1, perMs: (perMs * size) / count };
    return { count: Math.floor(count / size) + (rank < count % size ? 1 : 0), perMs };
  }
}
