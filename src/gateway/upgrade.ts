// Decides, before any WebSocket exists, whether a request may become a worker's connection, and answers refusals.
import { STATUS_CODES, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { errorCodes, type ErrorCode } from "../errors.ts";
import { workerPath, workerSubprotocol } from "../protocol/worker-frames.ts";

/** Whether the token in the headers is a worker's. */
export type Authenticate = (headers: IncomingHttpHeaders) => {
  readonly outcome: "ok" | "missing" | "invalid";
};

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Whether the request is for the worker path, with or without a query. */
export function isForWorkers(request: IncomingMessage): boolean {
  return request.url?.split("?", 1)[0] === workerPath;
}

/** Why the request must not be upgraded, or undefined where it may be. */
export function refusalOf(
  request: IncomingMessage,
  authenticate: Authenticate,
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
  const { outcome } = authenticate(headers);
  if (outcome === "missing")
    return {
      code: "auth.missing_token",
      message: "Missing worker token: send it as `Authorization: Bearer …` or `X-Worker-Token: …`.",
    };
  if (outcome === "invalid")
    return { code: "auth.invalid_token", message: "Unauthorized: Invalid token" };
  if (!offeredSubprotocols(headers).includes(workerSubprotocol))
    return {
      code: "protocol.subprotocol_required",
      message: `Ask for the WebSocket subprotocol "${workerSubprotocol}" (Sec-WebSocket-Protocol).`,
    };
  return undefined;
}

function hasTokenInQuery(url: string): boolean {
  const query = url.split("?").slice(1).join("?");
  return [...new URLSearchParams(query).keys()].some((key) => /token|authorization/i.test(key));
}

function offeredSubprotocols(headers: IncomingHttpHeaders): readonly string[] {
  return (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
}

/** Answer an upgrade request with an error instead, as the HTTP API words its errors, and hang up. */
export function refuseUpgrade(socket: Duplex, { code, message }: Refusal): void {
  const { status } = errorCodes[code];
  const body = JSON.stringify({ error: message, code });
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Error"}`,
    "Connection: close",
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(status === 426 ? ["Upgrade: websocket"] : []),
  ];
  // The requester may have hung up already; there is nobody left to tell.
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  socket.end(`${headers.join("\r\n")}\r\n\r\n${body}`);
}
