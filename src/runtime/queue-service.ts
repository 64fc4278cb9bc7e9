// What may be asked of queues: what waits in them, why, and to pause the tasks of a type and resume them.
import type { Clock, TimerHandle } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { StoredTask } from "../store/records.ts";
import { shardOf } from "../store/shard.ts";
import type { Store } from "../store/store.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { specOf, type QueueSpec } from "./dispatch/queue.ts";
import { whyWaits, type WhyWaiting } from "./dispatch/why-waits.ts";
import type { NodeView } from "./membership.ts";

/** Tasks that ask for the same. */
export interface QueueView extends QueueSpec {
  /** How many wait, those included that wait for their next attempt. */
  readonly waiting: number;
  /** When the first of those was added that may begin; absent where all wait for their next attempt. */
  readonly since?: number;
  /** Why that one has not begun. */
  readonly why?: WhyWaiting;
}

export interface QueueService {
  /** The queues in which tasks wait, the longest first; promises of nodes are not among them. */
  list(): Promise<readonly QueueView[]>;
  /** The types that are paused, ordered by name. */
  paused(): readonly string[];
  /** Let tasks of a type begin no more, on whatever node. Those that run go on. Resolves when that is durable. */
  pause(type: string): Promise<void>;
  /** Let them begin again. */
  resume(type: string): Promise<void>;
}

export interface QueuesOptions {
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly log: Logger;
  /** This node and the others, as those said last. */
  readonly nodes: () => readonly NodeView[];
}

/** How often a node makes sure what is paused, should it not have been told. */
const makeSureMs = 5_000;

export class Queues implements QueueService {
  readonly #options: QueuesOptions;
  #timer: TimerHandle | undefined;
  #stopped = false;

  constructor(options: QueuesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.learn();
    this.#makeSure();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Other nodes may have paused or resumed types. */
  async learn(): Promise<void> {
    const { store, dispatcher } = this.#options;
    dispatcher.setPaused(await store.pausedTypes());
  }

  async list(): Promise<readonly QueueView[]> {
    const { store } = this.#options;
    const [counts, first] = await Promise.all([store.countQueues(), store.queuedSince()]);
    const found = Object.entries(counts)
      .filter(([queue]) => !isLocal(queue))
      .toSorted(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))
      .map(([queue, waiting]) => ({ queue, waiting, first: first[queue] }));
    const places = found.flatMap(({ queue, first: at }) =>
      at ? [{ queue, shard: at.shard }] : [],
    );
    const reasons = await this.#reasons(places);
    return found.map(({ queue, waiting, first: at }) => {
      const why = reasons.get(queue);
      return { ...specOf(queue), waiting, ...(at && why && { since: at.since, why }) };
    });
  }

  paused(): readonly string[] {
    return [...this.#options.dispatcher.paused].toSorted();
  }

  pause(type: string): Promise<void> {
    return this.#set(type, true);
  }
  resume(type: string): Promise<void> {
    return this.#set(type, false);
  }

  /** Why those of a job's tasks wait that have been queued, by their queues. */
  async why(tasks: readonly StoredTask[]): Promise<ReadonlyMap<string, WhyWaiting>> {
    const places = tasks
      .filter(({ queue, state }) => state === "queued" && !isLocal(queue))
      .map(({ queue, jobId }) => ({ queue, shard: shardOf(jobId) }));
    return places.length === 0 ? new Map() : this.#reasons(places);
  }

  /** The store is asked only of keys whose concurrency may be what the tasks wait for. */
  async #reasons(
    places: readonly { readonly queue: string; readonly shard: number }[],
  ): Promise<ReadonlyMap<string, WhyWaiting>> {
    const { store, dispatcher, nodes } = this.#options;
    const keys = places.flatMap(({ queue, shard }) => {
      const { limit } = specOf(queue);
      return limit?.concurrency === undefined ? [] : [{ queue, asked: { shard, key: limit.key } }];
    });
    const counts = keys.length === 0 ? [] : await store.countLeased(keys.map(({ asked }) => asked));
    const running = new Map(keys.map(({ queue }, index) => [queue, counts[index]]));
    const known = nodes().map(({ workers, atRate }) => ({ workers, atRate: new Set(atRate) }));
    return new Map(
      places.map(({ queue }) => {
        const spec = specOf(queue);
        const facts = {
          nodes: known.map(({ workers, atRate }) => ({ workers, isAtRate: atRate.has(queue) })),
          isPaused: dispatcher.paused.has(spec.type),
          running: running.get(queue) ?? 0,
        };
        return [queue, whyWaits(spec, facts)];
      }),
    );
  }

  async #set(type: string, isPaused: boolean): Promise<void> {
    const { store, log } = this.#options;
    await store.setPaused(type, isPaused);
    log.info({ type, isPaused }, "tasks of a type have been paused or resumed");
    await this.learn();
    if (store.nodes.shared) store.nodes.tellAll({ kind: "paused" });
  }

  #makeSure(): void {
    const { store, clock, log } = this.#options;
    if (!store.nodes.shared || this.#stopped) return;
    this.#timer = clock.schedule(makeSureMs, () => {
      this.learn()
        .catch((error: unknown) => log.warn({ err: error }, "what is paused is not known"))
        .finally(() => this.#makeSure());
    });
  }
}

const isLocal = (queue: string): boolean => queue.startsWith("local:");
