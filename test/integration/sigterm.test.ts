// Defect 9 of the Python system, done right: SIGTERM while a handler runs neither loses its job nor does it twice.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadBlueprints } from "../../src/blueprint/load.ts";
import { BlueprintRegistry } from "../../src/blueprint/registry.ts";
import { systemClock } from "../../src/clock.ts";
import { openEmbeddedStore } from "../../src/store/embedded/embedded-store.ts";
import { auditStore } from "../support/audit.ts";
import { freePort, runCli, type CliProcess } from "../support/cli-process.ts";
import { eventually } from "../support/eventually.ts";

const blueprints = join(import.meta.dirname, "../support/slow-blueprints");
const tokens = { CLIENT_TOKEN: "client-token-of-the-test", GLOBAL_WORKER_TOKEN: "worker-token" };
const headers = {
  authorization: `Bearer ${tokens.CLIENT_TOKEN}`,
  "content-type": "application/json",
};

let directory: string;
let url: string;
let server: CliProcess | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "avtomatika-sigterm-"));
  url = `http://127.0.0.1:${await freePort()}`;
});
afterEach(async () => {
  await server?.kill();
  await rm(directory, { recursive: true, force: true });
});

async function serve(): Promise<CliProcess> {
  const args = ["--port", new URL(url).port, "--data", join(directory, "data")];
  server = runCli(["start", ...args, "--blueprints", blueprints], tokens);
  await eventually(() => isThere(), { timeoutMs: 30_000 });
  return server;
}
const isThere = async (): Promise<boolean> =>
  fetch(`${url}/_public/status`).then(
    ({ ok }) => ok,
    () => false,
  );
const file = (name: string): string => join(directory, name);
/** The process of each run of the handler. */
const runs = async (): Promise<readonly string[]> =>
  (await readFile(file("runs"), "utf8").catch(() => "")).split("\n").filter(Boolean);

describe("9: a server that is told to end by SIGTERM", () => {
  test.each([
    // Its turn is waited for, so the job has moved on when the server is gone.
    { blueprint: "slow_flow", handler: "a handler that decides in a turn", times: 1 },
    { blueprint: "in_turn_job", handler: "a promise in a turn", times: 1 },
    // It is told to stop, and given back at once.
    { blueprint: "local_job", handler: "a promise with a lease", times: 2 },
    // What it comes to is nobody's any more; another attempt begins when its lease ends.
    { blueprint: "deaf_job", handler: "a promise with a lease that hears nothing", times: 2 },
  ])(
    "during $handler goes on with its job in its next life",
    { timeout: 150_000 },
    async ({ blueprint, times }) => {
      const first = await serve();
      const answer = fetch(`${url}/api/${blueprint}`, {
        method: "POST",
        headers: { ...headers, "idempotency-key": "the job" },
        body: JSON.stringify({ runs: file("runs"), go: file("go") }),
      }).catch(() => undefined);
      await eventually(async () => (await runs()).length === 1, { timeoutMs: 10_000 });
      const ended = first.kill("SIGTERM");
      await eventually(async () => !(await isThere()));
      // Of the others nothing is waited for, but a process does not end before its handlers.
      const hasStopped = (): boolean => /server has stopped/.test(JSON.stringify(first.output));
      if (times > 1) await eventually(hasStopped, { timeoutMs: 30_000 });
      await writeFile(file("go"), "");
      expect(await ended).toBe(0);
      await answer;

      const second = await serve();
      const started = await fetch(`${url}/api/${blueprint}`, {
        method: "POST",
        headers: { ...headers, "idempotency-key": "the job" },
        body: JSON.stringify({ runs: file("runs"), go: file("go") }),
      });
      const { job_id: jobId } = (await started.json()) as { job_id: string };
      const isOver = async (): Promise<boolean> => {
        const job = await (await fetch(`${url}/api/v1/jobs/${jobId}`, { headers })).json();
        return (job as { status: string }).status === "finished";
      };
      await eventually(isOver, { timeoutMs: 90_000, intervalMs: 100 });
      expect(await second.kill("SIGTERM")).toBe(0);
      const pids = await runs();
      expect(pids).toEqual([String(first.child.pid), String(second.child.pid)].slice(0, times));

      const registry = new BlueprintRegistry();
      for (const one of await loadBlueprints(blueprints)) registry.register(one.blueprint);
      const store = await openEmbeddedStore({
        directory: join(directory, "data"),
        clock: systemClock,
      });
      try {
        const { jobs, violations } = await auditStore(store, registry);
        expect(violations).toEqual([]);
        expect([...jobs.keys()]).toEqual([jobId]);
        const history = await store.history(jobId, 0, 100);
        expect(history.map(({ revision }) => revision)).toEqual(history.map((_, at) => at + 1));
        expect(await store.countQueues()).toEqual({});
      } finally {
        await store.close();
      }
    },
  );
});

test.each([
  { args: ["start"], code: 0 },
  { args: ["worker", "run", "worker/tasks"], code: 0 },
  // A backup that was never begun must not look done.
  { args: ["export", "all.jsonl"], code: 130 },
  // 0 would say that the worker has passed.
  { args: ["--json", "worker", "test", "worker/tasks"], code: 130 },
])("$args ends with $code while its modules are loaded still", async ({ args, code }) => {
  const loading = runCli(args, { NODE_OPTIONS: `--import ${holdingProgram}` });
  await eventually(() => loading.output.stdout.includes("holding"), { timeoutMs: 30_000 });
  expect(await loading.kill("SIGTERM")).toBe(code);
});

test("a server that waits for its Redis ends with 0", async () => {
  const args = ["--redis-url", `redis://127.0.0.1:${await freePort()}`];
  server = runCli(["start", "--port", new URL(url).port, ...args], tokens);
  const waits = (): boolean => /Redis is not as it should be/.test(server!.output.stderr);
  await eventually(waits, { timeoutMs: 30_000 });
  const before = performance.now();
  expect(await server.kill("SIGTERM")).toBe(0);
  expect(performance.now() - before).toBeLessThan(5000);
});

/** Loads all modules but the command line's program, and tells that it is asked for. */
const hooks = `
  import { writeSync } from "node:fs";
  export function load(url, context, next) {
    if (!/cli\\/program\\.[jt]s$/.test(url)) return next(url, context);
    writeSync(1, "holding");
    return new Promise(() => {});
  }`;
const asUrl = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`;
const holdingProgram = asUrl(
  `import { register } from "node:module"; register(${JSON.stringify(asUrl(hooks))});`,
);
