// A client for programs that ask much: all its requests share one WebSocket.
import { clientOver, type Client, type ClientOptions } from "./client.ts";
import { createSocketRequester } from "./socket-requester.ts";

export interface ConnectedClient extends Client {
  /** Hang up, so that the process can end. What has not been answered by then fails with `server.unreachable`. */
  close(): void;
}

/**
 * Make a client as `createClient` does, whose requests travel together over one WebSocket (`docs/protocol.md`, "The
 * client's socket"): many at once cost much less than an HTTP request each. `watch` and `chart` go over HTTP.
 *
 * The connection is opened by the first request, and after a break by the next one. A request that was under way when
 * it broke fails with `server.unreachable`, and may have been done or not, as over HTTP: give starts an
 * `idempotencyKey` where they are to be tried again.
 *
 * @throws RuntimeError `config.invalid` where the url is not one of http or https.
 */
export function connectClient(options: Omit<ClientOptions, "fetch">): ConnectedClient {
  const requester = createSocketRequester(options);
  return { ...clientOver(requester), close: () => requester.close() };
}
