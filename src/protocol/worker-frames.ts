// The frames of `avtomatika.worker.v1`, listed once: what a worker and a server say to each other.
import { z } from "zod";

/** The WebSocket subprotocol that selects these frames. */
export const workerSubprotocol = "avtomatika.worker.v1";
/** Where workers connect. */
export const workerPath = "/_worker/ws";
/** A message is one frame, or an array of at most this many frames. */
export const framesPerMessageMax = 256;
/** The largest message, in bytes, either way. */
export const frameBytesMax = 1024 * 1024;
/** The most names in a worker's hot cache; more are not noted. */
export const hotNamesMax = 1024;

const id = z.string().min(1).max(512);
const attempt = z.int().positive();
/** A count of milliseconds. */
const ms = z.int().nonnegative();
/** What a worker may have loaded: a model, a data set. */
const hotName = z.string().min(1).max(256);
const workerId = z.string().regex(/^[\w.:@-]{1,128}$/);

/** Names one attempt of one task: every frame about a task carries both, and is idempotent by them. */
export const AttemptRef = z.object({ task_id: id, attempt });
export type AttemptRef = z.infer<typeof AttemptRef>;

/** The error classes of the Python original, kept; any other code counts as transient. */
export const taskErrorCodes = [
  "TRANSIENT_ERROR",
  "PERMANENT_ERROR",
  "INVALID_INPUT_ERROR",
] as const;

export const TaskError = z.object({
  code: z.string().min(1).max(64).default("TRANSIENT_ERROR"),
  message: z.string().max(16_384).default(""),
  details: z.unknown().optional(),
  /** The worker's wish for the delay before the next attempt. */
  retry_after_ms: ms.optional(),
});
export type TaskError = z.infer<typeof TaskError>;

export const OfferedType = z.object({
  type: z.string().min(1).max(128),
  /** The most tasks of this type at once; the worker's `credits` where absent. */
  limit: z.int().nonnegative().optional(),
});

// ---- worker to server ----------------------------------------------------------------------------

/** First frame of every connection: who this is, what it can do, and what it still holds. */
export const Hello = z.object({
  type: z.literal("hello"),
  protocols: z.array(z.int().positive()).min(1).max(16),
  worker_id: workerId,
  /** New for each process, the same over its reconnections. */
  instance_id: z.string().min(1).max(128),
  worker_type: z.string().max(128).default("worker"),
  sdk: z.object({ name: z.string().max(64), version: z.string().max(64) }).optional(),
  types: z.array(OfferedType).max(1024),
  /** The most tasks at once, over all types. */
  credits: z.int().nonnegative().max(100_000),
  labels: z.record(z.string().max(128), z.string().max(512)).default({}),
  resources: z.record(z.string().max(128), z.unknown()).default({}),
  hot_cache: z.array(hotName).max(hotNamesMax).default([]),
  cost_per_second: z.number().nonnegative().optional(),
  running: z.array(AttemptRef).max(10_000).default([]),
  /** Results that wait in the worker's outbox; `welcome.want` asks for them. */
  outbox: z.array(AttemptRef).max(10_000).default([]),
  draining: z.boolean().default(false),
});
export type Hello = z.infer<typeof Hello>;

export const Accept = AttemptRef.extend({ type: z.literal("accept") });

export const Reject = AttemptRef.extend({
  type: z.literal("reject"),
  reason: z.enum(["busy", "incompatible", "draining", "invalid"]),
  retry_after_ms: ms.optional(),
});

/** Sent every `heartbeat_ms`; extends the lease of every attempt it lists. */
export const Heartbeat = z.object({
  type: z.literal("heartbeat"),
  running: z.array(AttemptRef).max(10_000),
  load: z.object({ cpu: z.number().optional(), loop_lag_ms: z.number().optional() }).optional(),
});

export const Progress = AttemptRef.extend({
  type: z.literal("progress"),
  /** 0 to 1. */
  ratio: z.number().min(0).max(1).optional(),
  message: z.string().max(1024).optional(),
  /** What the task's `progress` schema describes. */
  data: z.unknown().optional(),
});
export type Progress = z.infer<typeof Progress>;

export const TaskResult = z.discriminatedUnion("outcome", [
  AttemptRef.extend({
    type: z.literal("result"),
    outcome: z.literal("ok"),
    /** A handler-style flow picks its transition by it. */
    status: z.string().min(1).max(64).default("success"),
    output: z.unknown().optional(),
  }),
  AttemptRef.extend({ type: z.literal("result"), outcome: z.literal("error"), error: TaskError }),
  AttemptRef.extend({ type: z.literal("result"), outcome: z.literal("cancelled") }),
]);
export type TaskResult = z.infer<typeof TaskResult>;

/** Give an attempt back; it is queued again at once and uses up no retry. */
export const Release = AttemptRef.extend({
  type: z.literal("release"),
  reason: z.enum(["drain", "overload"]).default("drain"),
});

/** The most tasks at once from now on, absolute; 0 pauses. */
export const Credit = z.object({ type: z.literal("credit"), credits: z.int().nonnegative() });
/** What the worker has loaded since, and what it has no more. */
export const HotCache = z.object({
  type: z.literal("hot_cache"),
  add: z.array(hotName).max(hotNamesMax).default([]),
  remove: z.array(hotName).max(hotNamesMax).default([]),
});
export type HotCache = z.infer<typeof HotCache>;
/** No more tasks, please; what runs is finished. */
export const Drain = z.object({ type: z.literal("drain") });
export const Bye = z.object({ type: z.literal("bye"), reason: z.string().max(256).default("") });

export const WorkerFrame = z.union([
  z.discriminatedUnion("type", [
    Hello,
    Accept,
    Reject,
    Heartbeat,
    Progress,
    Release,
    Credit,
    HotCache,
    Drain,
    Bye,
  ]),
  TaskResult,
]);
export type WorkerFrame = z.infer<typeof WorkerFrame>;

// ---- server to worker ----------------------------------------------------------------------------

/** The whole resume decision in one frame. */
export const Welcome = z.object({
  type: z.literal("welcome"),
  protocol: z.int().positive(),
  session_id: z.string(),
  heartbeat_ms: ms,
  /** The connection counts as dead after this many silent heartbeat intervals. */
  heartbeats_missed_max: z.int().positive(),
  accept_ms: ms,
  frame_bytes_max: z.int().positive(),
  server_time: z.iso.datetime(),
  /** Attempts that go on. */
  keep: z.array(AttemptRef),
  /** Attempts to abandon, with the reason; a result of theirs would be fenced. */
  drop: z.array(AttemptRef.extend({ reason: z.enum(["fenced", "unknown"]) })),
  /** Outbox results to send now. */
  want: z.array(AttemptRef),
});
export type Welcome = z.infer<typeof Welcome>;

export const TaskAssign = AttemptRef.extend({
  type: z.literal("task"),
  job_id: id,
  /** The task type, as offered in `hello.types`. */
  task_type: z.string(),
  params: z.unknown().optional(),
  priority: z.int().min(0).max(9),
  lease_ms: ms,
  run_timeout_ms: ms.optional(),
  attempts_max: z.int().positive(),
});
export type TaskAssign = z.infer<typeof TaskAssign>;

export const Cancel = AttemptRef.extend({
  type: z.literal("cancel"),
  reason: z.string(),
  grace_ms: ms,
});

/** What became of a result, said only after that is durable. Any status empties the worker's outbox of it. */
export const ResultAck = AttemptRef.extend({
  type: z.literal("result_ack"),
  status: z.enum(["applied", "fenced", "unknown"]),
  /** Why an applied result did not count as a success, where it did not. */
  code: z.string().optional(),
});
export type ResultAck = z.infer<typeof ResultAck>;

export const HeartbeatAck = z.object({
  type: z.literal("heartbeat_ack"),
  server_time: z.iso.datetime(),
  /** Attempts that are not this worker's any more. */
  lost: z.array(AttemptRef.extend({ reason: z.enum(["fenced", "unknown"]) })),
});

/** The server will close soon: connect again after the given time, which differs from worker to worker. */
export const Goaway = z.object({
  type: z.literal("goaway"),
  reason: z.string(),
  reconnect_after_ms: ms,
});

export const ProtocolError = z.object({
  type: z.literal("error"),
  code: z.string(),
  message: z.string(),
  fatal: z.boolean(),
});

export const ServerFrame = z.discriminatedUnion("type", [
  Welcome,
  TaskAssign,
  Cancel,
  ResultAck,
  HeartbeatAck,
  Goaway,
  ProtocolError,
]);
export type ServerFrame = z.infer<typeof ServerFrame>;

/** WebSocket close codes. A worker reconnects after all but `auth`, `forbidden` and `protocol`. */
export const closeCodes = {
  bye: 4000,
  auth: 4001,
  forbidden: 4003,
  unresponsive: 4008,
  superseded: 4009,
  protocol: 4010,
  draining: 4012,
  slow_consumer: 4013,
} as const;
