// The queues that may hold tasks, as one node knows of them: a hint, which the store corrects with every answer.
import { specOf } from "./queue.ts";

/** One queue of a shard. */
export interface KnownQueue {
  /** Counts what was added: a drained answer older than an addition is no news. */
  added: number;
  /** Its key runs as often as it may: there is no use in asking before one of them has ended. */
  blocked: boolean;
  /** When its task took more slots than those who may do it had free, and no one has had as many since. */
  shortSince?: number;
}

export class Backlog {
  readonly #shards = new Map<number, Map<string, KnownQueue>>();
  /** By key, or by the empty text for tasks without one: the turn in which tasks of it began last. */
  readonly #served = new Map<string, number>();
  #turns = 0;
  /** Changes whenever there is something new to ask for. */
  news = 0;

  /** The shards that may hold something, those that were asked last at the end. */
  shards(): Iterable<[shard: number, queues: ReadonlyMap<string, KnownQueue>]> {
    return [...this.#shards];
  }

  get size(): number {
    return this.#shards.size;
  }

  get(shard: number, queue: string): KnownQueue | undefined {
    return this.#shards.get(shard)?.get(queue);
  }

  add(shard: number, queues: readonly string[], isLooked = false): void {
    const known = this.#shards.get(shard) ?? new Map<string, KnownQueue>();
    this.#shards.set(shard, known);
    for (const queue of queues) {
      const before = known.get(queue);
      if (!before) known.set(queue, { added: 1, blocked: false });
      else {
        before.added += 1;
        if (isLooked) before.blocked = false;
      }
    }
    this.news += 1;
  }

  /** The shard goes to the end of the line, so that a busy one starves no other. */
  asked(shard: number): void {
    const queues = this.#shards.get(shard);
    if (!queues) return;
    this.#shards.delete(shard);
    this.#shards.set(shard, queues);
  }

  /** Forget a queue that was found empty, but for what has been added since it was looked into. */
  drained(shard: number, queue: string, seen: number | undefined): void {
    const known = this.#shards.get(shard);
    if (known?.get(queue)?.added === seen) known?.delete(queue);
    if (known?.size === 0) this.#shards.delete(shard);
  }

  /** A task with a key has ended: others may begin. Returns their queues. */
  unblock(shard: number, key: string): readonly string[] {
    const queues: string[] = [];
    for (const [queue, known] of this.#shards.get(shard) ?? [])
      if (keyOf(queue) === key) {
        known.blocked = false;
        queues.push(queue);
      }
    if (queues.length > 0) this.news += 1;
    return queues;
  }

  /** Tasks have ended whose keys are not known. Returns the queues that may go on. */
  unblockAll(shard: number): readonly string[] {
    const queues: string[] = [];
    for (const [queue, known] of this.#shards.get(shard) ?? []) {
      if (!known.blocked) continue;
      known.blocked = false;
      queues.push(queue);
    }
    if (queues.length > 0) this.news += 1;
    return queues;
  }

  /** Tasks of a queue have begun: it is the turn of other keys now. */
  served(queue: string): void {
    const key = keyOf(queue);
    this.#served.delete(key);
    this.#served.set(key, ++this.#turns);
    for (const oldest of this.#served.keys()) {
      if (this.#served.size <= keysMax) break;
      this.#served.delete(oldest);
    }
  }

  /** The turn in which tasks of the queue's key began last; 0 where that is long ago. */
  turnOf(queue: string): number {
    return this.#served.get(keyOf(queue)) ?? 0;
  }
}

/** Keys whose last turn is remembered, the latest. */
const keysMax = 10_000;

const keyOf = (queue: string): string => specOf(queue).limit?.key ?? "";
