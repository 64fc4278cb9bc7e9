// What a worker says of itself at the beginning of each connection.
import type { z } from "zod";
import type { AttemptRef, Hello } from "../src/protocol/worker-frames.ts";
import type { WorkerSettings } from "./options.ts";
import type { DefinedTask } from "./task.ts";

export interface IntroductionParts {
  readonly settings: WorkerSettings;
  readonly instanceId: string;
  readonly tasks: Iterable<DefinedTask>;
  readonly credits: number;
  readonly hotCache: readonly string[];
  readonly running: readonly AttemptRef[];
  readonly outbox: readonly AttemptRef[];
  readonly draining: boolean;
}

export function introduction(parts: IntroductionParts): z.input<typeof Hello> {
  const { settings, instanceId, tasks, credits, hotCache, running, outbox, draining } = parts;
  return {
    type: "hello",
    protocols: [1],
    worker_id: settings.id,
    instance_id: instanceId,
    worker_type: settings.workerType,
    types: [...tasks].map((task) => ({ type: task.type, limit: limitOf(settings, task) })),
    credits,
    labels: settings.labels,
    resources: settings.resources,
    hot_cache: [...hotCache],
    cost_per_second: settings.costPerSecond,
    running: [...running],
    outbox: [...outbox],
    draining,
  };
}

/** The most tasks of a type at once: the worker's word wins over the task's own. */
export function limitOf(
  { taskTypeLimits }: WorkerSettings,
  { type, limit }: DefinedTask,
): number | undefined {
  return taskTypeLimits[type] ?? limit;
}
