// The operations of the HTTP contract on queues: what waits in them and why, and to pause and resume them.
import { z } from "zod";
import type { Operation } from "./contract.ts";
import { WhyWaiting } from "./job.ts";

export const Queue = z
  .object({
    type: z.string().describe("The type of its tasks."),
    requirements: z.record(z.string(), z.unknown()).optional(),
    max_cost: z.number().optional(),
    strategy: z.string().optional(),
    slots: z.int().positive().optional().describe("How many slots each of its tasks takes."),
    limit: z
      .object({
        key: z.string(),
        concurrency: z.int().positive().optional(),
        rate: z.object({ count: z.int().positive(), per_ms: z.number() }).optional(),
      })
      .optional(),
    waiting: z
      .int()
      .nonnegative()
      .describe("How many wait, those included that wait for their next attempt."),
    since: z.iso
      .datetime()
      .optional()
      .describe("When the first of those was added that may begin."),
    why: WhyWaiting.optional().describe("Why that one has not begun."),
  })
  .meta({ id: "Queue" });
export type Queue = z.infer<typeof Queue>;

const Paused = z.object({ type: z.string(), status: z.literal("paused") });
const Resumed = z.object({ type: z.string(), status: z.literal("resumed") });

/** Longer lists of queues are cut off: the longest queues come first. */
export const queuesMax = 1000;

export const queueContract = {
  listQueues: {
    method: "GET",
    path: "/queues",
    under: "api",
    auth: "client",
    summary: `The queues in which tasks wait and why, the longest first, ${queuesMax} at most; and what is paused.`,
    answers: {
      200: {
        about: "The queues, each with the tasks that ask for the same.",
        schema: z.object({ queues: z.array(Queue), paused: z.array(z.string()) }),
      },
    },
  },
  pauseQueues: {
    method: "POST",
    path: "/queues/{type}/pause",
    under: "api",
    auth: "client",
    summary: "Let tasks of a type begin no more; those that run go on.",
    answers: { 200: { about: "That is durable, and all nodes are told.", schema: Paused } },
  },
  resumeQueues: {
    method: "POST",
    path: "/queues/{type}/resume",
    under: "api",
    auth: "client",
    summary: "Let tasks of a type begin again.",
    answers: { 200: { about: "They do.", schema: Resumed } },
  },
} as const satisfies Readonly<Record<string, Operation>>;
