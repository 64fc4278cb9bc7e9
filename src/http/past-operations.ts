// What clients ask about the past of jobs: their steps, what they were after each, and to begin again from there.
import { z } from "zod";
import { RuntimeError } from "../errors.ts";
import { json } from "./answer.ts";
import type { AppOptions } from "./app-options.ts";
import { askedBy } from "./asked-by.ts";
import { momentAnswer, momentName, replayedStepAnswer, stepAnswer } from "./job-answer.ts";
import type { Handlers } from "./operation.ts";

export type PastOperations = Handlers<"getJobHistory" | "getJobRevision" | "restartJob">;

export function pastOperations({ jobs, past }: Pick<AppOptions, "jobs" | "past">): PastOperations {
  return {
    async getJobHistory({ params, query: { after, limit, replayed } }) {
      if (replayed === "false") {
        const steps = await jobs.history(params.id, after, limit);
        return json(steps.map(stepAnswer));
      }
      const steps = await past.steps(params.id, after, limit);
      return json(steps.map(replayedStepAnswer));
    },

    async getJobRevision({ params }) {
      const revision = Revision.safeParse(params.revision);
      if (!revision.success)
        throw new RuntimeError("request.invalid", "A revision is a whole number from 1 on.");
      return json(momentAnswer(await past.at(params.id, revision.data)));
    },

    async restartJob({ params, headers, client, body: { revision, context } }) {
      const key = headers["idempotency-key"];
      const job = await past.restart({
        jobId: params.id,
        revision,
        ...(context && { context }),
        by: askedBy(client, headers["x-avtomatika-client"]),
        ...(key !== undefined && { idempotencyKey: key }),
      });
      const restarted_from = momentName({ jobId: params.id, revision });
      return json({ status: "accepted", job_id: job.jobId, restarted_from }, 202);
    },
  };
}

const Revision = z.coerce.number().int().positive();
