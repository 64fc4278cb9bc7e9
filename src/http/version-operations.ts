// What clients ask about versions of blueprints, and how they have running jobs go on as another.
import type { MigratedJob, StandingJob } from "../protocol/past-contract.ts";
import type { MigratedJob as Migrated, StandingJob as Running } from "../runtime/runtime.ts";
import { json } from "./answer.ts";
import type { AppOptions } from "./app-options.ts";
import { askedBy } from "./asked-by.ts";
import type { Handlers } from "./operation.ts";

export type VersionOperations = Handlers<"listStandings" | "getShape" | "migrateJobs">;

export function versionOperations({ versions }: Pick<AppOptions, "versions">): VersionOperations {
  return {
    async listStandings({ query: { blueprint, cursor, limit } }) {
      const { jobs, next } = await versions.standings({
        limit,
        ...(blueprint !== undefined && { blueprint }),
        ...(cursor !== undefined && { cursor }),
      });
      return json({ jobs: jobs.map(standingAnswer), ...(next !== undefined && { next }) });
    },

    async getShape({ params, query: { version } }) {
      return json(await versions.shape(params.name, version));
    },

    async migrateJobs({ params, headers, client, body: { from, to, dry_run, cursor, limit } }) {
      const page = await versions.migrate({
        blueprint: params.name,
        from,
        ...(to !== undefined && { to }),
        dryRun: dry_run,
        by: askedBy(client, headers["x-avtomatika-client"]),
        limit,
        ...(cursor !== undefined && { cursor }),
      });
      const { next } = page;
      const jobs = page.jobs.map(migratedAnswer);
      return json({ to: page.to, jobs, ...(next !== undefined && { next }) });
    },
  };
}

function standingAnswer(job: Running): StandingJob {
  const { jobId, blueprint, version, shape, status, currentState } = job;
  const { value, children, timers, delays, history, leadsTo } = job.standing;
  return {
    job_id: jobId,
    blueprint_name: blueprint,
    blueprint_version: version,
    shape,
    status,
    current_state: currentState,
    standing: {
      value,
      children: children.map((child) => ({ ...child })),
      timers: [...timers],
      ...(delays && { delays: [...delays] }),
      ...(history && { history: history as Record<string, string[]> }),
      ...(leadsTo && { leads_to: [...leadsTo] }),
    },
  };
}

function migratedAnswer(job: Migrated): MigratedJob {
  const { jobId, outcome, currentState, newState, stops, starts, problems } = job;
  return {
    job_id: jobId,
    outcome,
    current_state: currentState,
    ...(newState !== undefined && { new_state: newState }),
    ...(stops && { stops: [...stops] }),
    ...(starts && { starts: [...starts] }),
    ...(problems && { problems: problems.map((problem) => ({ ...problem })) }),
  };
}
