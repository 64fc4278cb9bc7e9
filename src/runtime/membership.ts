// This node among the others of its store: says that it lives, learns who else does, and which shards it looks after.
import type { Clock, TimerHandle } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { NodeRecord, Nodes } from "../store/nodes.ts";
import type { Store } from "../store/store.ts";
import type { Place } from "./dispatch/rate-limits.ts";
import type { WorkerView } from "./worker-view.ts";

export interface MembershipOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** What the others are told of this node. */
  readonly view: () => NodeView;
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
export interface NodeView {
  /** The workers that are connected to it. */
  readonly workers: readonly WorkerView[];
  /** Queues of which its share of a rate lets no task begin now. */
  readonly atRate: readonly string[];
  /** Nodes that say the same serve the same versions in the same shapes. Absent where they are of an earlier release. */
  readonly serves?: string;
}

/**
 * Say that this node comes, before it does anything.
 *
 * @param serves what it will serve: `digest` of its blueprints
 * @returns the nodes that live and do not say that they serve the same
 */
export async function othersServing(nodes: Nodes, serves: string): Promise<readonly string[]> {
  if (!nodes.shared) return [];
  const view: NodeView = { workers: [], atRate: [], serves };
  const living = await nodes.announce(view, believedMs);
  return living
    .filter(({ nodeId }) => nodeId !== nodes.nodeId)
    .filter(({ about }) => (about as Partial<NodeView> | null)?.serves !== serves)
    .map(({ nodeId }) => nodeId);
}

export class Membership {
  readonly #options: MembershipOptions;
  readonly #nodes: Nodes;
  #living: readonly NodeRecord[];
  /** Of this node among those that live. */
  #rank = 0;
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

  /** Which of the nodes that live this is. One that the others take for dead comes after them. */
  get place(): Place {
    const { length } = this.#living;
    return { size: length, rank: this.#rank < 0 ? length : this.#rank };
  }

  /** The most time between two looks into a shard. Hints make it shorter; nothing is lost where they are. */
  lookEveryMs(shard: number): number {
    if (!this.#nodes.shared) return Number.POSITIVE_INFINITY;
    return this.looksAfter(shard) ? sweepMs : this.roundMs;
  }

  /** The most time between two looks of the nodes that only make sure. */
  get roundMs(): number {
    // However many they are, all of them together look once in a while as the one that looks after a shard does.
    return Math.max(makeSureMs, this.#living.length * sweepMs);
  }

  /** Whether this node is the first to do what comes due in a shard. A hint: two may think so, or none for a while. */
  looksAfter(shard: number): boolean {
    return this.#living[shard % this.#living.length]?.nodeId === this.#nodes.nodeId;
  }

  /** The other nodes, as they described themselves last. */
  others(): readonly NodeView[] {
    return this.#living
      .filter(({ nodeId }) => nodeId !== this.#nodes.nodeId)
      .map(({ about }) => ({ workers: [], atRate: [], ...(about as Partial<NodeView>) }));
  }

  async #announce(): Promise<void> {
    const { store, clock, log, view, changed } = this.#options;
    try {
      const living = await this.#nodes.announce(view(), believedMs);
      const news = names(living) !== names(this.#living) || store.shards !== this.#shards;
      this.#living = living;
      this.#rank = living.findIndex(({ nodeId }) => nodeId === this.#nodes.nodeId);
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
