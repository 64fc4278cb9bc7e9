// Sockets of clients: many requests of the HTTP contract at once over one connection, answered as each is ready.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type ServerOptions, type WebSocket } from "ws";
import type { Clock } from "../clock.ts";
import { RuntimeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import {
  clientCallsMax,
  clientMessageBytesMax,
  clientPath,
  clientSubprotocol,
  decodeClientMessage,
  type BadCall,
  type ClientCall,
  type ClientFrame,
} from "../protocol/client-frames.ts";
import { closeCodes } from "../protocol/worker-frames.ts";
import { FrameSocket } from "../socket/frame-socket.ts";
import {
  hasTokenInQuery,
  offeredSubprotocols,
  refuseUpgrade,
  type Refusal,
} from "../socket/upgrade-request.ts";
import { failure, problem, type JsonAnswer } from "./answer.ts";
import type { AppOptions } from "./app-options.ts";
import type { Authentication } from "./auth.ts";
import type { Reply } from "./operation.ts";
import type { Routes } from "./routes.ts";

export interface ClientSockets {
  /**
   * Take an `upgrade` of the HTTP server.
   *
   * @returns false where the request is not for the path of clients; it is still the caller's then.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Take no new requests, answer those that are under way, for `graceMs` at most, and hang up. */
  close(graceMs: number): Promise<void>;
}

const limits = {
  bufferedBytesMax: 16 * 1024 * 1024,
  slowConsumerMs: 30_000,
  closeMs: 1_000,
  pingMs: 15_000,
  pingsMissedMax: 3,
};
const serverOptions: ServerOptions = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: clientMessageBytesMax,
  handleProtocols: () => clientSubprotocol,
};

/** The sockets' side of the same routes that HTTP has. */
export function createClientSockets(
  routes: Routes,
  {
    authenticate,
    clock,
    log,
    stopping,
  }: Pick<AppOptions, "authenticate" | "clock" | "log" | "stopping">,
): ClientSockets {
  const server = new WebSocketServer(serverOptions);
  const open = new Set<ClientSocket>();

  return {
    handleUpgrade(request, socket, head) {
      if (request.url?.split("?", 1)[0] !== clientPath) return false;
      const authentication = authenticate((name) => {
        const value = request.headers[name];
        return typeof value === "string" ? value : undefined;
      });
      const refusal = stopping.aborted
        ? ({ code: "server.stopping", message: "The server is stopping." } as const)
        : refusalOf(request, authentication);
      if (refusal || authentication.outcome !== "ok") {
        refuseUpgrade(socket, refusal!);
        return true;
      }
      server.handleUpgrade(request, socket, head, (webSocket) => {
        const { client } = authentication;
        const one = new ClientSocket(webSocket, { routes, clock, log, client });
        open.add(one);
        void one.closed.then(() => open.delete(one));
      });
      return true;
    },

    async close(graceMs) {
      const all = [...open];
      for (const one of all) one.drain();
      const cut = clock.schedule(graceMs, () => {
        for (const one of all) one.hangUp();
      });
      await Promise.all(all.map(({ closed }) => closed));
      cut.cancel();
    },
  };
}

function refusalOf(
  { headers, url }: IncomingMessage,
  { outcome }: Authentication,
): Refusal | undefined {
  // A browser always says where its page is from, so a page can't use a token it lured out.
  if (headers.origin !== undefined)
    return {
      code: "auth.origin_refused",
      message: "Programs connect without an Origin header; browsers use HTTP.",
    };
  if (hasTokenInQuery(url ?? ""))
    return {
      code: "auth.token_in_url",
      message:
        "Send the token in the Authorization or X-Avtomatika-Token header: URLs end up in logs.",
    };
  if (outcome === "missing")
    return { code: "auth.missing_token", message: "Missing X-Avtomatika-Token header" };
  if (outcome === "invalid")
    return { code: "auth.invalid_token", message: "Unauthorized: Invalid token" };
  if (!offeredSubprotocols(headers).includes(clientSubprotocol))
    return {
      code: "protocol.subprotocol_required",
      message: `Ask for the WebSocket subprotocol "${clientSubprotocol}" (Sec-WebSocket-Protocol).`,
    };
  return undefined;
}

interface Open {
  readonly call: ClientCall;
  /** Called when it has been answered or its client has gone. */
  readonly listeners: (() => void)[];
}

interface ClientSocketOptions {
  readonly routes: Routes;
  readonly clock: Clock;
  readonly log: Logger;
  /** The name of the token, where it has one. */
  readonly client: string | undefined;
}

class ClientSocket {
  readonly #options: ClientSocketOptions;
  readonly #socket: FrameSocket<ClientFrame>;
  /** The requests under way, by their ids. */
  readonly #calls = new Map<number, Open>();
  #draining = false;

  constructor(webSocket: WebSocket, options: ClientSocketOptions) {
    this.#options = options;
    this.#socket = new FrameSocket(webSocket, options.clock, limits, {
      decode: decodeClientMessage,
      onFrame: (frame) => this.#take(frame),
      // Whoever does not read its answers is asked for nothing more until it has caught up.
      onSlow: (slow) => (slow ? webSocket.pause() : webSocket.resume()),
      onEnd: () => {
        for (const callId of this.#calls.keys()) this.#end(callId);
      },
    });
    this.#socket.watch(limits.pingMs, limits.pingsMissedMax);
  }

  get closed(): Promise<void> {
    return this.#socket.closed;
  }

  /** Hang up as soon as all has been answered. */
  drain(): void {
    this.#draining = true;
    if (this.#calls.size === 0) this.hangUp();
  }

  hangUp(): void {
    this.#socket.close(closeCodes.draining, "the server is stopping");
  }

  #take(frame: ClientFrame): void {
    if (frame.type === "abandon") {
      this.#end(frame.id);
      return;
    }
    if (this.#calls.has(frame.id)) {
      this.#socket.fail("protocol.frame_invalid", `Request ${frame.id} is under way already.`);
      return;
    }
    const refusal = frame.type === "bad" ? problem(frame.code, frame.message) : this.#refusal();
    if (refusal) this.#send(frame, refusal);
    else if (frame.type === "call") this.#call(frame);
  }

  /** Why nothing more is taken now. */
  #refusal(): JsonAnswer | undefined {
    if (this.#draining) return problem("server.stopping", "The server is stopping.");
    if (this.#calls.size < clientCallsMax) return undefined;
    const message = `This connection has ${clientCallsMax} requests under way already.`;
    return problem("server.busy", message, { headers: { "retry-after": "1" } });
  }

  #call(call: ClientCall): void {
    const open: Open = { call, listeners: [] };
    this.#calls.set(call.id, open);
    let reply: Reply | Promise<Reply>;
    try {
      reply = this.#perform(open);
    } catch (error) {
      this.#answer(open, this.#failure(call, error));
      return;
    }
    if (!(reply instanceof Promise)) this.#answer(open, reply);
    else
      reply.then(
        (answer) => this.#answer(open, answer),
        (error: unknown) => this.#answer(open, this.#failure(call, error)),
      );
  }

  #perform(open: Open): Reply | Promise<Reply> {
    const { routes, client } = this.#options;
    const { id, method, path: target, headers = {}, body } = open.call;
    const path = pathOf(target);
    const found = routes.find(method, path);
    if (!found) return routes.nothingAt(method, path);
    const { route, params } = found;
    if (route.operation.answers[200]?.contentType === "text/event-stream")
      return problem("request.streams", `${method} ${path} streams: ask for it over HTTP.`);
    return route.perform({
      client,
      params,
      // Of a name that comes twice the first one counts, as over HTTP.
      query: () =>
        Object.fromEntries([...new URLSearchParams(target.slice(path.length))].toReversed()),
      header: (name) => (Object.hasOwn(headers, name) ? headers[name]?.trim() : undefined),
      body(mayBeEmpty) {
        if (body !== undefined || mayBeEmpty) return body;
        throw new RuntimeError("request.invalid_json", "Invalid JSON body: there is none");
      },
      onClientGone: (listener) => {
        if (this.#calls.get(id) === open) open.listeners.push(listener);
        else listener();
      },
    });
  }

  #answer(open: Open, reply: Reply): void {
    const { call } = open;
    // It may have been abandoned, and its id given to another one.
    if (this.#calls.get(call.id) !== open) return;
    if (!(reply instanceof Response)) {
      this.#send(call, reply);
      this.#end(call.id);
      return;
    }
    // The few that are text or a picture.
    const { status, headers } = reply;
    const contentType = headers.get("content-type") ?? "text/plain";
    reply.text().then(
      (body) => this.#answer(open, { status, body, headers: { "content-type": contentType } }),
      (error: unknown) => this.#answer(open, this.#failure(call, error)),
    );
  }

  #failure({ method, path }: ClientCall, error: unknown): JsonAnswer {
    return failure(error, this.#options.log, { method, path: pathOf(path) });
  }

  #send(frame: ClientCall | BadCall, answer: JsonAnswer): void {
    const encode = ({ status, body, headers }: JsonAnswer): string =>
      JSON.stringify({ type: "answer", id: frame.id, status, ...(headers && { headers }), body });
    let text: string;
    try {
      text = encode(answer);
    } catch (error) {
      // What can't be written is this server's mistake, and no end of it.
      text = encode(failure(error, this.#options.log, { id: frame.id }));
    }
    this.#socket.sendEncoded(text);
  }

  /** A request is not under way any more. */
  #end(callId: number): void {
    const open = this.#calls.get(callId);
    if (!open) return;
    this.#calls.delete(callId);
    for (const listener of open.listeners) listener();
    if (this.#draining && this.#calls.size === 0) this.hangUp();
  }
}

/** Without the query, which may have anything in it. */
const pathOf = (target: string): string => target.split("?", 1)[0]!;
