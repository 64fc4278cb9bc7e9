// A worker, the gateway and the real runtime: jobs run on the worker, over restarts and stops of either side.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { flow } from "avtomatika";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fanOut } from "../../../scripts/bench/blueprints/fan-out.ts";
import { all, one } from "../../../scripts/bench/tasks/shape-tasks.ts";
import { BlueprintRegistry } from "../../../src/blueprint/registry.ts";
import { systemClock as clock } from "../../../src/clock.ts";
import { createGateway } from "../../../src/gateway/gateway.ts";
import { WorkerTokens } from "../../../src/gateway/worker-tokens.ts";
import { createRuntime } from "../../../src/runtime/create-runtime.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { createWorker, type Worker } from "../../../worker/index.ts";
import { eventually } from "../../support/eventually.ts";
import { gate } from "./worker-world.ts";

const log = pino({ level: "silent" });
const token = "a-worker-token";

const oneTask = flow("one_task", { version: "1", endpoint: "/jobs/one" });
oneTask.state("start", { isStart: true, to: ["completed", "failed"] }, (ctx) =>
  ctx.actions.dispatchTask({
    type: "work",
    params: ctx.initialData,
    transitions: { success: "completed", failure: "failed" },
  }),
);

/** A node of the server over a store that outlives it. */
async function startNode(store: MemoryStore, port = 0) {
  const blueprints = new BlueprintRegistry();
  blueprints.register(oneTask.build());
  blueprints.register(fanOut);
  const runtime = createRuntime({ store, blueprints, clock, log });
  const gateway = createGateway({
    workers: runtime.workers,
    tokens: new WorkerTokens(token),
    clock,
    log,
    limits: { reconnectMs: 0 },
  });
  await runtime.start();
  const http = createServer();
  http.on("upgrade", (request, socket, head) => gateway.handleUpgrade(request, socket, head));
  await once(http.listen(port, "127.0.0.1"), "listening");
  const { port: bound } = http.address() as AddressInfo;
  return {
    jobs: runtime.jobs,
    workers: runtime.workers,
    port: bound,
    url: `http://127.0.0.1:${bound}`,
    async close() {
      http.close();
      await gateway.close(0);
      await runtime.stop();
    },
  };
}

let store: MemoryStore;
let node: Awaited<ReturnType<typeof startNode>>;
let worker: Worker;
beforeEach(async () => {
  store = new MemoryStore({ clock });
  node = await startNode(store);
  worker = createWorker({ url: node.url, token, log, random: () => 0 });
});
afterEach(async () => {
  await worker.stop({ graceMs: 0 });
  await node.close();
});

test("a job's task is pushed to a worker, and its result moves the job", async () => {
  await worker.task("work", ({ params }) => ({ doubled: Number(params["n"]) * 2 })).start();
  const { jobId } = await node.jobs.start({ blueprint: "one_task", input: { n: 21 } });
  expect(await node.jobs.wait(jobId, 5_000)).toMatchObject({
    status: "finished",
    currentState: "completed",
    data: { doubled: 42 },
  });
});

test("the results of ten tasks at once come together, and are one commit", async () => {
  const commits: number[] = [];
  const commit = store.commit.bind(store);
  store.commit = (one) => {
    commits.push(one.history.length);
    return commit(one);
  };
  await worker.task(one).task(all).start();
  const { jobId } = await node.jobs.start({ blueprint: "fan_out", input: { value: 1 } });
  expect(await node.jobs.wait(jobId, 5_000)).toMatchObject({ data: { sum: 65 } });
  // The start, the ten, and the one that takes them together.
  expect(commits).toEqual([1, 10, 1]);
});

test("a task that runs while the server restarts runs once, and its result counts", async () => {
  const { open, opened } = gate();
  let runs = 0;
  worker.task("work", async () => {
    runs++;
    await opened;
    return { kept: true };
  });
  await worker.start();
  const { jobId } = await node.jobs.start({ blueprint: "one_task", input: {} });
  await eventually(() => runs === 1);
  await node.close();
  node = await startNode(store, node.port);
  await eventually(() => node.workers.list().length === 1);
  open();
  expect(await node.jobs.wait(jobId, 5_000)).toMatchObject({ data: { kept: true } });
  expect(runs).toBe(1);
});

test("a result that is ready while there is no server is delivered to the next one", async () => {
  const { open, opened } = gate();
  const started = gate();
  worker.task("work", async () => {
    started.open();
    await opened;
    return { late: true };
  });
  await worker.start();
  const { jobId } = await node.jobs.start({ blueprint: "one_task", input: {} });
  await started.opened;
  await node.close();
  open();
  await opened;
  node = await startNode(store, node.port);
  expect(await node.jobs.wait(jobId, 5_000)).toMatchObject({ data: { late: true } });
});

test("cancelling a job aborts the handler of its task", async () => {
  const aborted = gate<unknown>();
  const started = gate();
  worker.task("work", ({ signal }) => {
    started.open();
    return new Promise((_resolve, reject) =>
      signal.addEventListener("abort", () => {
        aborted.open(signal.reason);
        reject(signal.reason as Error);
      }),
    );
  });
  await worker.start();
  const { jobId } = await node.jobs.start({ blueprint: "one_task", input: {} });
  await started.opened;
  await node.jobs.cancel(jobId, "not needed");
  expect(await aborted.opened).toMatchObject({ name: "TaskCancelled" });
  // The slot is free again: the next task runs.
  await eventually(() => node.workers.list()[0]?.running === 0);
});

test("a worker that stops gives its task to the next worker", async () => {
  const started = gate();
  worker.task("work", () => {
    started.open();
    return new Promise(() => undefined);
  });
  await worker.start();
  const { jobId } = await node.jobs.start({ blueprint: "one_task", input: {} });
  await started.opened;
  const stopped = worker.stop({ graceMs: 0 });
  const next = createWorker({ url: node.url, token, log });
  await next.task("work", () => ({ by: "the next" })).start();
  expect(await node.jobs.wait(jobId, 5_000)).toMatchObject({ data: { by: "the next" } });
  await stopped;
  await next.stop();
});
