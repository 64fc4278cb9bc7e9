// A real server and a real worker in this process: embedded store in a temporary folder, sockets on loopback.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { loadBlueprints } from "../../src/blueprint/load.ts";
import { startServer, type Server, type ServerOptions } from "../../src/server.ts";
import { loadTasks } from "../../worker/load-tasks.ts";
import { createWorker, type Worker } from "../../worker/worker.ts";

export const clientToken = "client-token-of-the-tests";
export const workerToken = "worker-token-of-the-tests";

const root = join(import.meta.dirname, "../..");
const log = pino({ level: "silent" });

export interface LiveServer {
  readonly server: Server;
  readonly url: string;
  readonly worker: Worker;
  /** A folder of the test's own. */
  readonly directory: string;
  /** Call the API as a client: JSON in, JSON out. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Start a server with the blueprints of `machines/`, and a worker with the handlers of `worker/tasks/`. */
export async function startLiveServer(options: Partial<ServerOptions> = {}): Promise<LiveServer> {
  const directory = await mkdtemp(join(tmpdir(), "avtomatika-test-"));
  const blueprints = (await loadBlueprints(join(root, "machines"))).map((one) => one.blueprint);
  const server = await startServer({
    dataDirectory: join(directory, "data"),
    blueprints,
    clientToken,
    workerToken,
    log,
    ...options,
  });
  const { url } = server;
  const worker = createWorker({ url, token: workerToken, id: "test-worker", log });
  for (const task of await loadTasks([join(root, "worker/tasks")])) worker.task(task);
  await worker.start();
  return {
    server,
    url,
    worker,
    directory,
    async call(method, path, body, headers = {}) {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${clientToken}`,
          "content-type": "application/json",
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: answer.status, headers: answer.headers, body: await readBody(answer) };
    },
    async close() {
      await worker.stop({ graceMs: 1000 });
      await server.close(200);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function readBody(answer: Response): Promise<unknown> {
  const text = await answer.text();
  return answer.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
}
