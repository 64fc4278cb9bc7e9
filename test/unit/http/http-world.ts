// The HTTP application over a real runtime, on time that tests move by hand and without a socket.
import { pino } from "pino";
import { assign, emit, setup } from "xstate";
import { z } from "zod";
import type { Hono } from "hono";
import { blueprint, type Blueprint } from "../../../src/blueprint/blueprint.ts";
import { contractOf } from "../../../src/blueprint/contract.ts";
import { BlueprintRegistry } from "../../../src/blueprint/registry.ts";
import { createApp } from "../../../src/http/app.ts";
import { createClientSockets, type ClientSockets } from "../../../src/http/client-socket.ts";
import { createRoutes } from "../../../src/http/routes.ts";
import { serve, type HttpServer } from "../../../src/http/serve.ts";
import type { AppOptions } from "../../../src/http/app-options.ts";
import { createAuthenticate } from "../../../src/http/auth.ts";
import { openWorld, type World } from "../../support/runtime-world.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";
import { testFlow } from "../../../machines/test-flow.ts";
import { testWorkflow } from "../../../machines/test-workflow.ts";

export const clientToken = "client-token-of-the-tests";
/** Of the client that is named `ops`. */
export const opsToken = "ops-token-of-the-tests";
export const workerToken = "worker-token-of-the-tests";

/** Native, without tasks: a door that is opened and closed, and locked for good. */
export const door = blueprint("door", {
  version: "2",
  apiVersion: "v2",
  endpoint: "/doors",
  input: z.object({ name: z.string() }),
  machine: setup({
    types: {
      context: {} as { name: string; opened: number },
      input: {} as { name: string },
      events: {} as { type: "OPEN" } | { type: "CLOSE" } | { type: "LOCK" },
      emitted: {} as { type: "creaked" },
    },
  }).createMachine({
    id: "door",
    context: ({ input }) => ({ name: input.name, opened: 0 }),
    initial: "closed",
    states: {
      closed: {
        on: {
          OPEN: {
            target: "open",
            actions: [
              assign({ opened: ({ context }) => context.opened + 1 }),
              emit({ type: "creaked" }),
            ],
          },
          LOCK: "locked",
        },
      },
      open: { on: { CLOSE: "closed" } },
      locked: { type: "final" },
    },
  }),
});

export interface HttpWorld extends World {
  readonly app: Hono;
  readonly stop: AbortController;
  /** What was logged, parsed. */
  readonly logged: readonly Readonly<Record<string, unknown>>[];
  readonly clientSockets: ClientSockets;
  /** Listen, for requests and for clients' sockets. */
  serve(): Promise<HttpServer>;
  /** Connect a worker for task types. */
  worker(workerId: string, ...types: string[]): Promise<ScriptedWorker>;
  /** Call as a client with the right token. A body that is a string is sent as it is. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed where it is JSON. */
  readonly body: unknown;
}

export async function openHttpWorld(
  options: Partial<AppOptions> = {},
  others: readonly Blueprint[] = [],
): Promise<HttpWorld> {
  const blueprints: Blueprint[] = [testWorkflow.build(), testFlow.build(), door, ...others];
  const world = await openWorld(blueprints);
  const registry = new BlueprintRegistry();
  for (const one of blueprints) registry.register(one);
  const stop = new AbortController();
  const logged: Record<string, unknown>[] = [];
  const appOptions: AppOptions = {
    jobs: world.runtime.jobs,
    past: world.runtime.past,
    versions: world.runtime.versions,
    workers: world.runtime.workers,
    queues: world.runtime.queues,
    quarantine: world.runtime.quarantine,
    blueprints: registry,
    contractOf: (name, version) => contractOf(registry.require(name, version)),
    charts: { render: (name, version, format) => `${format} of ${name} ${version}` },
    authenticate: createAuthenticate({ shared: clientToken, named: new Map([["ops", opsToken]]) }),
    clock: world.clock,
    log: pino({}, { write: (line) => void logged.push(JSON.parse(line)) }),
    instanceId: "node-1",
    unready: () => undefined,
    consoleDirectory: "/nowhere/console",
    stopping: stop.signal,
    ...options,
  };
  const routes = createRoutes(appOptions);
  const app = createApp(routes, appOptions);
  const clientSockets = createClientSockets(routes, appOptions);
  return {
    ...world,
    app,
    clientSockets,
    serve: () =>
      serve(app, {
        host: "127.0.0.1",
        port: 0,
        onUpgrade: (request, socket, head) => clientSockets.handleUpgrade(request, socket, head),
      }),
    stop,
    logged,
    async worker(workerId, ...types) {
      const worker = new ScriptedWorker(world.runtime.workers, workerId, types);
      await worker.connect();
      return worker;
    },
    async call(method, path, body, headers = {}) {
      const answer = await app.request(path, {
        method,
        headers: { "x-avtomatika-token": clientToken, ...headers },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      return readAnswer(answer);
    },
  };
}

/** The id of the job that an answer says was started. */
export function jobIdIn({ body }: Answer): string {
  return z.object({ job_id: z.string() }).parse(body).job_id;
}

export async function readAnswer(answer: Response): Promise<Answer> {
  const text = await answer.text();
  const isJson = answer.headers.get("content-type")?.includes("json") && text !== "";
  return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
}
