// What a worker says of itself: at first in its hello, and then in what it says has changed.
import { hotNamesMax, type Hello, type HotCache, type Labels } from "../protocol/worker-frames.ts";
import type { WorkerDescription } from "../runtime/runtime.ts";

/** The most labels that a worker may come to have; more are not noted. */
const labelsMax = 256;

export class SelfDescription {
  #now: WorkerDescription;

  constructor(hello: Hello) {
    this.#now = {
      workerType: hello.worker_type,
      labels: hello.labels,
      resources: hello.resources,
      ...(hello.cost_per_second !== undefined && { costPerSecond: hello.cost_per_second }),
      ...(hello.hot_cache.length > 0 && { hotCache: hello.hot_cache }),
    };
  }

  get now(): WorkerDescription {
    return this.#now;
  }

  change(frame: Labels | HotCache): WorkerDescription {
    this.#now =
      frame.type === "labels"
        ? { ...this.#now, labels: withLabels(this.#now.labels, frame) }
        : { ...this.#now, hotCache: withNames(this.#now.hotCache, frame) };
    return this.#now;
  }
}

function withLabels(before: WorkerDescription["labels"], { set, unset }: Labels) {
  const labels = new Map(Object.entries(before));
  for (const name of unset) labels.delete(name);
  for (const [name, value] of Object.entries(set))
    if (labels.has(name) || labels.size < labelsMax) labels.set(name, value);
  return Object.fromEntries(labels);
}

function withNames(before: readonly string[] | undefined, { add, remove }: HotCache) {
  const names = new Set(before);
  for (const name of remove) names.delete(name);
  for (const name of add) if (names.size < hotNamesMax) names.add(name);
  return [...names];
}
