// The parts of a worker that need no connection: backoff, outbox, throttle, environment, loading of files.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Backoff } from "../../../worker/backoff.ts";
import { readWorkerConfig } from "../../../worker/config.ts";
import { createWorker } from "../../../worker/index.ts";
import { loadTasks } from "../../../worker/load-tasks.ts";
import { Outbox } from "../../../worker/outbox.ts";
import { ProgressThrottle } from "../../../worker/progress-throttle.ts";
import { FakeClock } from "../../support/fake-clock.ts";

describe("backoff", () => {
  test("waits up to a time that doubles from half a second to thirty seconds", () => {
    const backoff = new Backoff(() => 0.999_999);
    const delays = Array.from({ length: 40 }, () => backoff.next());
    expect(delays.slice(0, 8)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(new Set(delays.slice(6))).toEqual(new Set([30_000]));
    backoff.reset();
    expect(backoff.next()).toBe(500);
  });

  test("may wait not at all, so that workers spread", () => {
    const backoff = new Backoff(() => 0);
    expect([backoff.next(), backoff.next()]).toEqual([0, 0]);
  });
});

describe("the outbox", () => {
  test("gives out what was sent long enough ago, until it is removed", () => {
    const outbox = new Outbox();
    const [first, second] = [1, 2].map((attempt) => ({ task_id: "t", attempt }));
    outbox.add(first!, "one", 0);
    outbox.add(second!, "two", 10);
    const taken = (before: number, now: number) =>
      outbox.takeUnsent(before, now).map(({ frame }) => frame);
    expect(taken(5, 20)).toEqual(["one"]);
    expect(taken(5, 20)).toEqual([]);
    expect(taken(20, 30)).toEqual(["one", "two"]);
    outbox.remove(first!);
    expect(outbox.refs()).toEqual([second]);
    expect([outbox.has(first!), outbox.has(second!), outbox.size]).toEqual([false, true, 1]);
  });
});

describe("the progress throttle", () => {
  test("sends the first report, then the latest of each interval, then nothing", async () => {
    const clock = new FakeClock();
    const sent: number[] = [];
    const throttle = new ProgressThrottle<number>(clock, (report) => sent.push(report));
    for (const report of [1, 2, 3]) throttle.report(report);
    await clock.advance(99);
    expect(sent).toEqual([1]);
    await clock.advance(1);
    expect(sent).toEqual([1, 3]);
    throttle.report(4);
    throttle.finish();
    await clock.advance(1_000);
    expect(sent).toEqual([1, 3, 4]);
    expect(clock.pending).toBe(0);
  });

  test("forgets what it holds when it is cancelled", async () => {
    const clock = new FakeClock();
    const sent: number[] = [];
    const throttle = new ProgressThrottle<number>(clock, (report) => sent.push(report));
    throttle.report(1);
    throttle.report(2);
    throttle.cancel();
    throttle.finish();
    await clock.advance(1_000);
    expect(sent).toEqual([1]);
  });
});

describe("the environment", () => {
  test("has a default for everything but the token", () => {
    expect(readWorkerConfig({})).toMatchObject({
      orchestrators: [{ url: "http://127.0.0.1:8080" }],
      token: undefined,
      id: undefined,
      maxConcurrentTasks: 10,
      heartbeatMsMax: undefined,
      graceMs: 30_000,
      logLevel: "info",
    });
  });

  test("is read by the names of the original, in its units", () => {
    const env = {
      ORCHESTRATOR_URL: "https://jobs.example/base",
      WORKER_ID: "gpu-1",
      WORKER_TYPE: "gpu",
      WORKER_TOKEN: "shared",
      WORKER_INDIVIDUAL_TOKEN: "own",
      MAX_CONCURRENT_TASKS: "3",
      WORKER_ISOLATION: "thread",
      WORKER_MEMORY_LIMIT_MB: "256",
      WORKER_TIME_LIMIT: "90",
      WORKER_OUTBOX_DIR: "/var/lib/worker",
      WORKER_PORT: "8083",
      WORKER_LABELS: '{"zone":"a"}',
      INSTALLED_SOFTWARE: '{"cuda":"12"}',
      HEARTBEAT_INTERVAL: "2.5",
      WORKER_COST_PER_SECOND: "0.02",
      CPU_CORES: "8",
      GPU_MODEL: "A100",
      GPU_VRAM_GB: "40",
      INSTALLED_MODELS: '[{"name":"m"}]',
      LOG_LEVEL: "WARNING",
    };
    expect(readWorkerConfig(env)).toEqual({
      orchestrators: [{ url: "https://jobs.example/base" }],
      orchestratorMode: undefined,
      token: "own",
      id: "gpu-1",
      workerType: "gpu",
      maxConcurrentTasks: 3,
      isolation: "thread",
      memoryLimitMb: 256,
      timeLimitMs: 90_000,
      outboxDir: "/var/lib/worker",
      host: "127.0.0.1",
      port: 8083,
      heartbeatMsMax: 2_500,
      graceMs: 30_000,
      labels: { zone: "a" },
      costPerSecond: 0.02,
      resources: {
        cpu_cores: 8,
        memory_gb: expect.any(Number) as number,
        gpu_info: { model: "A100", vram_gb: 40 },
        installed_models: [{ name: "m" }],
        installed_software: { cuda: "12" },
      },
      logLevel: "warn",
    });
  });

  test("tells the memory that there is", () => {
    const memory = readWorkerConfig({}).resources["memory_gb"];
    expect(memory).toBeGreaterThan(0);
    expect(memory).toBeLessThanOrEqual(totalmem() / 2 ** 30 + 0.1);
  });

  test("counts empty variables as absent", () => {
    expect(readWorkerConfig({ WORKER_TOKEN: "", MAX_CONCURRENT_TASKS: "" })).toMatchObject({
      token: undefined,
      maxConcurrentTasks: 10,
    });
  });

  test.each([
    { MAX_CONCURRENT_TASKS: "many" },
    { ORCHESTRATOR_URL: "localhost" },
    { WORKER_ID: "has a space" },
    { INSTALLED_MODELS: "{" },
    { LOG_LEVEL: "loud" },
  ])("is refused where it can't be understood: %j", (env) => {
    const [name] = Object.keys(env);
    expect(() => readWorkerConfig(env)).toThrow(name);
  });

  test("that has no token makes no worker", () => {
    expect(() => createWorker({ url: "http://127.0.0.1:1" })).toThrow(/WORKER_TOKEN/);
  });

  test("that has no web address makes no worker", () => {
    expect(() => createWorker({ url: "ftp://x", token: "t" })).toThrow(/not an http\(s\) URL/);
  });
});

describe("loading handlers", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "avtomatika-tasks-"));
    const mark = 'Symbol.for("avtomatika.defined_task")';
    const write = (name: string, text: string) => writeFile(join(folder, name), text);
    await write("a.mjs", `export const a = { [${mark}]: true, type: "a" }; export const n = 1;`);
    await write(
      "b.mjs",
      `export { a } from "./a.mjs"; export const b = { [${mark}]: true, type: "b" };`,
    );
    await write("c.test.ts", "throw new Error('a test is no task file')");
    await write("d.d.ts", "export declare const nothing: never;");
    await write("readme.md", "# not code");
    await write("empty.txt", "");
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("takes each exported task of a folder once", async () => {
    const tasks = await loadTasks([folder]);
    expect(tasks.map(({ type }) => type)).toEqual(["a", "b"]);
  });

  test("takes single files", async () => {
    const tasks = await loadTasks([join(folder, "a.mjs")]);
    expect(tasks.map(({ type }) => type)).toEqual(["a"]);
  });

  test("takes one export alone where it is named", async () => {
    const tasks = await loadTasks([`${join(folder, "b.mjs")}:b`]);
    expect(tasks.map(({ type }) => type)).toEqual(["b"]);
    await expect(loadTasks([`${join(folder, "b.mjs")}:none`])).rejects.toMatchObject({
      code: "worker.load_failed",
    });
  });

  test.each([
    ["a path that is not there", "missing.mjs", /can't be loaded: ENOENT/],
    ["a file that throws", "c.test.ts", /a test is no task file/],
  ])("fails for %s, naming it", async (_title, name, message) => {
    await expect(loadTasks([join(folder, name)])).rejects.toMatchObject({
      code: "worker.load_failed",
      message: expect.stringMatching(message) as string,
    });
  });

  test("fails where nothing is exported", async () => {
    const path = join(folder, "none.mjs");
    await writeFile(path, "export const n = 1;");
    await expect(loadTasks([path])).rejects.toThrow(/No file exports a task/);
    await rm(path);
  });
});
