// This node among the others of its store: says that it lives, learns who else does, and which shards it looks after.
import type { Clock, TimerHandle } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { NodeRecord, Nodes } from "../store/nodes.ts";
import type { Store } from "../store/store.ts";
import type { WorkerView } from "./worker-pool.ts";

export interface MembershipOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** The workers that are connected here. */
  readonly workers: () => readonly WorkerView[];
  /** What this node serves: `digest` of its blueprints. */
  readonly serves: string;
  /** Nodes have come or gone, or there are more shards. */
  readonly changed: () => void;
}

/** How often a node says that it lives. */
const announceMs = 2_000;
/** How long the others believe it. */
const believedMs = 4 * announceMs;
/** How long the node that looks after a shard may not have looked into it. */
const sweepMs = 1_000;
/** The same for all other nodes, who only make sure. */
const makeSureMs = 5_000;

/** What a node says of itself. */
interface About {
  readonly workers: readonly WorkerView[];
  /** Nodes that say the same serve the same versions in the same shapes. Absent where they are of an earlier release. */
  readonly serves: string;
}

/**
 * Say that this node comes, before it does anything.
 *
 * @param serves what it will serve
 * @returns the nodes that live and do not say that they serve the same
 */
export async function othersServing(nodes: Nodes, serves: string): Promise<readonly string[]> {
  if (!nodes.shared) return [];
  const about: About = { workers: [], serves };
  const living = await nodes.announce(about, believedMs);
  return living
    .filter(({ nodeId }) => nodeId !== nodes.nodeId)
    .filter((other) => (other.about as Partial<About> | null)?.serves !== serves)
    .map(({ nodeId }) => nodeId);
}

export class Membership {
  readonly #options: MembershipOptions;
  readonly #nodes: Nodes;
  #living: readonly NodeRecord[];
  #shards: number;
  #timer: TimerHandle | undefined;
  #stopped = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#nodes = options.store.nodes;
    this.#living = [{ nodeId: this.#nodes.nodeId, about: {} }];
    this.#shards = options.store.shards;
  }

  async start(): Promise<void> {
    if (this.#nodes.shared) await this.#announce();
  }

  /** Leave, so that others need not find out by waiting. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    try {
      await this.#nodes.depart();
    } catch (error) {
      this.#options.log.warn({ err: error }, "the other nodes could not be told of the end");
    }
  }

  /** How many nodes live, this one included. */
  get size(): number {
    return this.#living.length;
  }

  /** The most time between two looks into a shard. Hints make it shorter; nothing is lost where they are. */
  lookEveryMs(shard: number): number {
    if (!this.#nodes.shared) return Number.POSITIVE_INFINITY;
    const { length } = this.#living;
    // However many only make sure, all of them together look once in a while as the one that looks after it does.
    return this.looksAfter(shard) ? sweepMs : Math.max(makeSureMs, length * sweepMs);
  }

  /** Whether this node is the first to do what comes due in a shard. A hint: two may think so, or none for a while. */
  looksAfter(shard: number): boolean {
    return this.#living[shard % this.#living.length]?.nodeId === this.#nodes.nodeId;
  }

  /** The workers of the other nodes, as those said last. */
  otherWorkers(): readonly WorkerView[] {
    return this.#living
      .filter(({ nodeId }) => nodeId !== this.#nodes.nodeId)
      .flatMap(({ about }) => (about as Partial<About>).workers ?? []);
  }

  async #announce(): Promise<void> {
    const { store, clock, log, workers, serves, changed } = this.#options;
    try {
      const about: About = { workers: workers(), serves };
      const living = await this.#nodes.announce(about, believedMs);
      const news = names(living) !== names(this.#living) || store.shards !== this.#shards;
      this.#living = living;
      this.#shards = store.shards;
      if (news) {
        log.info({ nodes: living.map(({ nodeId }) => nodeId), shards: store.shards }, "nodes");
        changed();
      }
    } catch (error) {
      log.warn({ err: error }, "the other nodes could not be told that this one lives");
    }
    if (!this.#stopped)
      this.#timer = clock.schedule(announceMs, () => {
        void this.#announce();
      });
  }
}

function names(nodes: readonly NodeRecord[]): string {
  return nodes.map(({ nodeId }) => nodeId).join("\n");
}
