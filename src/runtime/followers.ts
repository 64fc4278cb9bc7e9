// Which other nodes follow the jobs that this node works on: they are told what cannot be read from the store.
import { LRUCache } from "lru-cache";
import type { Nodes } from "../store/nodes.ts";
import type { JobEvent } from "./runtime.ts";

/** Forgetting a follower costs it some progress, never a step. */
const jobsMax = 20_000;

export class Followers {
  readonly #nodes: Nodes;
  readonly #byJob = new LRUCache<string, ReadonlySet<string>>({ max: jobsMax });

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
  }

  /** These other nodes follow a job, and no more. */
  set(jobId: string, nodeIds: readonly string[] | undefined): void {
    if (nodeIds?.length) this.#byJob.set(jobId, new Set(nodeIds));
    else this.#byJob.delete(jobId);
  }

  add(jobId: string, nodeId: string): void {
    this.#byJob.set(jobId, new Set(this.#byJob.get(jobId)).add(nodeId));
  }

  has(jobId: string): boolean {
    return this.#byJob.has(jobId);
  }

  /** Tell all who follow the event's job. */
  tell(event: JobEvent): void {
    const { jobId } = event;
    for (const nodeId of this.#byJob.get(jobId) ?? []) this.tellNode(nodeId, event);
  }

  tellNode(nodeId: string, event: JobEvent): void {
    this.#nodes.tell(nodeId, { kind: "news", jobId: event.jobId, news: event });
  }
}
