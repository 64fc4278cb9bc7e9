// The test of workers, tested: it passes good ones, finds what is wrong with bad ones, and leaves nothing behind.
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SaxesParser } from "saxes";
import type { WorkerTestOptions } from "../../src/worker-test/options.ts";
import { testWorker, type TestReport } from "../../src/worker-test/run-test.ts";
import { runCli } from "../support/cli-process.ts";
import { eventually } from "../support/eventually.ts";
import { processesWith } from "../support/processes.ts";
import { noPython, sdkWorkerFile } from "../support/python-worker.ts";

const oddWorker = join(import.meta.dirname, "../support/odd-worker.mjs");
/** In the command line of the worker itself, and not of what starts it. */
const running = "odd-worker.mjs\u0000";
const never = new AbortController().signal;

/** Test the odd worker with one fault. */
function testOdd(fault: string, options: Partial<WorkerTestOptions> = {}): Promise<TestReport> {
  return testWorker(
    {
      name: `odd worker: ${fault}`,
      file: process.execPath,
      args: [oddWorker, fault],
      environmentWith: (values) => ({ PATH: process.env["PATH"], ...values }),
      require: [],
      workerId: "odd",
      workerPort: 0,
      orchestratorPort: 0,
      timeoutMs: 3_000,
      deadlineMs: 60_000,
      pickupMs: 2_000,
      shutdownMs: 2_000,
      heartbeats: 2,
      heartbeatTimeoutMs: 3_000,
      heartbeatIntervalMs: 100,
      tasks: ["work"],
      paramsOf: () => ({ say: "hello" }),
      expect: { said: "hello" },
      statuses: ["success"],
      probes: [],
      progress: false,
      cancel: false,
      concurrency: false,
      retry: false,
      duplicate: false,
      restart: false,
      kill: false,
      ...options,
    },
    never,
  );
}

const failures = ({ checks }: TestReport) =>
  checks
    .filter(({ outcome }) => outcome === "failed")
    .map(({ name, message }) => `${name}: ${message}`);

const everything = {
  probes: ["/health", '/v1/inference {"prompt": "hi"}'],
  failParams: { fail: true },
  paramsOf: () => ({ say: "hello", ms: 300 }),
  progress: true,
  cancel: true,
  concurrency: true,
  retry: true,
  duplicate: true,
  restart: true,
  kill: true,
};

describe("a good worker", () => {
  test("passes", async () => {
    const report = await testOdd("none");
    expect(failures(report)).toEqual([]);
    expect(report.outcome).toBe("passed");
  });

  test("passes everything that can be asked of it", async () => {
    const report = await testOdd("none", everything);
    expect(failures(report)).toEqual([]);
    expect(report.outcome).toBe("passed");
    expect(report.checks.length).toBeGreaterThan(14);
  });
});

describe("a bad worker", () => {
  test.each<[string, string, Partial<WorkerTestOptions>?]>([
    ["never-registers", "registers: Registration did not happen within 3 s."],
    ["dies", "registers: The worker ended with code 3, but registration was awaited."],
    ["wrong-token", "registers: Registration did not happen within 3 s. It was refused:"],
    ["other-id", 'says what it is: It calls itself "somebody-else", although WORKER_ID is "odd".'],
    ["no-tasks", "says what it is: An offer of at least one task did not happen"],
    ["no-heartbeat", "sends heartbeats: Heartbeat 2 did not happen within 3 s."],
    ["asks-once", "asks again after an empty answer: Two polls"],
    ["hangs", 'does "work": The result of "work" did not happen within 3 s.'],
    ["dies-at-work", 'does "work": The worker ended with code 4, but'],
    ["slow", 'does "work": Pickup of "work" did not happen within 2 s.'],
    [
      "wrong-result",
      'does "work": The result is wrong: data.said is "something else", not "hello".',
    ],
    ["wrong-status", 'does "work": Its status is "somehow", not success.'],
    [
      "does-anything",
      "refuses a task that it does not know: It says that it did a task of an unknown type",
    ],
    ["answers-twice", 'answers each task once, and floods nobody: "work" was answered 2 times.'],
    ["floods", "answers each task once, and floods nobody: It sent"],
    ["leaks", "leaves nothing behind: It left processes behind:"],
    ["ignores-sigterm", "ends when it is told to: It still ran 2 s after SIGTERM."],
    [
      "hides-failures",
      'says so when a task fails: The task ended as "success"',
      { failParams: { fail: true } },
    ],
    ["says-nothing", "reports progress in order: There was none.", { ...everything, probes: [] }],
    [
      "runs-backwards",
      "reports progress in order: It went back from",
      { ...everything, probes: [] },
    ],
    [
      "ignores-cancel",
      "stops a task that is cancelled: The end of the cancelled task did not happen within 2 s.",
      { cancel: true, paramsOf: () => ({ say: "hello", ms: 2_800 }) },
    ],
    [
      "gives-up",
      "sends a result again that was not taken: The same result once more",
      { retry: true },
    ],
    ["no-health", "answers at /health: http://127.0.0.1:", { probes: ["/health"] }],
    ["unwell", "it answers 503", { probes: ["/health"] }],
  ])("that %s fails with %s", async (fault, failure, options) => {
    const report = await testOdd(fault, options);
    expect(report.outcome).toBe("failed");
    expect(failures(report).join("\n")).toContain(failure);
    expect(processesWith(running)).toEqual([]);
  });

  test("that leaks has its leftovers ended", async () => {
    await testOdd("leaks");
    expect(processesWith("sleep\u0000300")).toEqual([]);
  });

  test("has its last words in the report", async () => {
    const report = await testOdd("dies");
    expect(report.workerLog).toEqual(expect.arrayContaining(["odd worker: dies", "no such luck"]));
  });
});

describe("avtomatika worker test", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "worker-test-"));
  });
  afterAll(() => rm(directory, { recursive: true }));
  const quick = ["--heartbeat-interval", "0.2"];
  const cmd = (fault: string) => [
    "--cmd",
    `exec node ${oddWorker} ${fault}`,
    "--task",
    "work",
    ...quick,
  ];
  const run = (...args: string[]) => runCli(["worker", "test", ...args]);

  test("passes the handlers that come with the package, and everything that can be asked of them", async () => {
    const slow = ["--task", "process_data", "--params", '{"input":"text"}'];
    const asked = ["--progress", "--concurrency", "--retry", "--duplicate", "--restart", "--kill"];
    const app = ["--app", join(import.meta.dirname, "../../worker/tasks")];
    const { exited, output } = run(
      ...app,
      ...slow,
      ...asked,
      ...quick,
      "--fail-params",
      '{"input":"FAIL"}',
    );
    expect(await exited, output.stdout + output.stderr).toBe(0);
    expect(output.stdout).toContain("🧪 Worker Isolation Test");
    expect(output.stdout).toContain("✅ Isolation test complete - ALL TESTS PASSED!");
  });

  test.skipIf(noPython !== undefined)(
    "passes a Python worker, with arguments of its own",
    async () => {
      const asked = ["--progress", "--cancel", "--concurrency", "--retry", "--restart", "--kill"];
      const task = ["--task", "pause", "--params", '{"seconds":0.5}', "--fail-params", "{}"];
      const { exited, output } = run(
        "--app",
        sdkWorkerFile,
        ...task,
        ...asked,
        ...quick,
        "--",
        "an argument",
      );
      expect(await exited, output.stdout + output.stderr).toBe(0);
    },
  );

  test.skipIf(noPython !== undefined)("runs the worker that a Python file makes", async () => {
    const file = join(directory, "made.py");
    await writeFile(
      file,
      [
        "import asyncio, sys",
        `sys.path.insert(0, ${JSON.stringify(dirname(sdkWorkerFile))})`,
        "import sdk_worker",
        "class Made:",
        "    def run(self): asyncio.run(sdk_worker.run())",
        "worker = Made()",
      ].join("\n"),
    );
    const task = ["--task", "pause", "--params", '{"seconds":0.1}'];
    const { exited, output } = run("--app", `${file}:worker`, ...task, ...quick);
    expect(await exited, output.stdout + output.stderr).toBe(0);
  });

  test("says what is wrong, as text, as JSON and as JUnit XML, and ends with 1", async () => {
    const junit = join(directory, "report.xml");
    const logs = join(directory, "logs");
    const args = [...cmd("wrong-result"), "--params", '{"say":"hi"}', "--expect", '{"said":"hi"}'];
    const { exited, output } = run(...args, "--json", "--junit", junit, "--keep-logs", logs);
    expect(await exited).toBe(1);
    expect(JSON.parse(output.stdout)).toMatchObject({
      outcome: "failed",
      exit_code: 1,
      checks: expect.arrayContaining([
        expect.objectContaining({ name: 'does "work"', outcome: "failed" }),
      ]),
    });
    expect(elementsOf(await readFile(junit, "utf8"))).toEqual(
      expect.arrayContaining(["testsuite", "testcase", "failure"]),
    );
    expect(await readFile(join(logs, "worker.log"), "utf8")).toContain("odd worker: wrong-result");
    expect(await readFile(join(logs, "orchestrator.log"), "utf8")).toContain("worker registered");
    const text = run(...args);
    expect(await text.exited).toBe(1);
    expect(text.output.stdout).toContain('❌ does "work"');
    expect(text.output.stdout).toMatch(/❌ Isolation test complete - \d OF \d+ TESTS FAILED/);
    expect(text.output.stdout).not.toContain("PASSED");
  });

  test("ends with 2 where the port is taken, the command is none, or the flags contradict each other", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const onPort = run(...cmd("none"), "--orchestrator-port", `${port}`);
    expect(await onPort.exited).toBe(2);
    expect(onPort.output.stdout).toContain("--orchestrator-port");
    taken.close();
    expect(await run("--cmd", "no-such-command-here").exited).toBe(2);
    expect(await run("--cmd", "a", "--app", "b").exited).toBe(2);
  });

  test("ends with 3 where there is nothing to test, or with 0 where that is allowed", async () => {
    const missing = ["--require", join(directory, "model.gguf")];
    const skipped = run(...cmd("none"), ...missing);
    expect(await skipped.exited).toBe(3);
    expect(skipped.output.stdout).toContain("Skipping test");
    expect(await run(...cmd("none"), ...missing, "--allow-skip").exited).toBe(0);
    expect(await run("--app", join(directory, "none.ts")).exited).toBe(3);
  });

  test("ends with 124 when it takes too long", async () => {
    const late = run(...cmd("never-registers"), "--deadline", "1.5");
    expect(await late.exited).toBe(124);
    expect(processesWith(running)).toEqual([]);
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "ends with 130 at %s, and takes the worker along",
    async (signal) => {
      const told = run(...cmd("never-registers"));
      await eventually(() => processesWith(running).length > 0, { timeoutMs: 30_000 });
      expect(await told.kill(signal)).toBe(130);
      expect(processesWith(running)).toEqual([]);
    },
  );

  test("takes the worker along when it is killed itself", async () => {
    const killed = run(...cmd("never-registers"));
    await eventually(() => processesWith(running).length > 0, { timeoutMs: 30_000 });
    await killed.kill("SIGKILL");
    await eventually(() => processesWith(running).length === 0);
  });
});

/** The names of a document's elements. @throws where it is not well-formed */
function elementsOf(document: string): readonly string[] {
  const names: string[] = [];
  const parser = new SaxesParser();
  parser.on("opentag", ({ name }) => names.push(name));
  parser.on("error", (error) => {
    throw error;
  });
  parser.write(document).close();
  return names;
}
