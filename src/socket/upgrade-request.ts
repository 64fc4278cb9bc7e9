// Requests for a WebSocket, before there is one: what they offer, and how they are refused.
import { STATUS_CODES, type IncomingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import { errorCodes, type ErrorCode } from "../errors.ts";

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** URLs end up in logs, so a token in one is refused. */
export function hasTokenInQuery(url: string): boolean {
  const query = url.split("?").slice(1).join("?");
  return [...new URLSearchParams(query).keys()].some((key) => /token|authorization/i.test(key));
}

export function offeredSubprotocols(headers: IncomingHttpHeaders): readonly string[] {
  return (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
}

/** A refusal as the HTTP API words its errors. The connection ends with it: who comes again may meet another server. */
export function refusalAnswer({ code, message }: Refusal) {
  const { status, retryable } = errorCodes[code];
  const body = JSON.stringify({ error: message, code });
  const headers = {
    Connection: "close",
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
    ...(status === 503 && retryable && { "Retry-After": 1 }),
    ...(status === 426 && { Upgrade: "websocket" }),
  };
  return { status, headers, body };
}

/** Answer an upgrade request with an error instead, and hang up. */
export function refuseUpgrade(socket: Duplex, refusal: Refusal): void {
  const { status, headers, body } = refusalAnswer(refusal);
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  // The requester may have hung up already; there is nobody left to tell.
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  socket.end(
    [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Error"}`, ...head, "", body].join("\r\n"),
  );
}
