// The older dialect over a real runtime: a reference store, a real port, and callers that speak bare HTTP.
import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { WebSocket } from "ws";
import type { Clock } from "../../../src/clock.ts";
import { createGateway, type GatewayLimits } from "../../../src/gateway/gateway.ts";
import { WorkerTokens } from "../../../src/gateway/worker-tokens.ts";
import type { JobView } from "../../../src/runtime/runtime.ts";
import type { WorkerSession } from "../../../src/runtime/worker-pool.ts";
import type { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { echoFlow } from "../../support/sample-blueprints.ts";

export const token = "worker-token-of-the-tests";

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

export interface OlderWorldOptions {
  readonly limits?: Partial<GatewayLimits>;
  readonly tokens?: WorkerTokens;
  readonly clock?: FakeClock;
  /** Continues an earlier world's store, as a restarted server does. */
  readonly store?: MemoryStore;
  readonly port?: number;
  /** One of several nodes over a shared store. */
  readonly nodeId?: string;
  /** What the edges of nodes tell each other does not arrive. */
  readonly areHintsLost?: boolean;
}

export async function openOlderWorld(options: OlderWorldOptions = {}) {
  const { tokens = new WorkerTokens(token), clock = new FakeClock(), store, nodeId } = options;
  // These tests are about leases: a task may run for as long as it is held.
  const limits = { runTimeoutMs: 24 * 3600 * 1000 };
  const world = await openWorld([echoFlow], {
    clock,
    limits,
    ...(store && { store }),
    ...(nodeId !== undefined && { nodeId }),
  });
  const logged: string[] = [];
  const log = pino({ level: "info" }, { write: (line) => void logged.push(line) });
  const sessions = new Map<string, WorkerSession>();
  const { workers, jobs } = world.runtime;
  const connect = workers.connect.bind(workers);
  workers.connect = (session, introduction) => {
    sessions.set(session.workerId, session);
    return connect(session, introduction);
  };
  const gateway = createGateway({
    workers: world.runtime.workers,
    ...(!options.areHintsLost && { relay: world.runtime.relay }),
    tokens,
    clock: clock as Clock,
    log,
    limits: options.limits ?? {},
  });
  const server = createServer((request, response) => {
    if (!gateway.handleRequest(request, response)) response.writeHead(404).end();
  });
  server.on("upgrade", (request, socket, head) => {
    if (!gateway.handleUpgrade(request, socket, head)) socket.destroy();
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = { "x-worker-token": token },
    localAddress = "127.0.0.1",
  ): Promise<Reply> => {
    const where = { port, host: "127.0.0.1", localAddress };
    const request = httpRequest({ ...where, method, path, headers });
    request.end(body === undefined || typeof body === "string" ? body : JSON.stringify(body));
    const [response] = await once(request, "response");
    let text = "";
    for await (const chunk of response) text += String(chunk);
    const isJson = String(response.headers["content-type"]).includes("json");
    const parsed = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: response.statusCode, headers: response.headers, text, body: parsed };
  };

  return {
    ...world,
    /** What the gateway has logged, as JSON. */
    logged,
    gateway,
    server,
    port,
    call,
    register: (workerId: string, more: object = {}) =>
      call("POST", "/_worker/workers/register", {
        ...sdkRegistration,
        worker_id: workerId,
        ...more,
      }),
    heartbeat: (
      workerId: string,
      body: object = { load: 0, status: "idle", supported_tasks: ["echo"], hot_cache: [] },
    ) => call("PATCH", `/_worker/workers/${workerId}`, body),
    /** A heartbeat of the process at an address of this machine, which says how many tasks it runs. */
    beat: (workerId: string, load: number, from?: string) => {
      const body = { load, status: "idle", supported_tasks: ["echo"], hot_cache: [] };
      return call("PATCH", `/_worker/workers/${workerId}`, body, undefined, from);
    },
    poll: (workerId: string, from?: string) =>
      call("GET", `/_worker/workers/${workerId}/tasks/next`, undefined, undefined, from),
    result: (workerId: string, task: Record<string, unknown>, result: unknown) =>
      call("POST", "/_worker/tasks/result", {
        job_id: task["job_id"],
        task_id: task["task_id"],
        worker_id: workerId,
        result,
      }),
    /** A poll whose connection the test can break. */
    breakablePoll(workerId: string) {
      const request = httpRequest({
        port,
        host: "127.0.0.1",
        path: `/_worker/workers/${workerId}/tasks/next`,
        headers: { "x-worker-token": token },
      });
      request.on("error", () => undefined);
      request.end();
      return request;
    },
    async startJob(input: unknown = { text: "hello" }): Promise<string> {
      return (await jobs.start({ blueprint: "echo_flow", input })).jobId;
    },
    async job(jobId: string): Promise<JobView> {
      return (await jobs.get(jobId))!;
    },
    /** Wait until so many requests of a worker for tasks are held. */
    asked: (workerId: string, count = 1) =>
      eventually(() => sessions.get(workerId)?.asking === count),
    async socket(path = "/_worker/ws", headers = { "x-worker-token": token }) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
      const received: Record<string, unknown>[] = [];
      socket.on("message", (data) =>
        received.push(JSON.parse((data as Buffer).toString()) as Record<string, unknown>),
      );
      socket.on("error", () => undefined);
      const closed = once(socket, "close").then(([code]) => code as number);
      await once(socket, "open");
      return { socket, received, closed };
    },
    async close(): Promise<void> {
      await gateway.close(0);
      server.closeAllConnections();
      server.close();
      await world.runtime.stop();
    },
  };
}

export type OlderWorld = Awaited<ReturnType<typeof openOlderWorld>>;

/** What the Python library says of itself. */
export const sdkRegistration = {
  worker_id: "w1",
  worker_type: "test-worker",
  supported_tasks: ["echo"],
  max_concurrent_tasks: 5,
  installed_models: [],
  hostname: "host",
  ip_address: "127.0.0.1",
  resources: { cpu_cores: 4, gpu_info: null },
};
