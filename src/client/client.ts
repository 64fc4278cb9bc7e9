// What programs do with a server over HTTP: start jobs, look at them, send to them, wait for them, watch them.
import type { ChartFormat } from "../protocol/blueprint-contract.ts";
import { contract } from "../protocol/contract.ts";
import { PlainJob, type Job, type JobMoment, type JobStatus } from "../protocol/job.ts";
import type { StreamEvent } from "../protocol/job-event.ts";
import type { BlueprintShape } from "../protocol/past-contract.ts";
import { createRequester, type AnswerOf, type Requester } from "./request.ts";
import { watchJob, type WatchOptions } from "./watch-job.ts";

export interface ClientOptions {
  /** The server's address, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** The client token. */
  readonly token: string;
  /** What requests are made with; the global `fetch` where absent. */
  readonly fetch?: (url: string, init: RequestInit) => Response | Promise<Response>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface StartOptions extends CallOptions {
  /** The newest version where absent. */
  readonly version?: string;
  /** Starts of one blueprint with the same key give the same job. */
  readonly idempotencyKey?: string;
  /** Jobs with the same key are kept together in one shard. */
  readonly partitionKey?: string;
}

export interface ListOptions extends CallOptions {
  /** 1 to 1000; 100 where absent. */
  readonly limit?: number;
  readonly status?: JobStatus;
  /** The name of a blueprint. */
  readonly blueprint?: string;
  /** The `next` of the page before. */
  readonly cursor?: string;
  /** Jobs in the archive, in place of those in the live store. */
  readonly archived?: boolean;
}

export interface QuarantineOptions extends Omit<ListOptions, "status" | "archived"> {
  /** Only those that ended in this error. */
  readonly code?: string;
}

export interface RedriveOptions extends CallOptions {
  /** In place of the params of the task, or the input of the job, that failed. */
  readonly params?: unknown;
  /** Who asks, for the record. */
  readonly by?: string;
}

export interface HistoryOptions extends CallOptions {
  /** Only later revisions; all where absent. */
  readonly after?: number;
  /** With `previous_state` and `started`, which take a replay. */
  readonly replayed?: boolean;
}

export interface RestartOptions extends CallOptions {
  /** Members of the context to be replaced; of a flow `initial_data` and `state_history`. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Restarts of one job with the same key give the same job. */
  readonly idempotencyKey?: string;
  /** Who asks, for the record; at most 128 characters. */
  readonly by?: string;
}

export interface StandingsOptions extends CallOptions {
  /** The name of a blueprint. */
  readonly blueprint?: string;
  /** The `next` of the page before. */
  readonly cursor?: string;
  /** How many jobs are looked at, ended ones included: 1 to 1000; 100 where absent. */
  readonly limit?: number;
}

export interface MigrateOptions extends Omit<StandingsOptions, "blueprint"> {
  /** The newest version where absent. */
  readonly to?: string;
  /** Only tell what would become of each job. */
  readonly dryRun?: boolean;
  /** Who asks, for the record; at most 128 characters. */
  readonly by?: string;
}

export interface ChartOptions extends CallOptions {
  /** The newest version where absent. */
  readonly version?: string;
  /** `svg` where absent. */
  readonly format?: ChartFormat;
}

export interface WaitOptions extends CallOptions {
  /** How long to wait at most; until the job has ended where absent. */
  readonly timeoutMs?: number;
}

export type StartedJob = AnswerOf<(typeof contract.startPlainJob.answers)[202]["schema"]>;
export type JobPage = AnswerOf<(typeof contract.listJobPage.answers)[200]["schema"]>;
export type JobSteps = AnswerOf<(typeof contract.getJobHistory.answers)[200]["schema"]>;
export type RestartedJob = AnswerOf<(typeof contract.restartJob.answers)[202]["schema"]>;
export type Standings = AnswerOf<(typeof contract.listStandings.answers)[200]["schema"]>;
export type Migrations = AnswerOf<(typeof contract.migrateJobs.answers)[200]["schema"]>;
export type QuarantinePage = AnswerOf<(typeof contract.listQuarantinedJobs.answers)[200]["schema"]>;
export type RedrivenJob = AnswerOf<(typeof contract.redriveJob.answers)[202]["schema"]>;
export type RedrivenJobs = AnswerOf<(typeof contract.redriveJobs.answers)[200]["schema"]>;
export type WaitingQueues = AnswerOf<(typeof contract.listQueues.answers)[200]["schema"]>;
export type SentEvent = AnswerOf<(typeof contract.sendEvent.answers)[202]["schema"]>;
export type ConnectedWorkers = AnswerOf<(typeof contract.listWorkers.answers)[200]["schema"]>;
export type Dashboard = AnswerOf<(typeof contract.getDashboard.answers)[200]["schema"]>;
export type Blueprints = AnswerOf<(typeof contract.listBlueprints.answers)[200]["schema"]>;

export type Client = ReturnType<typeof clientOver>;

/** One request waits so long at most, in milliseconds: what is in between may cut silent connections. */
const waitStepMs = 30_000;

/**
 * Make a client that sends an HTTP request for each call. Nothing is sent until one of its functions is called.
 *
 * All of them throw a RuntimeError: with the server's own code where it refuses, `server.unreachable` where nothing
 * answers, `server.answer_unexpected` where something answers that is no server of ours.
 *
 * @throws RuntimeError `config.invalid` where the url is not one of http or https.
 */
export function createClient(options: ClientOptions): Client {
  return clientOver(createRequester(options));
}

/** The client over any way to make requests. */
export function clientOver(request: Requester) {
  const jobPath = (jobId: string, rest = ""): string =>
    `/api/jobs/${encodeURIComponent(jobId)}${rest}`;

  async function wait(
    jobId: string,
    { timeoutMs = Number.POSITIVE_INFINITY, signal }: WaitOptions = {},
  ): Promise<Job> {
    const { schema } = contract.waitForJob.answers[200];
    for (let leftMs = timeoutMs; ; leftMs -= waitStepMs) {
      const stepMs = Math.max(0, Math.min(leftMs, waitStepMs));
      const path = jobPath(jobId, `/wait?timeout_ms=${stepMs}`);
      const job = await request.json(schema, path, { waitMs: stepMs, ...(signal && { signal }) });
      if (job.finished || leftMs <= waitStepMs) return job;
    }
  }

  return {
    /** Start a job. Resolves when its first step is durable. */
    start(blueprint: string, data: unknown, options: StartOptions = {}): Promise<StartedJob> {
      const { schema } = contract.startPlainJob.answers[202];
      return request.json(schema, "/jobs", startRequest(blueprint, data, options));
    },

    /**
     * Start a job and wait for its end, which is one request where it comes within half a minute.
     *
     * @returns the job, which has ended: its `status` says how
     */
    async run(blueprint: string, data: unknown, options: StartOptions = {}): Promise<PlainJob> {
      const asked = startRequest(blueprint, data, options);
      const answer = await request.json(StartAnswer, "/jobs", {
        ...asked,
        headers: { ...asked.headers, prefer: `wait=${waitStepMs / 1000}` },
        waitMs: waitStepMs,
      });
      if (answer.status !== "accepted") return answer;
      const { signal } = options;
      await wait(answer.job_id, signal ? { signal } : {});
      const path = `/jobs/${encodeURIComponent(answer.job_id)}`;
      return request.json(PlainJob, path, signal ? { signal } : {});
    },

    get(jobId: string, call: CallOptions = {}): Promise<Job> {
      return request.json(contract.getJob.answers[200].schema, jobPath(jobId), call);
    },

    /** Jobs, newest first, one page of them. */
    list({ signal, ...query }: ListOptions = {}): Promise<JobPage> {
      const { schema } = contract.listJobPage.answers[200];
      return request.json(schema, `/api/jobs/page${queryOf(query)}`, signal ? { signal } : {});
    },

    /** The steps of a job, oldest first; the first thousand of them. */
    history(jobId: string, { signal, ...query }: HistoryOptions = {}): Promise<JobSteps> {
      const { schema } = contract.getJobHistory.answers[200];
      const path = jobPath(jobId, `/history${queryOf(query)}`);
      return request.json(schema, path, signal ? { signal } : {});
    },

    /** A job as it was after one of its revisions. */
    at(jobId: string, revision: number, call: CallOptions = {}): Promise<JobMoment> {
      const { schema } = contract.getJobRevision.answers[200];
      return request.json(schema, jobPath(jobId, `/revisions/${revision}`), call);
    },

    /** Start a new job where this one was after a revision. Resolves when its first step is durable. */
    restart(
      jobId: string,
      revision: number,
      { context, idempotencyKey, by, signal }: RestartOptions = {},
    ): Promise<RestartedJob> {
      const { schema } = contract.restartJob.answers[202];
      return request.json(schema, jobPath(jobId, "/restart"), {
        body: { revision, ...(context && { context }) },
        headers: {
          ...(by !== undefined && { "x-avtomatika-client": by }),
          ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
        },
        ...(signal && { signal }),
      });
    },

    /** Where running jobs stand, one page of them: it may be empty while there is a `next`. */
    standings({ signal, ...query }: StandingsOptions = {}): Promise<Standings> {
      const { schema } = contract.listStandings.answers[200];
      return request.json(schema, `/api/standings${queryOf(query)}`, signal ? { signal } : {});
    },

    /** What running jobs depend on of a blueprint. */
    shape(
      blueprint: string,
      { signal, ...query }: CallOptions & { readonly version?: string } = {},
    ): Promise<BlueprintShape> {
      const path = `/api/blueprints/${encodeURIComponent(blueprint)}/shape${queryOf(query)}`;
      return request.json(contract.getShape.answers[200].schema, path, signal ? { signal } : {});
    },

    /** Let the running jobs of a page that are of version `from` go on as another version. */
    migrate(
      blueprint: string,
      from: string,
      { to, dryRun = false, cursor, limit, by, signal }: MigrateOptions = {},
    ): Promise<Migrations> {
      const path = `/api/blueprints/${encodeURIComponent(blueprint)}/migrate`;
      return request.json(contract.migrateJobs.answers[200].schema, path, {
        body: { from, to, dry_run: dryRun, cursor, limit },
        ...saying(by),
        ...(signal && { signal }),
      });
    },

    /** Send an event. `ignored` says that the job, as it is now, has no transition for it. */
    send(
      jobId: string,
      event: { readonly type: string },
      call: CallOptions = {},
    ): Promise<SentEvent> {
      const { schema } = contract.sendEvent.answers[202];
      return request.json(schema, jobPath(jobId, "/events"), { body: event, ...call });
    },

    async cancel(jobId: string, call: CallOptions = {}): Promise<void> {
      const { schema } = contract.cancelJob.answers[200];
      await request.json(schema, jobPath(jobId, "/cancel"), { body: {}, ...call });
    },

    /** Wait for the end of a job. Resolves with the job as it is then, which `timeoutMs` may make before its end. */
    wait,

    /** Follow a job: what was missed, then what happens, until it has ended. Breaks of the connection are bridged. */
    watch(jobId: string, watch: WatchOptions = {}): AsyncGenerator<StreamEvent, void> {
      return watchJob(request, jobPath(jobId, "/events"), watch);
    },

    /** The jobs in quarantine with their reasons, newest first, one page of them. */
    quarantined({ signal, ...query }: QuarantineOptions = {}): Promise<QuarantinePage> {
      const { schema } = contract.listQuarantinedJobs.answers[200];
      const path = `/api/jobs/quarantined${queryOf(query)}`;
      return request.json(schema, path, signal ? { signal } : {});
    },

    /** Take a job up that ended in an error. `params` replace those of what failed, where they are given. */
    redrive(jobId: string, { signal, by, ...body }: RedriveOptions = {}): Promise<RedrivenJob> {
      const { schema } = contract.redriveJob.answers[202];
      const call = { body, ...saying(by), ...(signal && { signal }) };
      return request.json(schema, jobPath(jobId, "/redrive"), call);
    },

    /** The same with the jobs of one page of the quarantine. */
    redriveAll({
      signal,
      by,
      ...body
    }: QuarantineOptions & RedriveOptions = {}): Promise<RedrivenJobs> {
      const { schema } = contract.redriveJobs.answers[200];
      const path = "/api/jobs/quarantined/redrive";
      return request.json(schema, path, { body, ...saying(by), ...(signal && { signal }) });
    },

    /** The queues in which tasks wait and why, and the types that are paused. */
    queues(call: CallOptions = {}): Promise<WaitingQueues> {
      return request.json(contract.listQueues.answers[200].schema, "/api/queues", call);
    },

    /** Let tasks of a type begin no more. */
    async pause(type: string, call: CallOptions = {}): Promise<void> {
      const path = `/api/queues/${encodeURIComponent(type)}/pause`;
      await request.json(contract.pauseQueues.answers[200].schema, path, { body: {}, ...call });
    },

    /** Let tasks of a type begin again. */
    async resume(type: string, call: CallOptions = {}): Promise<void> {
      const path = `/api/queues/${encodeURIComponent(type)}/resume`;
      await request.json(contract.resumeQueues.answers[200].schema, path, { body: {}, ...call });
    },

    workers(call: CallOptions = {}): Promise<ConnectedWorkers> {
      return request.json(contract.listWorkers.answers[200].schema, "/api/workers", call);
    },

    /** How many workers there are, and how many jobs of each status. */
    dashboard(call: CallOptions = {}): Promise<Dashboard> {
      return request.json(contract.getDashboard.answers[200].schema, "/api/dashboard", call);
    },

    /** Every version of every blueprint. */
    blueprints(call: CallOptions = {}): Promise<Blueprints> {
      return request.json(contract.listBlueprints.answers[200].schema, "/api/blueprints", call);
    },

    /** A blueprint as a picture, or as the data of one: the text of it. */
    chart(blueprint: string, { signal, ...query }: ChartOptions = {}): Promise<string> {
      const path = `/api/blueprints/${encodeURIComponent(blueprint)}/chart${queryOf(query)}`;
      return request.text(path, signal ? { signal } : {});
    },
  };
}

const Started = contract.startPlainJob.answers[202].schema;
/** The job where it has ended in time, and else that it has begun. */
const StartAnswer = {
  parse(value: unknown): StartedJob | PlainJob {
    const begun = Started.safeParse(value);
    return begun.success ? begun.data : PlainJob.parse(value);
  },
};

function startRequest(
  blueprint: string,
  data: unknown,
  { version, idempotencyKey, partitionKey, signal }: StartOptions,
) {
  return {
    body: { blueprint, data, ...(version !== undefined && { version }) },
    headers: {
      ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
      ...(partitionKey !== undefined && { "partition-key": partitionKey }),
    },
    ...(signal && { signal }),
  };
}

function queryOf(members: object): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(members)) query.set(name, String(value));
  return query.size > 0 ? `?${query.toString()}` : "";
}

/** The header that says who asks. */
function saying(by: string | undefined) {
  return by === undefined ? {} : { headers: { "x-avtomatika-client": by } };
}
