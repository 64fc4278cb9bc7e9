// What a worker says of itself in every hello, with the labels and limits that the program has changed since.
import type { z } from "zod";
import type { Hello } from "../src/protocol/worker-frames.ts";
import { protocolVersions } from "../src/protocol/worker-limits.ts";
import { Allowance } from "./allowance.ts";
import type { HotCache } from "./hot-cache.ts";
import type { WorkerSettings } from "./options.ts";
import type { DefinedTask } from "./task.ts";

/** What differs from hello to hello. */
type Moment = Required<Pick<z.input<typeof Hello>, "credits" | "running" | "outbox" | "draining">>;

export class Self {
  readonly allowance: Allowance;
  readonly #settings: WorkerSettings;
  readonly #instanceId: string;
  readonly #hotCache: HotCache;
  readonly #labels: Map<string, string>;

  constructor(settings: WorkerSettings, instanceId: string, hotCache: HotCache) {
    this.#settings = settings;
    this.#instanceId = instanceId;
    this.#hotCache = hotCache;
    this.#labels = new Map(Object.entries(settings.labels));
    this.allowance = new Allowance({ types: settings.taskTypeLimits, pools: settings.pools });
  }

  setLabels(set: Readonly<Record<string, string>>, unset: readonly string[]): void {
    for (const name of unset) this.#labels.delete(name);
    for (const [name, value] of Object.entries(set)) this.#labels.set(name, value);
  }

  hello(tasks: Iterable<DefinedTask>, moment: Moment): z.input<typeof Hello> {
    const { id, workerType, resources, costPerSecond } = this.#settings;
    return {
      type: "hello",
      protocols: [...protocolVersions],
      worker_id: id,
      instance_id: this.#instanceId,
      worker_type: workerType,
      types: [...tasks].map((task) => this.allowance.offer(task)),
      pools: this.allowance.pools,
      labels: Object.fromEntries(this.#labels),
      resources,
      hot_cache: [...this.#hotCache.names],
      cost_per_second: costPerSecond,
      ...moment,
    };
  }
}
