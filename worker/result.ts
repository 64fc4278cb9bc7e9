// How an attempt ended, as a frame that the server is sure to take: what can't be sent becomes an error that says so.
import type { AttemptRef } from "../src/protocol/worker-frames.ts";
import { TaskFailure } from "./errors.ts";
import { toSendable } from "./sendable.ts";
import { WithStatus } from "./task.ts";

/** Limits of the frames' schemas. */
const errorMessageCharsMax = 16_384;
const codeCharsMax = 64;

/** The result frame for what a task handler returned. */
export function encodeOutput(ref: AttemptRef, returned: unknown): string {
  const { status, output } =
    returned instanceof WithStatus ? returned : { status: "success", output: returned };
  if (typeof status !== "string" || status.length < 1 || status.length > codeCharsMax)
    return permanent(ref, `A status has 1 to ${codeCharsMax} characters.`);
  const { json, problem } = toSendable({ type: "result", ...ref, outcome: "ok", status, output });
  return json ?? permanent(ref, `The output can't be sent. ${problem}`);
}

/** The result frame for what a task handler threw. */
export function encodeError(ref: AttemptRef, thrown: unknown): string {
  if (!(thrown instanceof TaskFailure)) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return encodeFailure(ref, { code: "TRANSIENT_ERROR", message: cut(message) });
  }
  const { code, message, retryAfterMs, details } = thrown;
  const error = {
    code: code.slice(0, codeCharsMax) || "TRANSIENT_ERROR",
    message: cut(message),
    ...(retryAfterMs !== undefined &&
      Number.isFinite(retryAfterMs) && { retry_after_ms: Math.max(0, Math.round(retryAfterMs)) }),
  };
  // The failure matters more than its details.
  const frame = { type: "result", ...ref, outcome: "error", error: { ...error, details } };
  return toSendable(frame).json ?? encodeFailure(ref, error);
}

/** The result frame of an attempt that was cancelled. */
export function encodeCancelled(ref: AttemptRef): string {
  return JSON.stringify({ type: "result", ...ref, outcome: "cancelled" });
}

function permanent(ref: AttemptRef, message: string): string {
  return encodeFailure(ref, { code: "PERMANENT_ERROR", message: cut(message) });
}

function encodeFailure(ref: AttemptRef, error: { code: string; message: string }): string {
  return JSON.stringify({ type: "result", ...ref, outcome: "error", error });
}

function cut(message: string): string {
  return message.slice(0, errorMessageCharsMax);
}
