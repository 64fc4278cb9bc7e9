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

/** The attempt that an event comes from. */
const OfAttempt = z.object({
  job_id: z.string(),
  task_id: z.string(),
  task_type: z.string(),
  child: z.string(),
  attempt: z.int().positive(),
});

/** A worker has told how far it is. Not kept: a reader that comes later finds the latest one in the job's `waits`. */
export const ProgressEvent = OfAttempt.extend({
  type: z.literal("progress"),
  /** 0 to 1. */
  ratio: z.number().optional(),
  message: z.string().optional(),
  data: z.unknown().optional(),
});
export type ProgressEvent = z.infer<typeof ProgressEvent>;

/** A handler has logged a line. Not kept: a reader that comes later does not see it. */
export const LogEvent = OfAttempt.extend({
  type: z.literal("log"),
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
  fields: z.record(z.string(), z.unknown()).optional(),
  /** By the worker's clock. */
  at: z.iso.datetime(),
  /** How many lines were dropped before this one; absent where none were. */
  dropped: z.int().positive().optional(),
});
export type LogEvent = z.infer<typeof LogEvent>;

/**
 * A piece of a stream. Its latest part is kept for a while, and a reader that comes later begins with that: the offset
 * tells what is missing before it, and what is repeated.
 */
export const ChunkEvent = OfAttempt.extend({
  type: z.literal("chunk"),
  stream: z.string(),
  /** In bytes from the beginning of the stream, which begins anew with each attempt. */
  offset: z.int().nonnegative(),
  encoding: z.enum(["text", "base64"]),
  data: z.string(),
  /** The stream ends with this chunk. */
  end: z.literal(true).optional(),
});
export type ChunkEvent = z.infer<typeof ChunkEvent>;

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
  .discriminatedUnion("type", [
    StateEvent,
    ProgressEvent,
    LogEvent,
    ChunkEvent,
    EmittedEvent,
    FinishedEvent,
  ])
  .meta({ id: "StreamEvent" });
export type StreamEvent = z.infer<typeof StreamEvent>;
