// What several requests of clients have in common: how much they ask for, and how a job is started.
import { z } from "zod";

/** A whole number in a query. */
export const count = (least: number, most: number) => z.coerce.number().int().min(least).max(most);
/** The most rows of an answer. */
export const limit = count(1, 1000).default(100);

/** Which steps of a job, and how much of them. */
export const historyQuery = z.object({
  after: count(0, Number.MAX_SAFE_INTEGER).default(0).describe("Only later revisions."),
  limit: count(1, 1000).default(1000),
  replayed: z
    .enum(["true", "false"])
    .default("false")
    .describe("`true`: with `previous_state` and `started`, which take a replay."),
});

/** The headers of every operation that starts a job. */
export const startHeaders = z.object({
  "idempotency-key": z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe("Starts of one blueprint with the same key give the same job."),
  "partition-key": z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe("Jobs with the same key, of whatever blueprint, are kept together in one shard."),
  prefer: z
    .string()
    .max(256)
    .optional()
    .describe("`wait=10` waits up to 10 seconds for the end of the job (RFC 7240)."),
});
