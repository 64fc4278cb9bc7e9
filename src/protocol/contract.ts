// The HTTP contract: every operation once, from which come the routes, their validation, and the OpenAPI document.
import { z } from "zod";
import { blueprintContract, version } from "./blueprint-contract.ts";
import { JobStatus, Job, JobStep, JobSummary, PlainJob, Worker } from "./job.ts";
import { pastContract } from "./past-contract.ts";
import { quarantineContract } from "./quarantine-contract.ts";
import { queueContract } from "./queue-contract.ts";
import { count, historyQuery, limit, startHeaders } from "./request.ts";

export interface Operation {
  readonly method: "GET" | "POST";
  /** With `{name}` where a parameter stands. */
  readonly path: string;
  /** `api`: served under `/api` and under `/api/{version}` of every API version. */
  readonly under: "api" | "root";
  readonly auth: "client" | "none";
  readonly summary: string;
  readonly query?: z.ZodObject;
  /** The original's words for an invalid query, where it has some. */
  readonly queryRefusal?: string;
  /** By their lower-case names. */
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodType;
  /** A request without any body is fine, too. */
  readonly bodyIsOptional?: true;
  /** Successes by status. Failures of every operation are a `Problem`. */
  readonly answers: Readonly<Record<number, Answer>>;
}
export interface Answer {
  readonly about: string;
  readonly schema?: z.ZodType;
  /** `application/json` where absent. */
  readonly contentType?: string;
}

/** What every failure is answered with. */
export const Problem = z
  .object({
    error: z.string().describe("What is wrong, in words for people."),
    code: z.string().describe("What is wrong, as a code that never changes its meaning."),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: "Problem" });
export type Problem = z.infer<typeof Problem>;

/** The largest request body, in bytes. */
export const requestBytesMax = 1024 * 1024;
/** The longest that a request may wait for the end of a job, in milliseconds. */
export const waitMsMax = 300_000;

const Accepted = z.object({ status: z.literal("accepted"), job_id: z.string() });
const CancelBody = z
  .object({ reason: z.string().min(1).max(256).optional().describe("Told to workers, and kept.") })
  .default({});
const Cancelled = z.object({ status: z.literal("cancellation_request_accepted") });
const Sent = z.object({
  status: z.enum(["accepted", "ignored"]),
  revision: z.int().nonnegative(),
});
const Approved = z.object({ status: z.literal("approval_received"), job_id: z.string() });
const Dashboard = z.object({
  workers: z.object({ total: z.int() }),
  jobs: z.record(z.string(), z.int()),
});

/** The text format of Prometheus. */
export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

const Fine = z.object({ status: z.literal("ok") });
const Ready = Fine.extend({
  store: z
    .looseObject({
      kind: z.enum(["embedded", "redis"]),
      durability: z.enum(["relaxed", "durable", "replicated"]),
    })
    .optional()
    .describe("Where jobs are kept, how safely, how full that is, and what is wrong with it."),
});

export const contract = {
  getStatus: {
    method: "GET",
    path: "/_public/status",
    under: "root",
    auth: "none",
    summary: "Whether the server answers.",
    answers: { 200: { about: "It does.", schema: Fine } },
  },
  getMetrics: {
    method: "GET",
    path: "/_public/metrics",
    under: "root",
    auth: "none",
    summary: "Counts of jobs, workers and running tasks, for Prometheus.",
    answers: {
      200: { about: "The counts.", schema: z.string(), contentType: metricsContentType },
    },
  },
  listQuarantined: {
    method: "GET",
    path: "/_public/jobs/quarantined",
    under: "root",
    auth: "client",
    summary: "The ids of quarantined jobs, newest first; 1000 at most.",
    answers: { 200: { about: "The ids.", schema: z.array(z.string()) } },
  },
  getHealth: {
    method: "GET",
    path: "/healthz",
    under: "root",
    auth: "none",
    summary: "Whether the process lives: for a supervisor that restarts it.",
    answers: { 200: { about: "It does.", schema: Fine } },
  },
  getReadiness: {
    method: "GET",
    path: "/readyz",
    under: "root",
    auth: "none",
    summary:
      "Whether the server takes work: for a load balancer. 503 while it starts or stops, or has no store.",
    answers: { 200: { about: "It does.", schema: Ready } },
  },
  getOpenApi: {
    method: "GET",
    path: "/openapi.json",
    under: "root",
    auth: "client",
    summary: "This contract as OpenAPI 3.1, with the blueprints of this server.",
    answers: { 200: { about: "The document.", schema: z.looseObject({ openapi: z.string() }) } },
  },

  startAtEndpoint: {
    method: "POST",
    path: "/{endpoint}",
    under: "api",
    auth: "client",
    summary: "Start a job of the blueprint that has this endpoint.",
    headers: startHeaders,
    body: z.unknown().describe("The job's initial data."),
    answers: {
      200: { about: "With `Prefer: wait`: the job, which has ended.", schema: Job },
      202: { about: "The job's first step is durable.", schema: Accepted },
    },
  },
  listJobs: {
    method: "GET",
    path: "/jobs",
    under: "api",
    auth: "client",
    summary: "Jobs, newest first.",
    query: z.object({ limit, offset: count(0, 10_000).default(0) }),
    queryRefusal: "Invalid limit/offset parameter",
    answers: { 200: { about: "The jobs.", schema: z.array(JobSummary) } },
  },
  listJobPage: {
    method: "GET",
    path: "/jobs/page",
    under: "api",
    auth: "client",
    summary: "Jobs, newest first, page by page, filtered where wanted.",
    query: z.object({
      limit,
      status: JobStatus.optional(),
      blueprint: z.string().max(128).optional(),
      cursor: z.string().max(1024).optional().describe("The `next` of the page before."),
      archived: z
        .enum(["true", "false"])
        .default("false")
        .describe("`true`: jobs in the archive, in place of those in the live store."),
    }),
    answers: {
      200: {
        about: "One page; without `next` it is the last.",
        schema: z.object({ jobs: z.array(JobSummary), next: z.string().optional() }),
      },
    },
  },
  ...quarantineContract,
  getJob: {
    method: "GET",
    path: "/jobs/{id}",
    under: "api",
    auth: "client",
    summary: "A job as it is now.",
    answers: { 200: { about: "The job.", schema: Job } },
  },
  cancelJob: {
    method: "POST",
    path: "/jobs/{id}/cancel",
    under: "api",
    auth: "client",
    summary: "End a job before its time: its tasks are taken away and their workers told.",
    body: CancelBody,
    bodyIsOptional: true,
    answers: { 200: { about: "It is cancelled.", schema: Cancelled } },
  },
  getJobHistory: {
    method: "GET",
    path: "/jobs/{id}/history",
    under: "api",
    auth: "client",
    summary: "The steps of a job, oldest first.",
    query: historyQuery,
    answers: { 200: { about: "The steps.", schema: z.array(JobStep) } },
  },
  ...pastContract,
  watchJob: {
    method: "GET",
    path: "/jobs/{id}/events",
    under: "api",
    auth: "client",
    summary: "Follow a job: what was missed, then what happens, until it has ended.",
    headers: z.object({
      "last-event-id": z
        .string()
        .regex(/^\d{1,15}$/, { error: "is the id of an event of this stream: a number" })
        .optional()
        .describe("Resumes after this revision."),
    }),
    answers: {
      200: {
        about: "Server-sent events, each with a `StreamEvent` as its data.",
        schema: z.string(),
        contentType: "text/event-stream",
      },
      204: { about: "The job has ended and `Last-Event-ID` names its end." },
    },
  },
  waitForJob: {
    method: "GET",
    path: "/jobs/{id}/wait",
    under: "api",
    auth: "client",
    summary: "Wait for the end of a job.",
    query: z.object({ timeout_ms: count(0, waitMsMax).default(30_000) }),
    answers: {
      200: { about: "The job as it is then; `finished` tells whether it has ended.", schema: Job },
    },
  },
  sendEvent: {
    method: "POST",
    path: "/jobs/{id}/events",
    under: "api",
    auth: "client",
    summary: "Send an event to a job.",
    body: z.looseObject({ type: z.string().min(1).max(256) }),
    answers: {
      200: { about: "Ignored: the job, as it is now, has no transition for it.", schema: Sent },
      202: { about: "Accepted: the step that it made is durable.", schema: Sent },
    },
  },
  approveJob: {
    method: "POST",
    path: "/_public/webhooks/approval/{id}",
    under: "root",
    auth: "client",
    summary: "Tell a job what a person has decided.",
    body: z.looseObject({
      decision: z.unknown().optional().describe("One of the decisions that the job waits for."),
    }),
    answers: { 200: { about: "The step that it made is durable.", schema: Approved } },
  },
  ...queueContract,
  listWorkers: {
    method: "GET",
    path: "/workers",
    under: "api",
    auth: "client",
    summary: "The workers that are connected.",
    answers: { 200: { about: "The workers.", schema: z.array(Worker) } },
  },
  getDashboard: {
    method: "GET",
    path: "/dashboard",
    under: "api",
    auth: "client",
    summary: "How many workers there are, and how many jobs of each status.",
    answers: { 200: { about: "The counts.", schema: Dashboard } },
  },
  reloadWorkers: {
    method: "POST",
    path: "/admin/reload-workers",
    under: "api",
    auth: "client",
    summary: "Read the file of workers' own tokens again.",
    answers: {
      200: {
        about: "The new tokens are in force.",
        schema: z.object({ status: z.literal("worker_configs_reloaded") }),
      },
    },
  },
  ...blueprintContract,

  startPlainJob: {
    method: "POST",
    path: "/jobs",
    under: "root",
    auth: "client",
    summary: "Start a job by the name of its blueprint (plain dialect).",
    headers: startHeaders,
    body: z.object({
      blueprint: z.string().min(1).max(128),
      version,
      data: z
        .unknown()
        .optional()
        .describe("The job's initial data; an empty object where absent."),
    }),
    answers: {
      200: { about: "With `Prefer: wait`: the job, which has ended.", schema: PlainJob },
      202: {
        about: "The job's first step is durable.",
        schema: Accepted.extend({ state: z.literal("init") }),
      },
    },
  },
  getPlainJob: {
    method: "GET",
    path: "/jobs/{id}",
    under: "root",
    auth: "client",
    summary: "A job as it is now (plain dialect).",
    answers: { 200: { about: "The job.", schema: PlainJob } },
  },
  cancelPlainJob: {
    method: "POST",
    path: "/jobs/{id}/cancel",
    under: "root",
    auth: "client",
    summary: "End a job before its time (plain dialect).",
    body: CancelBody,
    bodyIsOptional: true,
    answers: { 200: { about: "It is cancelled.", schema: Cancelled } },
  },
  listPlainWorkers: {
    method: "GET",
    path: "/workers",
    under: "root",
    auth: "client",
    summary: "The workers that are connected (plain dialect).",
    answers: { 200: { about: "The workers.", schema: z.array(Worker) } },
  },
} as const satisfies Readonly<Record<string, Operation>>;

export type Contract = typeof contract;
export type OperationName = keyof Contract;
