// Two servers over one real Redis, with workers on sockets: the rate of a key holds over both, and both tell why tasks wait.
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createClient, type Client } from "../../src/client/client.ts";
import { startServer, type Server } from "../../src/server.ts";
import type { WorkerOptions } from "../../worker/options.ts";
import { createWorker, type Worker } from "../../worker/worker.ts";
import { eventually } from "../support/eventually.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { work } from "../support/work-world.ts";

const clientToken = "client-token-of-the-tests";
const workerToken = "worker-token-of-the-tests";
const log = pino({ level: "silent" });
/** A node has said it, and the other has heard it. */
const patience = { timeoutMs: 30_000, intervalMs: 50 };

const rate = { count: 5, perMs: 600_000 };
const blueprints = [
  work("plain"),
  work("limited", { limit: { key: "l", concurrency: 1 } }),
  work("rated", { limit: { key: "r", rate } }),
];

let redis: RedisServer;
let stores = 0;
let nodes: readonly { readonly server: Server; readonly client: Client }[];
let workers: Worker[];
/** What workers have begun, by the input of the job, and how to let all of it end. */
let begun: unknown[];
let letGo: () => void;
let gate: Promise<void>;

beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(() => redis.close());

beforeEach(async () => {
  begun = [];
  workers = [];
  gate = new Promise((resolve) => (letGo = resolve));
  const prefix = `nodes${stores++}`;
  const deployment = { kind: "single", server: { host: "127.0.0.1", port: redis.port } } as const;
  const open = async (instanceId: string) => {
    const server = await startServer({
      dataDirectory: "./unused",
      redis: { deployment, access: {}, prefix, replicas: 0 },
      blueprints,
      clientToken,
      workerToken,
      instanceId,
      log,
    });
    return { server, client: createClient({ url: server.url, token: clientToken }) };
  };
  nodes = [await open("a"), await open("b")];
});
afterEach(async () => {
  letGo();
  await Promise.all(workers.map((worker) => worker.stop({ graceMs: 2_000 })));
  await Promise.all(nodes.map(({ server }) => server.close(200)));
});

/** Connect a worker to a node; resolves when all nodes know of it. */
async function connect(node: number, id: string, options: WorkerOptions = {}): Promise<void> {
  const { url } = nodes[node]!.server;
  const worker = createWorker({ url, token: workerToken, id, log, ...options });
  worker.task("work", async (params) => {
    begun.push(params);
    await gate;
    return {};
  });
  workers.push(worker);
  await worker.start();
  await known(id);
}

function known(id: string): Promise<unknown> {
  const isKnown = ({ server }: (typeof nodes)[number]) =>
    server.runtime.workers.list().some(({ workerId }) => workerId === id);
  return eventually(() => nodes.every(isKnown), patience);
}

const start = (blueprint: string, n: number, node = 0) =>
  nodes[node]!.client.start(blueprint, { n });

/** Resolves when every node says that of the only queue, and of a job that waits in it. */
async function told(jobId: string, queue: { readonly waiting: number; readonly why: object }) {
  await Promise.all(
    nodes.map(({ client }) =>
      eventually(async () => {
        expect((await client.queues()).queues).toMatchObject([queue]);
        expect(await client.get(jobId)).toMatchObject({ waits: [{ why: queue.why }] });
        return true;
      }, patience),
    ),
  );
}

describe("why a task waits is told at both nodes, though its workers are at one", () => {
  test("where none is connected, and where the one that is takes no more of its type", async () => {
    const { job_id } = await start("plain", 1);
    await told(job_id, { waiting: 1, why: { code: "no_worker" } });
    await connect(1, "w", { maxConcurrentTasks: 5, taskTypeLimits: { work: 1 } });
    await eventually(() => begun.length === 1, patience);
    const second = await start("plain", 2);
    const why = {
      code: "type_limit",
      reason: "The one worker that may do it takes no more tasks of its type now.",
    };
    await told(second.job_id, { waiting: 1, why });
  });

  test("where the one that is connected is busy", async () => {
    await connect(1, "w", { maxConcurrentTasks: 1 });
    await start("plain", 1);
    await eventually(() => begun.length === 1, patience);
    const { job_id } = await start("plain", 2);
    await told(job_id, { waiting: 1, why: { code: "busy" } });
  });

  test("where a Python worker does not poll", async () => {
    const answer = await fetch(`${nodes[1]!.server.url}/_worker/workers/register`, {
      method: "POST",
      headers: { "x-worker-token": workerToken, "content-type": "application/json" },
      body: JSON.stringify({ worker_id: "python", worker_type: "x", supported_tasks: ["work"] }),
    });
    expect(answer.status).toBe(200);
    await known("python");
    const { job_id } = await start("plain", 1);
    await told(job_id, { waiting: 1, why: { code: "not_asking" } });
  });

  test("where as many of its key run as may", async () => {
    await connect(1, "w");
    await start("limited", 1);
    await eventually(() => begun.length === 1, patience);
    const { job_id } = await start("limited", 2);
    await told(job_id, { waiting: 1, why: { code: "limit" } });
  });
});

test("as many tasks of a key begin at both nodes together as its rate says", async () => {
  await connect(0, "w0");
  await connect(1, "w1");
  for (let n = 0; n < 14; n++) await start("rated", n, n % 2);
  const { job_id } = await start("rated", 14);
  const reason = `As many tasks of the key "r" have begun as may: 5 within 600000 ms, shared by 2 nodes.`;
  await told(job_id, { waiting: 10, why: { code: "rate", reason } });
  await eventually(() => begun.length === rate.count, patience);
  letGo();
  // Their slots are free again, and still nothing more begins.
  await eventually(
    () => nodes.every(({ server }) => server.runtime.workers.list().every((one) => !one.running)),
    patience,
  );
  await told(job_id, { waiting: 10, why: { code: "rate" } });
  expect(begun).toHaveLength(rate.count);
});
