// Decides, before any WebSocket exists, whether a request may become a worker's connection, and answers refusals.
import type { IncomingMessage } from "node:http";
import { workerPath, workerSubprotocol } from "../protocol/worker-frames.ts";
import { hasTokenInQuery, offeredSubprotocols, type Refusal } from "../socket/upgrade-request.ts";
import type { Proof } from "./worker-tokens.ts";

/** A request for a worker's connection. */
export interface Asked {
  /** The older dialect asks for no subprotocol. */
  readonly dialect: "frames" | "older";
  /** The worker id in the path, which the older dialect may have there. */
  readonly workerId?: string;
}

/** What the request asks for, or undefined where it is not for workers. */
export function askedBy({ url, headers }: IncomingMessage): Asked | undefined {
  const path = url?.split("?", 1)[0] ?? "";
  if (path === workerPath)
    return { dialect: headers["sec-websocket-protocol"] === undefined ? "older" : "frames" };
  const [, id] = /^([^/]+)\/?$/.exec(path.slice(workerPath.length + 1)) ?? [];
  if (!path.startsWith(`${workerPath}/`) || id === undefined) return undefined;
  try {
    return { dialect: "older", workerId: decodeURIComponent(id) };
  } catch {
    return undefined;
  }
}

/** Why the request must not be upgraded, or undefined where it may be. */
export function refusalOf(
  request: IncomingMessage,
  { dialect, workerId }: Asked,
  proof: Proof,
): Refusal | undefined {
  const { headers } = request;
  // Workers are not browsers. A browser always says where its page is from, so a page can't use a token it lured out.
  if (headers.origin !== undefined)
    return {
      code: "auth.origin_refused",
      message: "Workers connect without an Origin header; browsers can't connect here.",
    };
  if (hasTokenInQuery(request.url ?? ""))
    return {
      code: "auth.token_in_url",
      message: "Send the token in the Authorization or X-Worker-Token header: URLs end up in logs.",
    };
  if (proof.outcome === "missing")
    return {
      code: "auth.missing_token",
      message: "Missing worker token: send it as `Authorization: Bearer …` or `X-Worker-Token: …`.",
    };
  const isGood = proof.outcome === "ok" && (workerId === undefined || proof.isFor(workerId));
  if (!isGood) return { code: "auth.invalid_token", message: "Unauthorized: Invalid token" };
  if (dialect === "frames" && !offeredSubprotocols(headers).includes(workerSubprotocol))
    return {
      code: "protocol.subprotocol_required",
      message: `Ask for the WebSocket subprotocol "${workerSubprotocol}" (Sec-WebSocket-Protocol).`,
    };
  return undefined;
}
