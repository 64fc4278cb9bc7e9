// The neighbourhood of a store that lives in one process: hints are calls.
import type { Hint, NodeRecord, Nodes } from "./nodes.ts";

type Hear = (hint: Hint | undefined) => void;

/** What the nodes of one process share. */
export class Neighbourhood {
  readonly #records = new Map<string, { readonly about: unknown; readonly until: number }>();
  readonly #listeners = new Map<string, Hear>();
  readonly #followers = new Map<string, Set<string>>();
  readonly #monotonic: () => number;
  readonly #shared: boolean;

  /**
   * @param monotonic milliseconds since some fixed moment
   * @param shared whether there may be several nodes
   */
  constructor(monotonic: () => number, shared: boolean) {
    this.#monotonic = monotonic;
    this.#shared = shared;
  }

  /** The neighbourhood as this node sees it. */
  of(nodeId: string): Nodes {
    return {
      nodeId,
      shared: this.#shared,
      announce: async (about, ttlMs) => {
        const until = this.#monotonic() + ttlMs;
        this.#records.set(nodeId, { about: asJson(about), until });
        return this.#living();
      },
      depart: async () => {
        this.#records.delete(nodeId);
        this.#listeners.delete(nodeId);
      },
      listen: async (hear) => void this.#listeners.set(nodeId, hear),
      tell: (to, hint) => this.#hint(to, hint),
      tellAll: (hint) => this.tellOthers(nodeId, hint),
      follow: async (jobId) => {
        this.addFollower(jobId, nodeId);
        this.tellOthers(nodeId, { kind: "followed", jobId, nodeId });
      },
      unfollow: async (jobId) => {
        this.#followers.get(jobId)?.delete(nodeId);
        if (this.#followers.get(jobId)?.size === 0) this.#followers.delete(jobId);
      },
    };
  }

  addFollower(jobId: string, nodeId: string): void {
    const followers = this.#followers.get(jobId) ?? new Set();
    this.#followers.set(jobId, followers.add(nodeId));
  }

  /** The nodes that follow a job, without `nodeId`. */
  followers(jobId: string, nodeId: string): readonly string[] {
    return [...(this.#followers.get(jobId) ?? [])].filter((other) => other !== nodeId);
  }

  /** Tell those who follow a job that it moved; `ended` lets them go. */
  moved(jobId: string, revision: number, nodeId: string, ended: boolean): readonly string[] {
    const followers = this.followers(jobId, nodeId);
    for (const follower of followers) this.#hint(follower, { kind: "moved", jobId, revision });
    if (ended) this.#followers.delete(jobId);
    return followers;
  }

  /** Tell one node, unless it is the one that speaks. */
  tellOther(nodeId: string, to: string, hint: Hint): void {
    if (to !== nodeId) this.#hint(to, hint);
  }

  tellOthers(nodeId: string, hint: Hint): void {
    for (const other of this.#listeners.keys()) if (other !== nodeId) this.#hint(other, hint);
  }

  #living(): readonly NodeRecord[] {
    const now = this.#monotonic();
    const living = [...this.#records].filter(([, { until }]) => until > now);
    return living
      .map(([nodeId, { about }]) => ({ nodeId, about }))
      .toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  }

  /** Later, as from another process. */
  #hint(to: string, hint: Hint): void {
    queueMicrotask(() => this.#listeners.get(to)?.(asJson(hint) as Hint));
  }
}

function asJson(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}
