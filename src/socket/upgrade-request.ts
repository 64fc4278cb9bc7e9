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
