// What the event stream of a job says. Each is one server-sent event, named by its `type`, with this as its data.
import { z } from "zod";
import { Job, JobStatus } from "./job.ts";

/** The job has made a step. The event's id is the revision; the last step of a job has none, `finished` has it. */
export const StateEvent = z.object({
  type: z.literal("state"),
  job_id: z.string(),
  revision: z.int().positive(),
  current_state: z.string(),
  status: JobStatus,
  at: z.iso.datetime(),
});
export type StateEvent = z.infer<typeof StateEvent>;

/** A worker has told how far it is. Not kept: a reader that comes later finds the latest one in the job's `waits`. */
export const ProgressEvent = z.object({
  type: z.literal("progress"),
  job_id: z.string(),
  task_id: z.string(),
  task_type: z.string(),
  child: z.string(),
  attempt: z.int().positive(),
  /** 0 to 1. */
  ratio: z.number().optional(),
  message: z.string().optional(),
  data: z.unknown().optional(),
});
export type ProgressEvent = z.infer<typeof ProgressEvent>;

/** The machine has emitted an event for those who watch. */
export const EmittedEvent = z.object({
  type: z.literal("emitted"),
  job_id: z.string(),
  event: z.looseObject({ type: z.string() }),
});
export type EmittedEvent = z.infer<typeof EmittedEvent>;

/** The job has ended, and so does the stream. */
export const FinishedEvent = z.object({
  type: z.literal("finished"),
  job_id: z.string(),
  revision: z.int().positive(),
  job: Job,
});
export type FinishedEvent = z.infer<typeof FinishedEvent>;

export const StreamEvent = z
  .discriminatedUnion("type", [StateEvent, ProgressEvent, EmittedEvent, FinishedEvent])
  .meta({ id: "StreamEvent" });
export type StreamEvent = z.infer<typeof StreamEvent>;
