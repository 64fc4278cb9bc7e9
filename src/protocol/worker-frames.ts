// The frames of `avtomatika.worker.v1`, listed once: what a worker and a server say to each other.
import { z } from "zod";
import { chunkBytesMax, eventTypeCharsMax, refsPerFrameMax } from "./worker-limits.ts";
import { WorkerLoad } from "./worker-load.ts";

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

/** A count of tasks that a worker takes at once. */
const allowance = z.int().nonnegative().max(100_000);
const allowances = z.record(z.string().min(1).max(128), allowance);
const labels = z.record(z.string().max(128), z.string().max(512));
const refs = z.array(AttemptRef).max(refsPerFrameMax);

export const OfferedType = z.object({
  type: z.string().min(1).max(128),
  /** The most tasks of this type at once; the worker's `credits` where absent. */
  limit: allowance.optional(),
  /** Types of one pool share its allowance, which `pools` names. */
  pool: z.string().min(1).max(128).optional(),
});
export type OfferedType = z.infer<typeof OfferedType>;

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
  credits: allowance,
  /** The most tasks at once of the types that share a pool. */
  pools: allowances.default({}),
  labels: labels.default({}),
  resources: z.record(z.string().max(128), z.unknown()).default({}),
  hot_cache: z.array(hotName).max(hotNamesMax).default([]),
  cost_per_second: z.number().nonnegative().optional(),
  running: refs.default([]),
  /** Results that wait in the worker's outbox; `welcome.want` asks for them. */
  outbox: refs.default([]),
  draining: z.boolean().default(false),
  /** Further pages of `running` and `outbox` follow, before the welcome. */
  more: z.boolean().default(false),
});
export type Hello = z.infer<typeof Hello>;

/** Another page of what the worker holds. */
export const HelloMore = z.object({
  type: z.literal("hello_more"),
  running: refs.default([]),
  outbox: refs.default([]),
  more: z.boolean().default(false),
});
export type HelloMore = z.infer<typeof HelloMore>;

export const Accept = AttemptRef.extend({ type: z.literal("accept") });

export const Reject = AttemptRef.extend({
  type: z.literal("reject"),
  reason: z.enum(["busy", "incompatible", "draining", "invalid"]),
  retry_after_ms: ms.optional(),
});

/** Sent every `heartbeat_ms`; extends the lease of every attempt it lists. */
export const Heartbeat = z.object({
  type: z.literal("heartbeat"),
  running: refs,
  load: WorkerLoad.optional(),
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

/** Where the work has got to. The latest one is stored, and handed to the next attempt. */
export const Checkpoint = AttemptRef.extend({
  type: z.literal("checkpoint"),
  /** Counts the attempt's checkpoints; acknowledgements name it. */
  number: z.int().positive(),
  data: z.unknown(),
});
export type Checkpoint = z.infer<typeof Checkpoint>;

/** An event for the job whose task the attempt is. The next one follows the answer to this one. */
export const Event = AttemptRef.extend({
  type: z.literal("event"),
  /** Counts the attempt's events, upwards. The same number again is the same event. */
  number: z.int().positive(),
  /** The type that the job's machine sees. */
  event: z.string().min(1).max(eventTypeCharsMax),
  /** The event's other members. */
  data: z.record(z.string(), z.unknown()).optional(),
});
export type Event = z.infer<typeof Event>;

export const logLevels = ["debug", "info", "warn", "error"] as const;

/** A line of an attempt's log, for those who watch. Lines may be dropped; the next one says how many were. */
export const Log = AttemptRef.extend({
  type: z.literal("log"),
  level: z.enum(logLevels),
  message: z.string().max(4096),
  fields: z.record(z.string().max(128), z.unknown()).optional(),
  /** When it was logged, by the worker's clock. */
  at: z.iso.datetime().optional(),
  /** How many lines of the attempt were dropped before this one. */
  dropped: z.int().nonnegative().default(0),
});
export type Log = z.infer<typeof Log>;

const streamName = z.string().regex(/^[\w.-]{1,64}$/);
const offset = z.int().nonnegative();

/** A piece of a stream: bytes that begin at `offset`. Sent only within the stream's credit. */
export const Chunk = AttemptRef.extend({
  type: z.literal("chunk"),
  stream: streamName,
  offset,
  data: z.string().max(2 * chunkBytesMax),
  /** How the bytes are written in `data`: as they are, or in Base64. Offsets count bytes, of UTF-8 where it is text. */
  encoding: z.enum(["text", "base64"]).default("text"),
  /** The stream ends with this chunk. */
  end: z.boolean().default(false),
});
export type Chunk = z.infer<typeof Chunk>;

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
  /** As in `checkpoint`; the next attempt gets it. */
  checkpoint: z.unknown().optional(),
});
export type Release = z.infer<typeof Release>;

/** The most tasks at once from now on, absolute; 0 pauses. What is not named stays as it is. */
export const Credit = z.object({
  type: z.literal("credit"),
  credits: allowance.optional(),
  /** By pool. */
  pools: allowances.optional(),
  /** By task type. */
  types: allowances.optional(),
});
export type Credit = z.infer<typeof Credit>;

/** Labels change, such as when a model has been loaded. */
export const Labels = z.object({
  type: z.literal("labels"),
  set: labels.default({}),
  unset: z.array(z.string().max(128)).max(256).default([]),
});
export type Labels = z.infer<typeof Labels>;

/** What the worker has loaded since, and what it has no more. */
export const HotCache = z.object({
  type: z.literal("hot_cache"),
  add: z.array(hotName).max(hotNamesMax).default([]),
  remove: z.array(hotName).max(hotNamesMax).default([]),
});
export type HotCache = z.infer<typeof HotCache>;

/** A new token, before the one that the connection was opened with stops being good. */
export const Auth = z.object({ type: z.literal("auth"), token: z.string().min(1).max(4096) });
export type Auth = z.infer<typeof Auth>;

/** No more tasks, please; what runs is finished. */
export const Drain = z.object({ type: z.literal("drain") });
export const Bye = z.object({ type: z.literal("bye"), reason: z.string().max(256).default("") });

export const WorkerFrame = z.union([
  z.discriminatedUnion("type", [
    Hello,
    HelloMore,
    Accept,
    Reject,
    Heartbeat,
    Progress,
    Checkpoint,
    Event,
    Log,
    Chunk,
    Release,
    Credit,
    Labels,
    Auth,
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
  /** What the server knows of what was added to its version; older servers say nothing. */
  features: z.array(z.string()).default([]),
  /** How many bytes of a stream may be on their way unacknowledged. */
  stream_window_bytes: z.int().nonnegative().default(0),
  server_time: z.iso.datetime(),
  /** Attempts that go on. */
  keep: z.array(AttemptRef),
  /** Attempts to abandon, with the reason; a result of theirs would be fenced. */
  drop: z.array(AttemptRef.extend({ reason: z.enum(["fenced", "unknown"]) })),
  /** Outbox results to send now. */
  want: z.array(AttemptRef),
  /** Further pages of `keep`, `drop` and `want` follow at once. */
  more: z.boolean().default(false),
});
export type Welcome = z.infer<typeof Welcome>;

/** Another page of what the server decided. */
export const WelcomeMore = Welcome.pick({ keep: true, drop: true, want: true, more: true }).extend({
  type: z.literal("welcome_more"),
});
export type WelcomeMore = z.infer<typeof WelcomeMore>;

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
  /** The latest checkpoint of the attempts before this one; absent where there is none. */
  checkpoint: z.unknown().optional(),
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

/** What became of the checkpoints up to `number`. Said once it is durable. */
export const CheckpointAck = AttemptRef.extend({
  type: z.literal("checkpoint_ack"),
  number: z.int().positive(),
  status: z.enum(["kept", "fenced", "unknown", "too_large"]),
});
export type CheckpointAck = z.infer<typeof CheckpointAck>;

/** What became of an event. Said once that is durable. */
export const EventAck = AttemptRef.extend({
  type: z.literal("event_ack"),
  number: z.int().positive(),
  status: z.enum(["accepted", "ignored", "fenced", "unknown", "refused"]),
  /** Why it was refused. */
  code: z.string().optional(),
});
export type EventAck = z.infer<typeof EventAck>;

/** How far a stream has come, and how far it may go. Both count from its beginning. */
export const StreamCredit = AttemptRef.extend({
  type: z.literal("stream_credit"),
  stream: streamName,
  /** The server has all bytes before this one: they need not be sent again. */
  acknowledged: offset,
  /** Bytes before this one may be sent. */
  up_to: offset,
  /** The server has the chunk that ends the stream, too. */
  ended: z.boolean().default(false),
});
export type StreamCredit = z.infer<typeof StreamCredit>;

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
  WelcomeMore,
  TaskAssign,
  Cancel,
  ResultAck,
  CheckpointAck,
  EventAck,
  StreamCredit,
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
