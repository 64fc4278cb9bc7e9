// The operations of the HTTP contract on what jobs were, what they could be, and what they are made to be.
import { z } from "zod";
import type { Operation } from "./contract.ts";
import { JobMoment } from "./job.ts";

/** Who asks for something that histories keep. */
const recordHeaders = z.object({
  "x-avtomatika-client": z
    .string()
    .min(1)
    .max(128)
    .default("a client")
    .describe("Who asks, for the record: kept in histories as it is, and not checked."),
});

const RestartBody = z.strictObject({
  revision: z.int().positive().describe("After which of its revisions the new job begins."),
  context: z
    .record(z.string(), z.unknown())
    .optional()
    .describe(
      "Members of the context to be replaced; the others stay. Of a flow: `initial_data` and `state_history`.",
    ),
});

const Restarted = z.object({
  status: z.literal("accepted"),
  job_id: z.string(),
  restarted_from: z.object({ job_id: z.string(), revision: z.int().positive() }),
});

export const pastContract = {
  getJobRevision: {
    method: "GET",
    path: "/jobs/{id}/revisions/{revision}",
    under: "api",
    auth: "client",
    summary: "A job as it was after one of its revisions, replayed from its history.",
    answers: { 200: { about: "The job of then.", schema: JobMoment } },
  },
  restartJob: {
    method: "POST",
    path: "/jobs/{id}/restart",
    under: "api",
    auth: "client",
    summary: "Start a new job where this one was after one of its revisions, with edited context.",
    headers: recordHeaders.extend({
      "idempotency-key": z
        .string()
        .min(1)
        .max(256)
        .optional()
        .describe("Restarts of one job with the same key give the same job."),
    }),
    body: RestartBody,
    answers: { 202: { about: "The new job's first step is durable.", schema: Restarted } },
  },
} as const satisfies Readonly<Record<string, Operation>>;
