// Turns a frame with a user's data in it into JSON, or says why the server would refuse it.
import { inspectJson } from "../src/protocol/json.ts";
import { frameBytesMax } from "../src/protocol/worker-frames.ts";

export type Sendable =
  | { readonly json: string; readonly problem?: never }
  | { readonly json?: never; readonly problem: string };

/**
 * Encode a frame, within the limits that the server puts on it. One frame beyond them would cost the whole
 * connection, and with it all other tasks.
 */
export function toSendable(frame: object): Sendable {
  let json;
  try {
    json = JSON.stringify(frame);
  } catch (error) {
    return { problem: `It is not JSON: ${(error as Error).message}` };
  }
  // A character takes at most three bytes, so that most frames need no count.
  const bytes = json.length * 3 <= frameBytesMax ? 0 : Buffer.byteLength(json);
  if (bytes > frameBytesMax)
    return { problem: `It makes a frame of ${bytes} bytes; ${frameBytesMax} is the most.` };
  const refused = inspectJson(frame);
  return refused ? { problem: refused.message } : { json };
}
