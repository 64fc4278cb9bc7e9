// Python workers as they are, against a real server: jobs end, whatever is stopped, started, killed or late.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { flow } from "../../src/blueprint/flow.ts";
import { startServer, type Server, type ServerOptions } from "../../src/server.ts";
import { freePort } from "../support/cli-process.ts";
import { eventually } from "../support/eventually.ts";
import { noPython, startPythonWorker, type PythonWorker } from "../support/python-worker.ts";

const workerToken = "worker-token-of-the-tests";
const log = pino({ level: "silent" });

/** Runs one task of any type. */
const anyTask = flow("any_task", { version: "1" })
  .state("start", { isStart: true, to: ["completed", "failed"] }, (ctx) => {
    const { type, ...params } = ctx.initialData as { type: string };
    ctx.actions.dispatchTask({
      type,
      params,
      transitions: { success: "completed", failure: "failed" },
      retry: { initialMs: 100, maxAttempts: 4 },
    });
  })
  .build();

let directory: string;
let server: Server;
let port: number;
let workers: PythonWorker[] = [];

const start = async (options: Partial<ServerOptions> = {}): Promise<void> => {
  server = await startServer({
    port,
    dataDirectory: join(directory, "data"),
    blueprints: [anyTask],
    clientToken: "client-token-of-the-tests",
    workerToken,
    log,
    ...options,
  });
};
const worker = (env: Readonly<Record<string, string>> = {}): PythonWorker => {
  const one = startPythonWorker(`http://127.0.0.1:${port}`, workerToken, env);
  workers.push(one);
  return one;
};
const startJob = async (input: object) =>
  (await server.runtime.jobs.start({ blueprint: "any_task", input })).jobId;
const ended = (jobId: string) => server.runtime.jobs.wait(jobId, 30_000);
const running = (jobId: string) =>
  eventually(
    async () => {
      const [wait] = (await server.runtime.jobs.get(jobId))!.waits;
      return wait?.kind === "task" && wait.state === "leased" ? wait : undefined;
    },
    { timeoutMs: 20_000 },
  );

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "python-worker-"));
  port = await freePort();
});
afterEach(async () => {
  await Promise.all(workers.map((one) => one.kill()));
  workers = [];
  await server?.close(0);
  await rm(directory, { recursive: true, force: true });
});

if (noPython !== undefined) process.stderr.write(`skipped: tests of Python workers: ${noPython}\n`);

describe.skipIf(noPython !== undefined)("a Python worker", () => {
  test("does the jobs that it is given", async () => {
    await start();
    worker();
    const jobs = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        startJob({ type: "echo_task", message: "a", multiply: n + 1 }),
      ),
    );
    for (const [n, jobId] of jobs.entries())
      expect(await ended(jobId)).toMatchObject({
        currentState: "completed",
        data: { multiplied_by: n + 1 },
      });
  });

  test("that was started before its server gets to work once that is there", async () => {
    const early = worker();
    await eventually(() => early.log().includes("registration failed"));
    await start();
    const jobId = await startJob({ type: "echo_task", message: "a" });
    expect((await ended(jobId)).currentState).toBe("completed");
  });

  test("is back after a restart, and what it did meanwhile counts", async () => {
    await start();
    worker();
    const jobId = await startJob({ type: "pause", seconds: 2 });
    await running(jobId);
    await server.close(0);
    await start();
    expect(await ended(jobId)).toMatchObject({ currentState: "completed" });
    const next = await startJob({ type: "echo_task", message: "a" });
    expect((await ended(next)).currentState).toBe("completed");
  });

  test("22: that drops a result because the server is away too long is given the task again", async () => {
    await start({ workerTimeoutMs: 1_000, limits: { acceptMs: 500 } });
    const py = worker({ RESULT_MAX_RETRIES: "1" });
    const jobId = await startJob({ type: "pause", seconds: 0.5 });
    await running(jobId);
    await server.close(0);
    await eventually(() => py.log().includes("result dropped"), { timeoutMs: 10_000 });
    await start({ workerTimeoutMs: 1_000, limits: { acceptMs: 500 } });
    expect((await ended(jobId)).currentState).toBe("completed");
  });

  test("that is killed loses its task to another one", async () => {
    await start({ workerTimeoutMs: 1_500, limits: { acceptMs: 500 } });
    const first = worker({ WORKER_ID: "first" });
    const jobId = await startJob({ type: "pause", seconds: 1 });
    expect((await running(jobId)).workerId).toBe("first");
    await first.kill();
    const second = worker({ WORKER_ID: "second" });
    expect(await ended(jobId)).toMatchObject({
      currentState: "completed",
      data: { pid: second.child.pid },
    });
  });

  test("23: that is interrupted gives its task back at once", async () => {
    await start();
    const first = worker({ WORKER_ID: "first" });
    const jobId = await startJob({ type: "pause", seconds: 3 });
    const { taskId } = await running(jobId);
    // While an answer is being read, asyncio's `wait_for` swallows the interruption, and the worker goes on.
    await eventually(() => first.log().includes(`took ${taskId}`));
    const second = worker({ WORKER_ID: "second" });
    const interrupted = performance.now();
    await first.kill("SIGINT");
    expect(await ended(jobId)).toMatchObject({
      currentState: "completed",
      data: { pid: second.child.pid },
    });
    // One second's rest, and the three that it takes; a lease would take five minutes.
    expect(performance.now() - interrupted).toBeLessThan(15_000);
  });

  test("may hold up its own heartbeats for longer than a socket may be silent", async () => {
    await start({ workerTimeoutMs: 20_000, gatewayLimits: { heartbeatMs: 300, olderPingMs: 200 } });
    worker();
    const jobId = await startJob({ type: "block", seconds: 3 });
    const { attempt } = await running(jobId);
    expect(await ended(jobId)).toMatchObject({ currentState: "completed" });
    expect(attempt).toBe(1);
  });

  test("keeps a task for longer than a lease, as long as it says that it runs it", async () => {
    await start({ workerTimeoutMs: 1_500, limits: { acceptMs: 100 } });
    worker();
    const jobId = await startJob({ type: "pause", seconds: 4 });
    const { taskId } = await running(jobId);
    await eventually(
      async () => {
        const task = (await server.runtime.jobs.get(jobId))!.waits[0];
        if (task?.kind === "task") expect(task).toMatchObject({ attempt: 1, taskId });
        return task === undefined;
      },
      { timeoutMs: 20_000, intervalMs: 50 },
    );
    expect((await ended(jobId)).currentState).toBe("completed");
  });

  test("is given a failed task again, after a pause", async () => {
    await start();
    worker();
    const jobId = await startJob({ type: "flaky", calls: 3 });
    expect(await ended(jobId)).toMatchObject({ currentState: "completed", data: { calls: 3 } });
  });

  test("hears of a cancellation in less than a second, and tells how far it is", async () => {
    await start();
    worker({ WORKER_ENABLE_WEBSOCKETS: "true" });
    const jobId = await startJob({ type: "pause", seconds: 30 });
    await running(jobId);
    await eventually(
      async () => {
        const [wait] = (await server.runtime.jobs.get(jobId))!.waits;
        return (
          wait?.kind === "task" &&
          (wait.progress?.ratio ?? 0) > 0 &&
          wait.progress?.message === "pausing"
        );
      },
      { timeoutMs: 10_000 },
    );
    await server.runtime.jobs.cancel(jobId, "not wanted");
    const cancelled = performance.now();
    // Its slot is counted until it has answered.
    await eventually(() => server.runtime.workers.list().every((one) => one.running === 0));
    expect(performance.now() - cancelled).toBeLessThan(1_000);
  });

  test("shares its id with others, and all of them get work", async () => {
    await start();
    const replicas = [1, 2, 3].map(() =>
      worker({ WORKER_ID: "shared", MAX_CONCURRENT_TASKS: "1" }),
    );
    await eventually(() => replicas.every((one) => one.log().includes("answered with 200")), {
      timeoutMs: 10_000,
    });
    const jobs = await Promise.all(
      Array.from({ length: 9 }, () => startJob({ type: "pause", seconds: 0.5 })),
    );
    const pids = new Set<unknown>();
    for (const jobId of jobs) {
      const job = await ended(jobId);
      expect(job.currentState).toBe("completed");
      pids.add((job.data as { pid: number }).pid);
    }
    expect(pids).toEqual(new Set(replicas.map(({ child }) => child.pid)));
  });
});

describe.skipIf(noPython !== undefined)("the Python worker of these tests", () => {
  test("writes what the library writes, to the byte", async () => {
    const received: string[] = [];
    const listener = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        const text = chunk.toString();
        received.push(text);
        const isResult = text.includes("/tasks/result");
        const body = text.startsWith("GET")
          ? '{"job_id": "j", "task_id": "j:1", "type": "nothing", "params": {}}'
          : "{}";
        // One task, and then no more.
        if (!text.startsWith("GET") || received.filter((one) => one.startsWith("GET")).length === 1)
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        if (isResult) socket.end();
      });
    }).listen(0, "127.0.0.1");
    await once(listener, "listening");
    port = (listener.address() as AddressInfo).port;
    await start({ port: 0 });
    worker({ WORKER_ID: "w1", HEARTBEAT_INTERVAL: "15" });
    await eventually(() => received.some((one) => one.includes("/tasks/result")), {
      timeoutMs: 10_000,
    });
    listener.close();
    const head = (line: string) =>
      `${line} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-Worker-Token: ${workerToken}\r\nAccept: */*\r\n` +
      "Accept-Encoding: gzip, deflate\r\nUser-Agent: Python/3.11 aiohttp/3.8.4\r\n";
    const json = (body: string) =>
      `Content-Length: ${body.length}\r\nContent-Type: application/json\r\n\r\n${body}`;
    const find = (part: string) => received.find((one) => one.includes(part));
    const types = '["echo_task", "pause", "block", "flaky"]';
    expect(find("register")).toBe(
      head("POST /_worker/workers/register") +
        json(
          `{"worker_id": "w1", "worker_type": "generic-worker", "supported_tasks": ${types}, "max_concurrent_tasks": 10, ` +
            '"installed_models": [], "hostname": "host", "ip_address": "127.0.0.1", "resources": {"cpu_cores": 4, "gpu_info": null}}',
        ),
    );
    expect(find("PATCH")).toBe(
      head("PATCH /_worker/workers/w1") +
        json(`{"load": 0, "status": "idle", "supported_tasks": ${types}, "hot_cache": []}`),
    );
    expect(find("GET")).toBe(`${head("GET /_worker/workers/w1/tasks/next")}\r\n`);
    expect(find("/tasks/result")).toBe(
      head("POST /_worker/tasks/result") +
        json(
          '{"job_id": "j", "task_id": "j:1", "worker_id": "w1", "result": {"status": "failure", "error_message": "Unsupported task: nothing"}}',
        ),
    );
  });
});
