// What clients do with jobs: start, look, list, cancel, send, wait, watch.
import { RuntimeError } from "../errors.ts";
import { waitMsMax, type Contract } from "../protocol/contract.ts";
import type { Job, PlainJob } from "../protocol/job.ts";
import { isFinished, type JobView } from "../runtime/runtime.ts";
import { apiHeaders, json } from "./answer.ts";
import type { AppOptions, HttpLimits, ServedBlueprint } from "./app-options.ts";
import { eventStream } from "./event-stream.ts";
import { jobAnswer, plainJobAnswer, summaryAnswer } from "./job-answer.ts";
import type { LongCalls } from "./long-calls.ts";
import type { Call, Handler, Handlers, OnClientGone, Reply } from "./operation.ts";

export type JobOperations = Handlers<
  | "listJobs"
  | "listJobPage"
  | "getJob"
  | "cancelJob"
  | "watchJob"
  | "waitForJob"
  | "sendEvent"
  | "approveJob"
  | "startPlainJob"
  | "getPlainJob"
  | "cancelPlainJob"
> & {
  /** The handler of a blueprint's own endpoint. */
  readonly startAt: (blueprint: ServedBlueprint) => Handler<Contract["startAtEndpoint"]>;
};

export function jobOperations(
  { jobs, clock, log }: Pick<AppOptions, "jobs" | "clock" | "log">,
  { streamHeartbeatMs }: HttpLimits,
  longCalls: LongCalls,
): JobOperations {
  return {
    startAt:
      ({ name, version }) =>
      (call) =>
        start(call, { blueprint: name, version, input: call.body }, jobAnswer, {}),

    startPlainJob(call) {
      const { blueprint, version, data = {} } = call.body;
      const request = { blueprint, ...(version !== undefined && { version }), input: data };
      return start(call, request, plainJobAnswer, { state: "init" });
    },

    async getJob({ params }) {
      return json(jobAnswer(await find(params.id)));
    },
    async getPlainJob({ params }) {
      return json(plainJobAnswer(await find(params.id)));
    },

    async listJobs({ query: { limit, offset } }) {
      const page = await jobs.list({ limit: offset + limit });
      return json(page.jobs.slice(offset).map(summaryAnswer));
    },
    async listJobPage({ query: { limit, status, blueprint, cursor, archived } }) {
      const query = {
        limit,
        ...(status && { status }),
        ...(blueprint !== undefined && { blueprint }),
        ...(cursor !== undefined && { cursor }),
      };
      const page = await (archived === "true" ? jobs.listArchived(query) : jobs.list(query));
      const { next } = page;
      return json({ jobs: page.jobs.map(summaryAnswer), ...(next !== undefined && { next }) });
    },

    cancelJob: ({ params, body }) => cancel(params.id, body.reason),
    cancelPlainJob: ({ params, body }) => cancel(params.id, body.reason),

    async sendEvent({ params, body }) {
      const { outcome, revision } = await jobs.send(params.id, body);
      return json({ status: outcome, revision }, outcome === "accepted" ? 202 : 200);
    },

    async approveJob({ params, body: { decision } }) {
      if (typeof decision !== "string" || decision === "")
        throw new RuntimeError("request.invalid", "decision is required in body");
      await jobs.approve(params.id, decision);
      return json({ status: "approval_received", job_id: params.id });
    },

    async waitForJob({ params, query, onClientGone }) {
      return json(jobAnswer(await wait(params.id, query.timeout_ms, onClientGone)));
    },

    async watchJob({ params, headers, onClientGone }) {
      const after = Number(headers["last-event-id"] ?? 0);
      const job = await find(params.id);
      // 204 tells a browser's EventSource that it need not come back.
      if (isFinished(job.status) && after >= job.revision)
        return new Response(null, { status: 204 });
      const call = longCalls.begin(onClientGone);
      const events = jobs.watch(params.id, after, call.signal);
      return new Response(
        eventStream(events, { call, clock, heartbeatMs: streamHeartbeatMs, log }),
        {
          headers: {
            "content-type": "text/event-stream; charset=utf-8",
            ...apiHeaders,
            // Some proxies hold answers back until they are complete unless told not to.
            "x-accel-buffering": "no",
          },
        },
      );
    },
  };

  /** @throws RuntimeError `job.not_found` */
  async function find(jobId: string): Promise<JobView> {
    const job = await jobs.get(jobId);
    if (job) return job;
    throw new RuntimeError("job.not_found", `There is no job "${jobId}".`, { jobId });
  }

  async function start(
    { headers, onClientGone }: Pick<Call<Contract["startPlainJob"]>, "headers" | "onClientGone">,
    request: Omit<Parameters<typeof jobs.start>[0], "idempotencyKey">,
    answer: (job: JobView) => Job | PlainJob,
    more: Readonly<Record<string, unknown>>,
  ): Promise<Reply> {
    const idempotencyKey = headers["idempotency-key"];
    const partitionKey = headers["partition-key"];
    const waitMs = preferredWaitMs(headers.prefer);
    const job = await jobs.start({
      follow: waitMs !== undefined,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      ...(partitionKey !== undefined && { partitionKey }),
      ...request,
    });
    const accepted = { status: "accepted", job_id: job.jobId, ...more };
    if (waitMs === undefined) return json(accepted, 202);
    const later = await wait(job.jobId, waitMs, onClientGone);
    const applied = { "preference-applied": `wait=${waitMs / 1000}` };
    return isFinished(later.status)
      ? json(answer(later), 200, applied)
      : json(accepted, 202, applied);
  }

  async function wait(
    jobId: string,
    timeoutMs: number,
    onClientGone: OnClientGone,
  ): Promise<JobView> {
    const call = longCalls.begin(onClientGone);
    try {
      return await jobs.wait(jobId, timeoutMs, call.signal);
    } finally {
      call.end();
    }
  }

  async function cancel(jobId: string, reason = "cancelled by a client"): Promise<Reply> {
    try {
      await jobs.cancel(jobId, reason);
    } catch (error) {
      if (!(error instanceof RuntimeError) || !/^job\.(finished|archived)$/.test(error.code))
        throw error;
      const words = "Job is not in a state that can be cancelled";
      throw new RuntimeError(error.code, `${words} (${error.message})`, error.details, {
        cause: error,
      });
    }
    return json({ status: "cancellation_request_accepted" });
  }
}

/** What `Prefer: wait=<seconds>` asks for, bounded, in milliseconds. Other preferences are none of ours. */
function preferredWaitMs(prefer: string | undefined): number | undefined {
  const seconds = prefer && /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec(prefer)?.[1];
  return seconds ? Math.min(Number(seconds) * 1000, waitMsMax) : undefined;
}
