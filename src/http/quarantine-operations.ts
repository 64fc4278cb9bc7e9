// What clients do with jobs that ended in an error: see which and why, and drive them again.
import { json } from "./answer.ts";
import type { AppOptions } from "./app-options.ts";
import { askedBy } from "./asked-by.ts";
import { failureAnswer, summaryAnswer } from "./job-answer.ts";
import type { Handlers } from "./operation.ts";

export type QuarantineOperations = Handlers<"listQuarantinedJobs" | "redriveJobs" | "redriveJob">;

export function quarantineOperations({
  quarantine,
}: Pick<AppOptions, "quarantine">): QuarantineOperations {
  return {
    async listQuarantinedJobs({ query }) {
      const { jobs, next } = await quarantine.list(queryOf(query));
      return json({
        jobs: jobs.map((job) => ({ ...summaryAnswer(job), error: failureAnswer(job.error) })),
        ...(next !== undefined && { next }),
      });
    },

    async redriveJobs({ headers, client, body: { params, ...query } }) {
      const by = askedBy(client, headers["x-avtomatika-client"]);
      const { redriven, refused, next } = await quarantine.redriveAll(queryOf(query), {
        params,
        by,
      });
      return json({
        redriven,
        refused: refused.map(({ jobId, error }) => ({
          job_id: jobId,
          code: error.code,
          error: error.message,
        })),
        ...(next !== undefined && { next }),
      });
    },

    async redriveJob({ params: { id }, headers, client, body: { params } }) {
      const by = askedBy(client, headers["x-avtomatika-client"]);
      const { jobId, revision, status } = await quarantine.redrive(id, { params, by });
      return json({ status: "accepted", job_id: jobId, revision, job_status: status }, 202);
    },
  };
}

function queryOf(asked: {
  readonly limit: number;
  readonly blueprint?: string | undefined;
  readonly code?: string | undefined;
  readonly cursor?: string | undefined;
}) {
  const { limit, blueprint, code, cursor } = asked;
  return {
    limit,
    ...(blueprint !== undefined && { blueprint }),
    ...(code !== undefined && { code }),
    ...(cursor !== undefined && { cursor }),
  };
}
