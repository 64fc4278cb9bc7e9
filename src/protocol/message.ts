// A WebSocket message is one frame or an array of them: how frames become messages, and messages frames again.
import type { z } from "zod";
import { inspectJson } from "./json.ts";
import {
  Accept,
  Auth,
  Bye,
  Cancel,
  Checkpoint,
  CheckpointAck,
  Chunk,
  Credit,
  Drain,
  Event,
  EventAck,
  framesPerMessageMax,
  Goaway,
  Heartbeat,
  HeartbeatAck,
  Hello,
  HelloMore,
  Labels,
  Log,
  HotCache,
  Progress,
  ProtocolError,
  Reject,
  Release,
  ResultAck,
  StreamCredit,
  TaskAssign,
  TaskResult,
  Welcome,
  WelcomeMore,
  type ServerFrame,
  type WorkerFrame,
} from "./worker-frames.ts";

/** Schemas by the `type` of the frame that they describe. */
type Schemas<Frame> = ReadonlyMap<string, z.ZodType<Frame>>;

/** What a worker may say. */
export const workerFrames: Schemas<WorkerFrame> = new Map<string, z.ZodType<WorkerFrame>>([
  ["hello", Hello],
  ["hello_more", HelloMore],
  ["accept", Accept],
  ["reject", Reject],
  ["heartbeat", Heartbeat],
  ["progress", Progress],
  ["checkpoint", Checkpoint],
  ["event", Event],
  ["log", Log],
  ["chunk", Chunk],
  ["result", TaskResult],
  ["release", Release],
  ["credit", Credit],
  ["labels", Labels],
  ["auth", Auth],
  ["hot_cache", HotCache],
  ["drain", Drain],
  ["bye", Bye],
]);

/** What a server may say. */
export const serverFrames: Schemas<ServerFrame> = new Map<string, z.ZodType<ServerFrame>>([
  ["welcome", Welcome],
  ["welcome_more", WelcomeMore],
  ["task", TaskAssign],
  ["cancel", Cancel],
  ["result_ack", ResultAck],
  ["checkpoint_ack", CheckpointAck],
  ["event_ack", EventAck],
  ["stream_credit", StreamCredit],
  ["heartbeat_ack", HeartbeatAck],
  ["goaway", Goaway],
  ["error", ProtocolError],
]);

/** Why something that was received is no frame, in words that can be shown to its sender. */
export interface FrameProblem {
  readonly code: "protocol.frame_invalid" | "protocol.frame_unknown";
  readonly message: string;
}
export type Decoded<Frame> =
  | { readonly frame: Frame; readonly problem?: never }
  | { readonly frame?: never; readonly problem: FrameProblem };

/**
 * Read a message. Members that a frame's schema does not name are ignored; the limits of
 * `inspectJson` hold for each frame.
 *
 * @returns the frames in order, each parsed or with what is wrong with it.
 */
export function decodeMessage<Frame>(text: string, schemas: Schemas<Frame>): Decoded<Frame>[] {
  return decodeFrames(text, (value) => decodeFrame(value, schemas));
}

/** Read a message whose frames are read one by one: one frame or an array of them. */
export function decodeFrames<Frame>(
  text: string,
  decode: (value: unknown) => Decoded<Frame>,
): Decoded<Frame>[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return [invalid(`The message is not JSON: ${(error as Error).message}`)];
  }
  if (!Array.isArray(value)) return [decode(value)];
  if (value.length > framesPerMessageMax)
    return [invalid(`A message has at most ${framesPerMessageMax} frames, not ${value.length}.`)];
  return value.map(decode);
}

function decodeFrame<Frame>(value: unknown, schemas: Schemas<Frame>): Decoded<Frame> {
  const type: unknown =
    typeof value === "object" && value !== null && "type" in value ? value.type : undefined;
  if (typeof type !== "string") return invalid("A frame is an object with a `type`.");
  const schema = schemas.get(type);
  if (!schema) {
    const message = `There is no frame of type "${type.slice(0, 64)}" here.`;
    return { problem: { code: "protocol.frame_unknown", message } };
  }
  const refused = inspectJson(value);
  if (refused) return invalid(`${type}: ${refused.message}`);
  const parsed = schema.safeParse(value);
  if (parsed.success) return { frame: parsed.data };
  return invalid(`${type}: ${describe(parsed.error)}`);
}

/** What is no frame, in words for its sender. */
export function invalid(message: string): { readonly problem: FrameProblem } {
  return { problem: { code: "protocol.frame_invalid", message } };
}

/** The first few issues; a long list would not fit into an error frame's purpose, which is to be read. */
function describe(error: z.ZodError): string {
  return error.issues
    .slice(0, 3)
    .map(({ path, message }) => (path.length > 0 ? `${path.join(".")}: ${message}` : message))
    .join("; ");
}

/**
 * Frames are joined up to this many characters. A character takes at most three bytes, so that a
 * joined message stays below `frameBytesMax`; a larger frame travels alone.
 */
const joinedCharsMax = 256 * 1024;

/** Join encoded frames, in order, into as few messages as the limits allow. */
export function joinFrames(frames: readonly string[]): string[] {
  const messages: string[] = [];
  let joined: string[] = [];
  let chars = 0;
  const finish = (): void => {
    if (joined.length > 0)
      messages.push(joined.length === 1 ? joined[0]! : `[${joined.join(",")}]`);
    joined = [];
    chars = 0;
  };
  for (const frame of frames) {
    if (joined.length === framesPerMessageMax || chars + frame.length > joinedCharsMax) finish();
    joined.push(frame);
    chars += frame.length + 1;
  }
  finish();
  return messages;
}
