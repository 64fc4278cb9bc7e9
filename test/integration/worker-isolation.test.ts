// Handlers in threads and processes: they have all that others have, and whatever they do costs nobody else anything.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createWorker, defineTask } from "../../worker/index.ts";
import { eventually } from "../support/eventually.ts";
import { openGateway, token } from "../unit/gateway/gateway-world.ts";
import { leasedTask } from "../unit/gateway/recording-workers.ts";

type Server = Awaited<ReturnType<typeof openGateway>>;
let server: Server;
let child: ChildProcess | undefined;
let exited: Promise<unknown[]>;
let output: string;

/** A worker process for the tasks in `isolated-tasks.ts`. */
async function start(isolation: string): Promise<void> {
  server = await openGateway();
  const folder = join(import.meta.dirname, "../unit/worker");
  const files = [join(folder, "run-tasks.ts"), join(folder, "isolated-tasks.ts")];
  child = spawn(process.execPath, ["--import", "tsx", "--conditions=source", ...files], {
    env: {
      PATH: process.env["PATH"],
      ORCHESTRATOR_URL: server.url,
      WORKER_TOKEN: token,
      WORKER_ID: "w1",
      WORKER_ISOLATION: isolation,
      HEARTBEAT_INTERVAL: "0.2",
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
  exited = once(child, "exit");
  output = "";
  child.stdout!.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await eventually(() => server.workers.sessions.length === 1, { timeoutMs: 20_000 });
}
async function end(): Promise<void> {
  child?.kill("SIGKILL");
  await exited;
  await server.close();
}
const push = (taskId: string, type: string, params: unknown = {}, more: object = {}) =>
  server.workers.session.push(leasedTask(taskId, { type, params, ...more }), 45_000);
const outcome = (taskId: string) =>
  eventually(
    () => server.workers.results.find(({ attempt }) => attempt.taskId === taskId)?.outcome,
    { timeoutMs: 20_000 },
  );
const run = (taskId: string, type: string, params: unknown = {}, more: object = {}) => {
  push(taskId, type, params, more);
  return outcome(taskId);
};
let count = 0;
/** Wait until a handler has said that it runs. */
const running = () => eventually(() => server.workers.reports.length > 0, { timeoutMs: 20_000 });

describe.each(["thread", "process"] as const)("in a %s", (isolation) => {
  beforeAll(() => start(isolation));
  afterAll(end);

  test("a handler has its context, and is somewhere else", async () => {
    expect(await run("t1", "all", { n: 7 }, { attempt: 2, runTimeoutMs: 60_000 })).toEqual({
      outcome: "ok",
      status: "special",
      output: {
        taskType: "all",
        taskId: "t1",
        jobId: "0_job",
        attempt: 2,
        attemptsMax: 3,
        idempotencyKey: "t1",
        priority: 5,
        workerId: "w1",
        isDate: true,
        early: false,
      },
    });
    expect(server.workers.reports.map(({ progress }) => progress)).toEqual([
      { ratio: 0.5, message: "half", data: { n: 7 } },
    ]);
    expect(server.workers.descriptions.at(-1)?.hotCache).toEqual(["model"]);
    const line = await eventually(() =>
      output.split("\n").find((one) => one.includes("said in a host") && one.endsWith("}")),
    );
    expect(JSON.parse(line)).toMatchObject({ taskId: "t1", part: "inner", n: 7, workerId: "w1" });
    const { output: place } = (await run("t2", "where")) as {
      output: { pid: number; threadId: number };
    };
    if (isolation === "thread") expect(place.threadId).not.toBe(0);
    else expect(place.pid).not.toBe(child!.pid);
    // What has done one task does the next.
    expect(await run("t3", "where")).toEqual({ outcome: "ok", status: "success", output: place });
  });

  test("a handler has checkpoints, streams and lines that watchers see", async () => {
    const said = await run("telling", "telling", {}, { attempt: 2, checkpoint: { page: 3 } });
    expect(said).toMatchObject({ output: { lastCheckpoint: { page: 3 } } });
    const of = (one: { readonly attempt: { readonly taskId: string } }) =>
      one.attempt.taskId === "telling";
    const { checkpoints, events, chunks, lines } = server.workers;
    expect(checkpoints.filter(of)).toMatchObject([{ data: { page: 7 } }]);
    expect(events.filter(of)).toMatchObject([{ event: { event: { type: "SEEN", page: 7 } } }]);
    const bytes = chunks
      .filter(of)
      .map(({ chunk }) =>
        Buffer.from(chunk.data, chunk.encoding === "base64" ? "base64" : "utf8").toString(),
      );
    expect(bytes.join("")).toBe("one two");
    expect(lines.filter(of).map(({ line }) => line.message)).toEqual(["told"]);
  });

  test("params come as the schema makes them, or not at all", async () => {
    expect(await run("parsed1", "parsed", { at: "2026-05-01" })).toMatchObject({
      output: { year: 2026, n: 3 },
    });
    expect(await run("parsed2", "parsed", { at: 5 })).toMatchObject({
      error: {
        code: "INVALID_INPUT_ERROR",
        message: expect.stringMatching(/"parsed": at: /) as string,
      },
    });
  });

  test("what a handler throws keeps its class, and what breaks it down is a failure that may pass", async () => {
    const cases = [
      ["permanent", { code: "PERMANENT_ERROR", message: "never", details: { n: 1 } }],
      ["transient", { code: "TRANSIENT_ERROR", message: "later" }],
      ["odd", { code: "TRANSIENT_ERROR", message: "odd" }],
      ["unsendable", { code: "TRANSIENT_ERROR" }],
      ["exit", { code: "HANDLER_LOST" }],
      [
        "uncaught",
        { code: "HANDLER_LOST", message: expect.stringMatching(/from nowhere/) as string },
      ],
    ] as const;
    for (const [how] of cases) push(how, "failing", { how });
    for (const [how, error] of cases) expect(await outcome(how)).toMatchObject({ error });
    expect(await outcome("transient")).toMatchObject({ retryAfterMs: 250 });
    expect(await run(`after ${++count}`, "where")).toMatchObject({ outcome: "ok" });
  });

  test("more memory than there may be ends the attempt, and no other", async () => {
    push("other", "blocking", { ms: 10 });
    expect(await run("hungry", "hungry")).toMatchObject({
      error: { code: "HANDLER_MEMORY_ERROR", message: expect.stringMatching(/64 MiB/) as string },
    });
    expect(await outcome("other")).toMatchObject({ outcome: "ok" });
    expect(await run(`after ${++count}`, "where")).toMatchObject({ outcome: "ok" });
  });

  test("a cancelled handler hears of it, and one that ignores it is killed", async () => {
    for (const type of ["obedient", "deaf", "blocking"]) {
      server.workers.reports.length = 0;
      push(type, type, { ms: 60_000 });
      await running();
      server.workers.session.cancel({ taskId: type, attempt: 1 }, "not wanted", 5_000);
      expect(await outcome(type)).toEqual({ outcome: "cancelled" });
    }
    expect(await run(`after ${++count}`, "where")).toMatchObject({ outcome: "ok" });
  });

  test("a time limit aborts the signal, and then kills", async () => {
    expect(await run("timed", "timed")).toMatchObject({
      error: { code: "HANDLER_TIMEOUT", message: "The attempt ran longer than its 1500 ms." },
    });
  });

  test("a loop that is blocked goes on for longer than a lease, and loses no heartbeat", async () => {
    server.workers.reports.length = 0;
    push("blocked", "blocking", { ms: 2_500 });
    await running();
    const beats = () => server.workers.calls.filter((call) => call === "heartbeat blocked").length;
    const before = beats();
    expect(await outcome("blocked")).toMatchObject({ outcome: "ok" });
    expect(beats() - before).toBeGreaterThan(5);
  });
});

test("a worker that stops leaves no thread and no process behind", async () => {
  await start("process");
  onTestFinished(end);
  const { output: place } = (await run("t1", "where")) as { output: { pid: number } };
  child!.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
  await eventually(() => {
    try {
      process.kill(place.pid, 0);
      return false;
    } catch {
      return true;
    }
  });
});

test("a handler that nobody else could find is refused where it is registered", () => {
  const worker = createWorker({ url: "http://127.0.0.1:1", token, isolation: "thread" });
  expect(() => worker.task("echo", () => 1)).toThrow(/import\.meta\.url/);
  expect(() => worker.task("echo", () => 1, { isolation: "none" })).not.toThrow();
  const task = defineTask("own", () => 1, { isolation: "thread", module: import.meta.url });
  expect(() => worker.task(task)).not.toThrow();
});
