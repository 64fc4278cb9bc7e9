// What clients ask of queues: what waits in them and why, and to pause and resume the tasks of a type.
import { RuntimeError } from "../errors.ts";
import { queuesMax, type Queue } from "../protocol/queue-contract.ts";
import type { QueueView } from "../runtime/runtime.ts";
import { json } from "./answer.ts";
import type { AppOptions } from "./app-options.ts";
import type { Handlers } from "./operation.ts";

export type QueueOperations = Handlers<"listQueues" | "pauseQueues" | "resumeQueues">;

export function queueOperations({ queues }: Pick<AppOptions, "queues">): QueueOperations {
  return {
    async listQueues() {
      const all = await queues.list();
      const longest = all.slice(0, queuesMax).map(queueAnswer);
      return json({ queues: longest, paused: queues.paused() });
    },
    async pauseQueues({ params: { type } }) {
      await queues.pause(taskType(type));
      return json({ type, status: "paused" });
    },
    async resumeQueues({ params: { type } }) {
      await queues.resume(taskType(type));
      return json({ type, status: "resumed" });
    },
  };
}

function taskType(type: string): string {
  if (type.length <= 128 && !type.includes("\n") && !type.startsWith("local:")) return type;
  throw new RuntimeError("request.invalid", "That is no type of tasks.");
}

function queueAnswer({ maxCost, limit, since, why, requirements, ...queue }: QueueView): Queue {
  const { key, concurrency, rate } = limit ?? {};
  return {
    ...queue,
    ...(requirements && { requirements }),
    ...(maxCost !== undefined && { max_cost: maxCost }),
    ...(key !== undefined && {
      limit: {
        key,
        ...(concurrency !== undefined && { concurrency }),
        ...(rate && { rate: { count: rate.count, per_ms: rate.perMs } }),
      },
    }),
    ...(since !== undefined && { since: new Date(since).toISOString() }),
    ...(why && { why }),
  };
}
