// The operations of the HTTP contract on what jobs were, what they could be, and what they are made to be.
import { z } from "zod";
import type { Operation } from "./contract.ts";
import { JobMoment, JobStatus } from "./job.ts";
import { limit } from "./request.ts";

/** Who asks for something that histories keep. */
export const recordHeaders = z.object({
  "x-avtomatika-client": z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe(
      "Who asks, in their own words: kept in histories, behind the name of the token where it has one.",
    ),
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

const value = z.unknown().describe("XState's value of the state.");
const Standing = z.object({
  value,
  children: z.array(
    z.object({
      id: z.string(),
      src: z.string(),
      settled: z.boolean(),
      invoked: z.boolean().optional(),
      work: z.string().optional(),
    }),
  ),
  timers: z.array(z.string()),
  delays: z.array(z.string()).optional(),
  history: z.record(z.string(), z.array(z.string())).optional(),
  leads_to: z.array(z.string()).optional(),
});

/** A running job with all that another version of its blueprint has to have a place for. */
export const StandingJob = z
  .object({
    job_id: z.string(),
    blueprint_name: z.string(),
    blueprint_version: z.string(),
    shape: z.string().describe("The hash of the shape that it runs."),
    status: JobStatus,
    current_state: z.string(),
    standing: Standing,
  })
  .meta({ id: "StandingJob" });
export type StandingJob = z.infer<typeof StandingJob>;

export const BlueprintShape = z
  .object({
    name: z.string(),
    version: z.string(),
    states: z.array(
      z.object({
        id: z.string(),
        kind: z.string(),
        invokes: z.array(z.object({ id: z.string(), actor: z.string() })),
        transitions: z.array(z.object({ event: z.string(), leads: z.string() })),
      }),
    ),
  })
  .meta({ id: "BlueprintShape" });
export type BlueprintShape = z.infer<typeof BlueprintShape>;

/** What a migration did with a job, or would do. */
export const MigratedJob = z
  .object({
    job_id: z.string(),
    outcome: z.enum(["migrated", "would_migrate", "refused"]),
    current_state: z.string().describe("Where it was."),
    new_state: z.string().optional().describe("Where it is, or would be."),
    stops: z.array(z.string()).optional().describe("Children that end with the old version."),
    starts: z.array(z.string()).optional().describe("Children that begin with the new one."),
    problems: z
      .array(z.object({ code: z.string(), state: z.string(), message: z.string() }))
      .optional()
      .describe("Why it stays as it is."),
  })
  .meta({ id: "MigratedJob" });
export type MigratedJob = z.infer<typeof MigratedJob>;

const page = {
  cursor: z.string().max(1024).optional().describe("The `next` of the page before."),
  limit: z.int().min(1).max(1000).default(100),
};
const next = z.string().optional().describe("Absent on the last page.");

const MigrateBody = z.strictObject({
  from: z.string().min(1).max(64).describe("The version of the jobs that are meant."),
  to: z.string().min(1).max(64).optional().describe("The newest where absent."),
  dry_run: z.boolean().default(false).describe("Only tell what would become of each."),
  ...page,
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
  listStandings: {
    method: "GET",
    path: "/standings",
    under: "api",
    auth: "client",
    summary: "Where running jobs stand: all that another version has to have a place for.",
    query: z.object({
      blueprint: z.string().max(128).optional(),
      cursor: page.cursor,
      limit: limit.describe("How many jobs are looked at, ended ones included."),
    }),
    answers: {
      200: {
        about: "The running jobs among them; it may be empty while there is a `next`.",
        schema: z.object({ jobs: z.array(StandingJob), next }),
      },
    },
  },
  getShape: {
    method: "GET",
    path: "/blueprints/{name}/shape",
    under: "api",
    auth: "client",
    summary: "What running jobs depend on of a blueprint: states, invocations and transitions.",
    query: z.object({ version: z.string().max(64).optional() }),
    answers: { 200: { about: "The shape.", schema: BlueprintShape } },
  },
  migrateJobs: {
    method: "POST",
    path: "/blueprints/{name}/migrate",
    under: "api",
    auth: "client",
    summary: "Let running jobs of one version go on as another, a page of them at a time.",
    headers: recordHeaders,
    body: MigrateBody,
    answers: {
      200: {
        about: "What became of each running job of that version among those of the page.",
        schema: z.object({ to: z.string(), jobs: z.array(MigratedJob), next }),
      },
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;
