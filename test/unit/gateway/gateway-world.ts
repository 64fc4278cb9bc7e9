// A gateway on a real port, and bare WebSockets that speak to it.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { pino } from "pino";
import { WebSocket, type ClientOptions } from "ws";
import { createGateway, type GatewayLimits } from "../../../src/gateway/gateway.ts";
import type { ServerFrame } from "../../../src/protocol/worker-frames.ts";
import { workerPath, workerSubprotocol } from "../../../src/protocol/worker-frames.ts";
import { WorkerTokens } from "../../../src/gateway/worker-tokens.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { eventually } from "../../support/eventually.ts";
import { RecordingWorkers } from "./recording-workers.ts";

export const token = "a-worker-token";

export async function openGateway(
  limits: Partial<GatewayLimits> = {},
  tokens: WorkerTokens = new WorkerTokens(token),
) {
  const workers = new RecordingWorkers();
  const clock = new FakeClock();
  const logged: string[] = [];
  const gateway = createGateway({
    workers,
    tokens,
    clock,
    log: pino({ level: "info" }, { write: (line) => void logged.push(line) }),
    limits,
    random: () => 0.5,
  });
  const server = createServer((request, response) => {
    if (!gateway.handleRequest(request, response)) response.writeHead(404).end();
  });
  server.on("upgrade", (request, socket, head) => {
    if (!gateway.handleUpgrade(request, socket, head))
      socket.end("HTTP/1.1 418 I'm a teapot\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const peers: Peer[] = [];
  const sockets = new Set<Socket>();
  let upgrades = 0;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.prependListener("upgrade", () => upgrades++);
  return {
    clock,
    gateway,
    workers,
    /** What is in the log, as JSON. */
    logged,
    url: `http://127.0.0.1:${port}`,
    /** Open a WebSocket, as a worker would unless told otherwise. */
    async connect(): Promise<Peer> {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${workerPath}`, [workerSubprotocol], {
        headers: { authorization: `Bearer ${token}` },
      });
      const peer = new Peer(socket);
      peers.push(peer);
      await once(socket, "open");
      return peer;
    },
    /** Open a WebSocket and introduce a worker over it. */
    async welcomed(hello: object = {}): Promise<Peer> {
      const peer = await this.connect();
      peer.send({ ...plainHello, ...hello });
      await peer.next("welcome");
      return peer;
    },
    /** What the server answers to an upgrade that it refuses. */
    async refusal(
      options: ClientOptions,
      { path = workerPath, subprotocols = [workerSubprotocol] } = {},
    ) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, subprotocols, options);
      socket.on("error", () => undefined);
      const [, response] = await once(socket, "unexpected-response");
      let body = "";
      for await (const chunk of response) body += String(chunk);
      return { status: response.statusCode as number, body };
    },
    /** How many upgrades were asked for. */
    upgrades: () => upgrades,
    /** Break all connections, as a network that fails does. */
    drop: () => sockets.forEach((socket) => socket.destroy()),
    /** Neither hear nor answer on the connections that are there, as a machine that is gone does. */
    mute: () => sockets.forEach((socket) => socket.pause()),
    unmute: () => sockets.forEach((socket) => socket.resume()),
    async close(): Promise<void> {
      for (const { socket } of peers) socket.terminate();
      await gateway.close(0);
      server.close();
    },
  };
}

export const plainHello = {
  type: "hello",
  protocols: [1],
  worker_id: "w1",
  instance_id: "i1",
  types: [{ type: "echo" }],
  credits: 4,
};

/** The far end of a connection, as a worker in any language would have it. */
export class Peer {
  readonly socket: WebSocket;
  readonly messages: string[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #frames: ServerFrame[] = [];

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) =>
      socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() })),
    );
    socket.on("message", (data) => {
      const text = (data as Buffer).toString();
      this.messages.push(text);
      const value = JSON.parse(text) as ServerFrame | ServerFrame[];
      this.#frames.push(...(Array.isArray(value) ? value : [value]));
    });
  }

  send(value: object): void {
    this.socket.send(JSON.stringify(value));
  }

  /** Take the next frame of a type, waiting for it. */
  next<Type extends ServerFrame["type"]>(
    type: Type,
  ): Promise<Extract<ServerFrame, { type: Type }>> {
    return eventually(() => {
      const index = this.#frames.findIndex((frame) => frame.type === type);
      if (index < 0) return undefined;
      return this.#frames.splice(index, 1)[0] as Extract<ServerFrame, { type: Type }>;
    }) as Promise<Extract<ServerFrame, { type: Type }>>;
  }

  /** How many frames of a type have come and were not taken. */
  count(type: ServerFrame["type"]): number {
    return this.#frames.filter((frame) => frame.type === type).length;
  }
}
