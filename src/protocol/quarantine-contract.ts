// The operations of the HTTP contract on jobs that ended in an error: which and why, and to drive them again.
import { z } from "zod";
import type { Operation } from "./contract.ts";
import { Failure, JobStatus, JobSummary } from "./job.ts";
import { recordHeaders } from "./past-contract.ts";
import { limit } from "./request.ts";

export const QuarantinedJob = JobSummary.extend({
  error: Failure.describe("Why it is in quarantine."),
}).meta({ id: "QuarantinedJob" });
export type QuarantinedJob = z.infer<typeof QuarantinedJob>;

const cursor = z.string().max(1024).optional().describe("The `next` of the page before.");
const filter = {
  blueprint: z.string().max(128).optional(),
  code: z.string().max(128).optional().describe("Only those that ended in this error."),
};
const params = z
  .unknown()
  .optional()
  .describe("In place of the params of the task, or the input of the job, that failed.");

export const quarantineContract = {
  listQuarantinedJobs: {
    method: "GET",
    path: "/jobs/quarantined",
    under: "api",
    auth: "client",
    summary: "The jobs in quarantine with their reasons, newest first, page by page.",
    query: z.object({ limit, ...filter, cursor }),
    answers: {
      200: {
        about:
          "One page; with `code` it may hold fewer than `limit`. Without `next` it is the last.",
        schema: z.object({ jobs: z.array(QuarantinedJob), next: z.string().optional() }),
      },
    },
  },
  redriveJobs: {
    method: "POST",
    path: "/jobs/quarantined/redrive",
    under: "api",
    auth: "client",
    summary: "Drive the jobs of one page of the quarantine again, one after the other.",
    headers: recordHeaders,
    body: z
      .strictObject({ ...filter, limit: z.int().min(1).max(1000).default(100), cursor, params })
      .prefault({}),
    bodyIsOptional: true,
    answers: {
      200: {
        about: "What has become of each; without `next` there are no more.",
        schema: z.object({
          redriven: z.array(z.string()),
          refused: z.array(z.object({ job_id: z.string(), code: z.string(), error: z.string() })),
          next: z.string().optional(),
        }),
      },
    },
  },
  redriveJob: {
    method: "POST",
    path: "/jobs/{id}/redrive",
    under: "api",
    auth: "client",
    summary: "Take a job up that ended in an error: the work that failed is done again.",
    headers: recordHeaders,
    body: z.strictObject({ params }).prefault({}),
    bodyIsOptional: true,
    answers: {
      202: {
        about: "It goes on from before the failure, and that is durable.",
        schema: z.object({
          status: z.literal("accepted"),
          job_id: z.string(),
          revision: z.int().positive(),
          job_status: JobStatus,
        }),
      },
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;
