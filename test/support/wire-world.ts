// A real runtime behind a real gateway on a real port, on virtual time; bare sockets and real workers that connect to it.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { pino, type Logger } from "pino";
import { WebSocket } from "ws";
import type { Blueprint } from "../../src/blueprint/blueprint.ts";
import { createGateway, type GatewayLimits } from "../../src/gateway/gateway.ts";
import { WorkerTokens } from "../../src/gateway/worker-tokens.ts";
import { workerPath, workerSubprotocol } from "../../src/protocol/worker-frames.ts";
import { createWorker, type Worker, type WorkerOptions } from "../../worker/index.ts";
import { Peer, plainHello } from "../unit/gateway/gateway-world.ts";
import { eventually } from "./eventually.ts";
import { FakeClock } from "./fake-clock.ts";
import { openWorld, type World } from "./runtime-world.ts";

export const token = "a-worker-token";
const silent = pino({ level: "silent" });

export interface WireOptions {
  readonly limits?: Partial<GatewayLimits>;
  readonly tokens?: WorkerTokens;
  readonly random?: () => number;
  /** What the gateway logs goes there. */
  readonly log?: Logger;
  /** A node's runtime, where not one of its own. */
  readonly world?: World;
}

export async function openWire(blueprints: readonly Blueprint[], options: WireOptions = {}) {
  const world = options.world ?? (await openWorld(blueprints));
  const { runtime, clock, store } = world;
  const tokens = options.tokens ?? new WorkerTokens(token);
  const { limits = {}, random = Math.random, log = silent } = options;
  const gateway = createGateway({ workers: runtime.workers, tokens, clock, log, limits, random });
  const sockets = new Set<Socket>();
  const workers: Worker[] = [];
  const workerClock = new FakeClock();
  let http: Server | undefined;
  let port = 0;
  let upgrades = 0;

  async function listen(): Promise<void> {
    http = createServer();
    http.on("connection", (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    http.on("upgrade", (request, socket, head) => {
      upgrades++;
      gateway.handleUpgrade(request, socket, head);
    });
    await once(http.listen(port, "127.0.0.1"), "listening");
    port = (http.address() as AddressInfo).port;
  }
  const drop = (): void => sockets.forEach((socket) => socket.destroy());
  /** No more connections: neither those that are there nor new ones. */
  async function deafen(): Promise<void> {
    const closed = once(http!, "close");
    http!.close();
    drop();
    await closed;
  }
  await listen();

  return {
    clock,
    store,
    runtime,
    gateway,
    /** The workers' clock; the server has its own. */
    workerClock,
    port: () => port,
    upgrades: () => upgrades,
    drop,
    deafen,
    listen,
    mute: () => sockets.forEach((socket) => socket.pause()),
    async connect(with_: { readonly token?: string } = {}): Promise<Peer> {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${workerPath}`, [workerSubprotocol], {
        headers: { authorization: `Bearer ${with_.token ?? token}` },
      });
      const peer = new Peer(socket);
      await once(socket, "open");
      return peer;
    },
    /** Introduce a worker over a bare socket. @returns it with its welcome */
    async welcomed(hello: object = {}) {
      const peer = await this.connect();
      peer.send({ ...plainHello, ...hello });
      return { peer, welcome: await peer.next("welcome") };
    },
    make(more: WorkerOptions = {}): Worker {
      const worker = createWorker({
        url: `http://127.0.0.1:${port}`,
        token,
        id: "w1",
        maxConcurrentTasks: 4,
        clock: workerClock,
        random: () => 0,
        log: silent,
        ...more,
      });
      workers.push(worker);
      return worker;
    },
    /** Start a job whose one task is an echo. */
    async start(input: unknown = { text: "x" }): Promise<string> {
      return (await runtime.jobs.start({ blueprint: "echo_flow", input })).jobId;
    },
    state: async (jobId: string) => (await runtime.jobs.get(jobId))?.currentState,
    /** Resolves once the job is in the state. */
    reaches: (jobId: string, state: string) =>
      eventually(async () => (await runtime.jobs.get(jobId))?.currentState === state),
    /** Let the workers' time go by until a condition holds. */
    async whileTimePasses(condition: () => boolean | Promise<boolean>): Promise<void> {
      await eventually(
        async () => {
          await workerClock.advance(10);
          return condition();
        },
        { timeoutMs: 20_000 },
      );
    },
    async close(): Promise<void> {
      for (const worker of workers) {
        const stopped = worker.stop({ graceMs: 0 }).catch(() => undefined);
        drop();
        await workerClock.advance(2_000);
        await stopped;
      }
      drop();
      const closed = gateway.close(0);
      await clock.advance(2_000);
      await closed;
      http?.close();
      await runtime.stop();
    },
  };
}
export type Wire = Awaited<ReturnType<typeof openWire>>;

/** What a worker says of a task that it has done. */
export const done = (ref: { task_id: string; attempt: number }, output: object = {}) => ({
  type: "result",
  outcome: "ok",
  task_id: ref.task_id,
  attempt: ref.attempt,
  output,
});
export const refOf = ({ task_id, attempt }: { task_id: string; attempt: number }) => ({
  task_id,
  attempt,
});
