// A job as HTTP tells of it: the original's member names, and beside them ours.
import { z } from "zod";

const time = z.iso.datetime().describe("ISO 8601, UTC");

/** The closed list of what `status` may be; `docs/protocol.md` says what each means. */
export const JobStatus = z.enum([
  "running",
  "waiting_for_worker",
  "waiting_for_parallel_tasks",
  "waiting_for_human",
  "waiting_for_event",
  "waiting_for_timer",
  "waiting_for_sub_job",
  "awaiting_retry",
  "finished",
  "failed",
  "quarantined",
  "cancelled",
]);
export type JobStatus = z.infer<typeof JobStatus>;

export const Failure = z
  .object({ code: z.string(), message: z.string(), details: z.unknown().optional() })
  .meta({ id: "Failure" });
export type Failure = z.infer<typeof Failure>;

/** The latest word of a worker about a running task. */
export const TaskProgress = z
  .object({
    ratio: z.number().min(0).max(1).optional(),
    message: z.string().optional(),
    data: z.unknown().optional(),
  })
  .meta({ id: "TaskProgress" });
export type TaskProgress = z.infer<typeof TaskProgress>;

/** Why a task has not begun that waits in a queue. */
export const WhyWaiting = z
  .object({
    code: z.enum([
      "paused",
      "no_worker",
      "unsatisfied",
      "unavailable",
      "busy",
      "type_limit",
      "not_asking",
      "slots",
      "rate",
      "limit",
      "soon",
    ]),
    reason: z.string().describe("The same, for people."),
  })
  .meta({ id: "WhyWaiting" });
export type WhyWaiting = z.infer<typeof WhyWaiting>;

/** One reason why a job is not finished yet. */
export const Wait = z
  .discriminatedUnion("kind", [
    z.object({
      kind: z.literal("task"),
      task_id: z.string(),
      task_type: z.string(),
      state: z.enum(["queued", "leased", "delayed"]),
      attempt: z.int().nonnegative(),
      worker_id: z.string().optional(),
      since: time,
      until: time.optional().describe("When the lease ends, or the delay before the next attempt."),
      why: WhyWaiting.optional().describe("Why it has not begun, where it waits in a queue."),
      progress: TaskProgress.optional(),
      last_error: Failure.optional(),
    }),
    z.object({
      kind: z.literal("child"),
      child: z.string().describe("The machine's name for it."),
      job_id: z.string(),
      blueprint_name: z.string().optional(),
      status: JobStatus.optional(),
      current_state: z.string().optional(),
      since: time.optional().describe("When it was started."),
    }),
    z.object({
      kind: z.literal("approval"),
      decisions: z.array(z.string()),
      message: z.string().optional(),
      integration: z.string().optional(),
    }),
    z.object({
      kind: z.literal("version"),
      blueprint_name: z.string(),
      blueprint_version: z.string(),
      reason: z
        .enum(["missing", "changed"])
        .describe("The version is not served, or has another shape than the job was started in."),
      problems: z.array(z.string()).describe("What of the job has no place in it, in sentences."),
    }),
    z.object({ kind: z.literal("timer"), event: z.string(), due: time }),
    z.object({ kind: z.literal("event"), events: z.array(z.string()) }),
  ])
  .meta({ id: "Wait" });
export type Wait = z.infer<typeof Wait>;

const summary = {
  id: z.string(),
  job_id: z.string().describe("The same as `id`."),
  blueprint_name: z.string(),
  blueprint_version: z.string(),
  current_state: z
    .string()
    .describe("The dotted path of the active state; parallel ones joined by `,`."),
  status: JobStatus,
  finished: z.boolean().describe("The job will never move again, however it ended."),
  created_at: time,
  updated_at: time,
  archived_at: time.optional().describe("When it left the live store for the archive."),
};

/** What lists of jobs show. */
export const JobSummary = z.object(summary).meta({ id: "JobSummary" });
export type JobSummary = z.infer<typeof JobSummary>;

export const Job = z
  .object({
    ...summary,
    revision: z.int().nonnegative(),
    state_value: z.unknown().describe("XState's value of the state."),
    active_states: z
      .array(z.string())
      .describe("Ids of the active state nodes, as charts have them."),
    initial_data: z.unknown().describe("What a handler-style job was started with; else null."),
    state_history: z
      .unknown()
      .describe("The merged outputs (handler style) or the context (native)."),
    data: z.unknown().describe("The same as `state_history`."),
    output: z.unknown().optional(),
    error: Failure.optional(),
    error_message: z.string().optional(),
    task_worker_id: z.string().optional(),
    parent_job_id: z.string().optional().describe("The job that started it."),
    restarted_from: z
      .object({ job_id: z.string(), revision: z.int().positive() })
      .optional()
      .describe("The job that it is a second try of, and after which of its revisions it began."),
    restarted_as: z
      .array(z.string())
      .optional()
      .describe("The latest jobs that began where it was, oldest first."),
    child_job_id: z.string().optional().describe("The first of the jobs that it waits for."),
    aggregation_target: z
      .string()
      .optional()
      .describe("The state that gets the results of tasks that run at once."),
    active_branches: z
      .array(z.string())
      .optional()
      .describe("The tasks among those that have not ended."),
    aggregation_results: z
      .record(z.string(), z.unknown())
      .optional()
      .describe("By the task's id: what each came to."),
    deferred_events: z
      .array(z.string())
      .optional()
      .describe("Types of the events that came too early and are kept."),
    lost_revision: z
      .int()
      .nonnegative()
      .optional()
      .describe("The store once went back in time under the job, which had been at this revision."),
    waits: z.array(Wait).describe("Why the job is not finished yet; empty once it is."),
  })
  .meta({ id: "Job" });
export type Job = z.infer<typeof Job>;

/** A job in the plain dialect. */
export const PlainJob = z
  .object({
    job_id: z.string(),
    blueprint: z.string(),
    state: z.string(),
    status: JobStatus,
    data: z.unknown(),
    output: z.unknown().optional(),
    error: Failure.optional(),
    created_at: time,
    updated_at: time,
    archived_at: time.optional(),
  })
  .meta({ id: "PlainJob" });
export type PlainJob = z.infer<typeof PlainJob>;

/** Something that a step has started. */
export const StartedWork = z
  .object({
    child: z.string().describe("The machine's name for it."),
    kind: z.enum(["task", "job", "promise", "handler"]),
    name: z.string().describe("The type of a task, the blueprint of a job, or the actor's name."),
  })
  .meta({ id: "StartedWork" });
export type StartedWork = z.infer<typeof StartedWork>;

const step = {
  revision: z.int().positive(),
  timestamp: time,
  current_state: z.string(),
  status: JobStatus,
  message: z.looseObject({ type: z.string() }).describe("What moved the job."),
};

/** One step of a job's history. */
export const JobStep = z
  .object({
    ...step,
    previous_state: z.string().optional().describe("Where it was before. Only where replayed."),
    started: z
      .array(StartedWork)
      .optional()
      .describe("What the step started. Only where replayed."),
  })
  .meta({ id: "JobStep" });
export type JobStep = z.infer<typeof JobStep>;

/** A job as it was after one of its revisions. */
export const JobMoment = z
  .object({
    job_id: z.string(),
    blueprint_name: z.string(),
    blueprint_version: z.string().describe("The version that it was then."),
    ...step,
    previous_state: z.string().describe("Where it was before; empty before its first step."),
    state_value: z.unknown().describe("XState's value of the state."),
    active_states: z.array(z.string()),
    initial_data: z.unknown().describe("What a handler-style job was started with; else null."),
    data: z.unknown().describe("The merged outputs (handler style) or the context (native)."),
    output: z.unknown().optional(),
    error: Failure.optional(),
    started: z.array(StartedWork).describe("What the step started."),
    running: z.array(StartedWork).describe("What ran then."),
    timers: z.array(z.object({ event: z.string(), due: time })),
    deferred_events: z.array(z.string()),
  })
  .meta({ id: "JobMoment" });
export type JobMoment = z.infer<typeof JobMoment>;

export const Worker = z
  .object({
    worker_id: z.string(),
    worker_type: z.string(),
    supported_tasks: z.array(z.string()),
    max_concurrent_tasks: z.int().nonnegative(),
    load: z.int().nonnegative().describe("How many tasks it runs."),
    status: z.enum(["idle", "busy", "draining"]),
    resources: z.record(z.string(), z.unknown()),
    labels: z.record(z.string(), z.string()),
    instance_id: z.string().describe("The server that it is connected to."),
    hostname: z.string().optional(),
    ip_address: z.string().optional(),
    installed_models: z.array(z.unknown()),
    hot_cache: z.array(z.string()).describe("What it has loaded and would do at once."),
    cost_per_second: z.number().nonnegative().optional(),
    reputation: z
      .number()
      .min(0)
      .max(1)
      .describe("How its tasks have ended, as its server has measured it: 1 is best."),
    usage: z
      .object({
        cpu: z.number().optional().describe("The share of its machine's processors, 0 to 1."),
        memory_bytes: z.number().optional(),
        loop_lag_ms: z.number().optional().describe("The longest that its event loop was late."),
      })
      .optional()
      .describe("How busy its process is, as its latest heartbeat says."),
    connected_at: time,
  })
  .meta({ id: "Worker" });
export type Worker = z.infer<typeof Worker>;
