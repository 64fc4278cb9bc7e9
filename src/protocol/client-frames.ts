// What programs and servers say to each other over a client's socket: requests of the HTTP contract and their answers.
import { z } from "zod";
import { inspectJson } from "./json.ts";
import { requestBytesMax } from "./contract.ts";
import { decodeFrames, invalid, type Decoded } from "./message.ts";

/** Where clients open their socket, and the subprotocol that they ask for. */
export const clientPath = "/api/ws";
export const clientSubprotocol = "avtomatika.client.v1";
/** The largest message in bytes: a request with the largest body, and what is around it. */
export const clientMessageBytesMax = requestBytesMax + 64 * 1024;
/** The most requests of one socket that are under way at once. */
export const clientCallsMax = 1024;

const id = z.int().nonnegative().describe("Chosen by the client; names the request in its answer.");

/** A request: what an operation of the HTTP contract is asked with. */
export const ClientCall = z.object({
  type: z.literal("call"),
  id,
  method: z.enum(["GET", "POST"]),
  path: z.string().startsWith("/").max(4096).describe("With its query, as over HTTP."),
  headers: z.record(z.string().max(64), z.string().max(1024)).optional(),
  body: z.unknown().optional(),
});
export type ClientCall = z.infer<typeof ClientCall>;

/** Nobody waits for the answer any more: what is only waited for ends, what is being done is done. */
export const ClientAbandon = z.object({ type: z.literal("abandon"), id });
export type ClientAbandon = z.infer<typeof ClientAbandon>;

/** The answer to a request. Failures have a `Problem` as their body. */
export const ServerAnswer = z.object({
  type: z.literal("answer"),
  id,
  status: z.int(),
  headers: z.record(z.string(), z.string()).optional(),
  body: z.unknown(),
});
export type ServerAnswer = z.infer<typeof ServerAnswer>;

/** A request that is none, though its id can be read. */
export interface BadCall {
  readonly type: "bad";
  readonly id: number;
  readonly code: "request.invalid" | "request.invalid_json" | "request.body_too_large";
  readonly message: string;
}
export type ClientFrame = ClientCall | ClientAbandon | BadCall;

/**
 * Read a message of a client: one frame or an array of them. What is wrong with a single request is told with its id;
 * where there is none, the message as a whole has a problem.
 */
export function decodeClientMessage(text: string): Decoded<ClientFrame>[] {
  // Most messages are too short for any body in them to be too large.
  const measure = text.length * 3 > requestBytesMax;
  return decodeFrames(text, (value) => decodeFrame(value, measure));
}

function decodeFrame(value: unknown, measure: boolean): Decoded<ClientFrame> {
  const { type, id: named } = isObject(value) ? value : {};
  if (type === "abandon") {
    const abandon = ClientAbandon.safeParse(value);
    return abandon.success ? { frame: abandon.data } : invalid("abandon: id: a whole number");
  }
  if (type !== "call") return invalid('A frame is an object with the `type` "call" or "abandon".');
  const call = ClientCall.safeParse(value);
  if (call.success) {
    const { id: callId, body } = call.data;
    const refused = inspectJson(body);
    if (refused)
      return bad(callId, "request.invalid_json", `Invalid JSON body: ${refused.message}`);
    if (measure && bytesOf(JSON.stringify(body) ?? "") > requestBytesMax)
      return bad(
        callId,
        "request.body_too_large",
        `The body is larger than ${requestBytesMax} bytes.`,
      );
    return { frame: call.data };
  }
  const [issue] = call.error.issues;
  const message = `call: ${issue?.path.map(String).join(".")}: ${issue?.message}`;
  const isNamed = typeof named === "number" && Number.isSafeInteger(named) && named >= 0;
  return isNamed ? bad(named, "request.invalid", message) : invalid(message);
}

function bad(named: number, code: BadCall["code"], message: string): Decoded<ClientFrame> {
  return { frame: { type: "bad", id: named, code, message } };
}

/** How many bytes a text takes on the wire. */
const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
