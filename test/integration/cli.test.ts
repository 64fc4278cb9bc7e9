// The command line as real processes: what it prints, how it ends, and that it leaves nothing behind.
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { freePort, runCli, type CliProcess } from "../support/cli-process.ts";
import { eventually } from "../support/eventually.ts";
import { processesWith } from "../support/processes.ts";

const directory = mkdtempSync(join(tmpdir(), "avtomatika-cli-"));
const dataDirectory = join(directory, "data");
const order = {
  orderId: "o-1",
  lines: [{ sku: "lamp", quantity: 2 }],
  amountCents: 90_000,
  card: "4242",
  address: "1 Main Street",
};

interface Ready {
  readonly url: string;
  readonly console: string;
  readonly client_token: string;
  readonly worker_token: string;
}

const started = new Set<CliProcess>();
/** Start a command that stays, and wait for what it says first. */
async function stay(args: readonly string[], env?: Record<string, string>) {
  const one = runCli([...args, "--json"], env);
  started.add(one);
  const line = await eventually(() => /^(.*)\n/.exec(one.output.stdout)?.[1], {
    timeoutMs: 30_000,
  });
  return { one, said: JSON.parse(line) as Ready };
}
/** Run a command to its end. */
async function run(
  args: readonly string[],
  env: Record<string, string> = { DATA_DIR: dataDirectory },
) {
  const one = runCli(args, env);
  started.add(one);
  const code = await one.exited;
  return { code, ...one.output };
}
/** The one JSON document that a command prints. */
async function document(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout, stderr } = await run([...args, "--json"]);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Record<string, unknown>;
}

let dev: CliProcess;
let ready: Ready;
let finishedJob: string;
beforeAll(async () => {
  ({ one: dev, said: ready } = await stay(["dev", "--port", "0", "--data", dataDirectory]));
  started.delete(dev);
  const data = '{"message":"Hello World","multiply":3}';
  const { stdout } = await run(["jobs", "start", "test_flow", "--data", data, "--wait", "--json"]);
  finishedJob = (JSON.parse(stdout) as { job_id: string }).job_id;
});
afterEach(async () => {
  const left = [...started];
  started.clear();
  for (const one of left) await one.kill();
});
afterAll(async () => {
  await dev.kill("SIGTERM");
  rmSync(directory, { recursive: true, force: true });
});

describe("dev", () => {
  test("says where everything is, and leaves its tokens for this user alone", () => {
    const { url, client_token } = ready;
    expect(ready.console).toBe(`${url}/console/`);
    const file = join(dataDirectory, "dev-tokens.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ url, client_token });
    expect(dev.output.stderr).not.toContain(client_token);
  });

  test("ends with 0 at SIGTERM, with its worker, port, lock and tokens", async () => {
    const data = join(directory, "ended");
    const { one, said } = await stay(["dev", "--port", "0", "--data", data]);
    expect(await one.kill("SIGTERM")).toBe(0);
    await expect(fetch(said.url)).rejects.toThrow();
    expect(processesWith(said.url)).toEqual([]);
    expect(readdirSync(data)).not.toContain("dev-tokens.json");
    const { one: next } = await stay(["start", "--port", "0", "--data", data]);
    expect(await next.kill("SIGINT")).toBe(0);
  });

  test("leaves no worker behind when it is killed with -9", async () => {
    const { one, said } = await stay(["dev", "--port", "0", "--data", join(directory, "killed")]);
    await eventually(() => processesWith(said.url).length > 0);
    await one.kill("SIGKILL");
    await eventually(() => processesWith(said.url).length === 0, { timeoutMs: 10_000 });
  });
});

describe("jobs", () => {
  test("start prints the id, and get the job", async () => {
    const { code, stdout } = await run([
      "jobs",
      "start",
      "test_flow@1",
      "--data",
      '{"message":"a"}',
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\S+\n$/);
    expect(await document("jobs", "get", stdout.trim())).toMatchObject({ job_id: stdout.trim() });
  });

  test("start --wait prints the job at its end", async () => {
    expect(await document("jobs", "get", finishedJob)).toMatchObject({
      status: "finished",
      state_history: { processed_message: "Hello World Hello World Hello World" },
    });
  });

  test("start gives the same job for the same key", async () => {
    const start = () =>
      document("jobs", "start", "test_workflow", "--key", "k", "--data", '{"input":"x"}');
    expect((await start())["job_id"]).toBe((await start())["job_id"]);
  });

  test("start --wait ends with 1 when the job ends badly", async () => {
    const data = ["--data", '{"input":"FAIL"}'];
    const { code, stdout } = await run(["jobs", "start", "test_workflow", ...data, "--wait"]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^state +failed$/m);
  });

  test("wait while the type of their tasks is paused, and say so", async () => {
    const { stdout: paused } = await run(["queues", "pause", "process_data"]);
    expect(paused).toBe('Tasks of the type "process_data" are paused.\n');
    const { job_id } = await document("jobs", "start", "test_workflow", "--data", '{"input":"x"}');
    const why = { code: "paused", reason: 'Tasks of the type "process_data" are paused.' };
    expect(await document("queues", "list")).toMatchObject({
      paused: ["process_data"],
      queues: [{ type: "process_data", waiting: 1, why }],
    });
    expect((await run(["queues", "list"])).stdout).toContain(why.reason);
    expect((await run(["jobs", "get", job_id as string])).stdout).toContain(why.reason);
    await document("queues", "resume", "process_data");
    const get = () => document("jobs", "get", job_id as string);
    await eventually(async () => (await get())["finished"] === true, { timeoutMs: 20_000 });
    expect(await document("queues", "list")).toEqual({ paused: [], queues: [] });
  });

  test("are listed in quarantine, and driven again by their ids or all together", async () => {
    expect(await document("quarantine", "list")).toEqual({ jobs: [] });
    expect(await document("quarantine", "redrive", "--all")).toEqual({ redriven: [], refused: [] });
    const { code, stderr } = await run(["quarantine", "redrive", "0_no"]);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("0_no") });
    expect(await run(["quarantine", "redrive"])).toMatchObject({ code: 2 });
    expect(await run(["quarantine", "redrive", "x", "--code", "y"])).toMatchObject({ code: 2 });
  });

  test("are watched, sent to, listed and cancelled", async () => {
    const file = join(directory, "order.json");
    writeFileSync(file, JSON.stringify(order));
    const start = async (): Promise<string> =>
      (await document("jobs", "start", "order_approval", "--data", `@${file}`))["job_id"] as string;
    const jobId = await start();
    const watching = runCli(["jobs", "watch", jobId, "--json"], { DATA_DIR: dataDirectory });
    started.add(watching);
    await eventually(() => watching.output.stdout.includes("waiting_for_human"), {
      timeoutMs: 20_000,
    });
    const waiting = await run(["jobs", "list", "--status", "waiting_for_human"]);
    expect(waiting.stdout).toMatch(new RegExp(`^JOB.*\\n${jobId} +order_approval@1 `));
    expect(await run(["jobs", "send", jobId, "DANCE"])).toMatchObject({ code: 1 });
    const approve = ["APPROVE", "--data", '{"by":"Mara"}'];
    expect(await document("jobs", "send", jobId, ...approve)).toMatchObject({ status: "accepted" });
    expect(await watching.exited).toBe(0);
    const events = watching.output.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string });
    expect(events.at(-1)).toMatchObject({ type: "finished", job: { current_state: "paid" } });

    const other = await start();
    expect(await document("jobs", "cancel", other)).toEqual({ job_id: other, status: "cancelled" });
    expect(await run(["jobs", "cancel", other])).toMatchObject({ code: 1 });
    const page = await document("jobs", "list", "--limit", "1");
    expect(page["jobs"]).toMatchObject([{ job_id: other, status: "cancelled" }]);
    expect(page["next"]).toEqual(expect.any(String));
  });

  test.each(["SIGTERM", "SIGINT"] as const)("a watch ends with 0 at %s", async (signal) => {
    const { job_id } = await document(
      "jobs",
      "start",
      "order_approval",
      "--data",
      JSON.stringify(order),
    );
    const watching = runCli(["jobs", "watch", job_id as string], { DATA_DIR: dataDirectory });
    started.add(watching);
    await eventually(() => watching.output.stdout !== "", { timeoutMs: 20_000 });
    expect(await watching.kill(signal)).toBe(0);
  });

  test.each([
    [1, "job.finished", ["jobs", "cancel", "FINISHED"]],
    [2, "blueprint.input_invalid", ["jobs", "start", "order_approval"]],
    [2, "event.reserved", ["jobs", "send", "FINISHED", "xstate.stop"]],
    [2, "config.invalid", ["jobs", "list", "--url", "nonsense", "--token", "t"]],
    [3, "job.not_found", ["jobs", "get", "nothing"]],
    [3, "blueprint.not_found", ["jobs", "start", "nothing"]],
    [4, "auth.invalid_token", ["jobs", "list", "--token", "wrong"]],
    [4, "auth.missing_token", ["jobs", "list", "--url", "http://127.0.0.1:1"]],
    [4, "server.unreachable", ["jobs", "list", "--url", "http://127.0.0.1:1", "--token", "t"]],
  ] as const)("end with %i at %s", async (code, error, args) => {
    const given = args.map((word) => (word === "FINISHED" ? finishedJob : word));
    const forPeople = await run(given);
    expect(forPeople).toMatchObject({ code, stdout: "" });
    expect(forPeople.stderr).toMatch(new RegExp(`^error: .+ \\(${error}\\)`, "s"));
    expect(forPeople.stderr).not.toMatch(/^ {4}at /m);
    const forPrograms = await run([...given, "--json"]);
    expect(forPrograms).toMatchObject({ code, stdout: "" });
    expect(JSON.parse(forPrograms.stderr)).toMatchObject({ code: error });
  });
});

describe("a command that is not understood", () => {
  test.each([
    [["nonsense"]],
    [["jobs"]],
    [["help", "nonsense"]],
    [["jobs", "get"]],
    [["jobs", "list", "--limit", "none"]],
    [["jobs", "list", "--status", "none"]],
    [["jobs", "start", "test_flow", "--data", "{"]],
    [["start", "--colour", "red"]],
    [["chart", "test_flow", "--format", "gif"]],
  ])("%j ends with 2, and says why to people and to programs", async (args) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^(error: |Usage: )/);
    const forPrograms = await run([...args, "--json"]);
    expect(forPrograms).toMatchObject({ code: 2, stdout: "" });
    expect(forPrograms.stderr).toMatch(
      /^\{"error":"(?!error: ).+","code":"config.invalid","details":\{\}\}\n$/,
    );
  });

  test("but asking for help or the version ends with 0", async () => {
    const help = await run(["jobs", "start", "--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect((await run(["--help"])).stdout).toContain("Exit codes:");
    expect(await run(["help", "--json"])).toMatchObject({ code: 0, stderr: "" });
    expect((await run(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("start", () => {
  const refused = async (args: readonly string[], env?: Record<string, string>) => {
    const { code, stdout, stderr } = await run(["start", "--log-level", "silent", ...args], env);
    expect({ stdout, stack: /^ {4}at /m.exec(stderr) }).toEqual({ stdout: "", stack: null });
    return { code, error: /\(([a-z_.]+)\)$/m.exec(stderr)?.[1] };
  };

  test("ends with 5 where the port is in use", async () => {
    const args = ["--port", new URL(ready.url).port, "--data", join(directory, "other")];
    expect(await refused(args)).toEqual({ code: 5, error: "server.port_in_use" });
  });

  test("ends with 5 where the data directory is in use, or can't be one", async () => {
    const port = ["--port", "0"];
    const inUse = [...port, "--data", dataDirectory];
    expect(await refused(inUse)).toEqual({ code: 5, error: "store.in_use" });
    const file = join(directory, "file");
    writeFileSync(file, "");
    const unusable = [...port, "--data", file];
    expect(await refused(unusable)).toEqual({ code: 5, error: "store.unusable" });
  });

  test("ends with 2 where the configuration is not valid, or not safe", async () => {
    expect(await refused(["--port", "many"])).toEqual({ code: 2, error: "config.invalid" });
    const production = { NODE_ENV: "production" };
    expect(await refused([], production)).toEqual({ code: 2, error: "config.insecure" });
  });

  test("ends with 1 where blueprints can't be loaded", async () => {
    const args = ["--port", "0", "--blueprints", join(directory, "nowhere")];
    expect(await refused(args)).toEqual({ code: 1, error: "blueprint.load_failed" });
  });

  test("shows no token that it was given, and leaves none", async () => {
    const env = { CLIENT_TOKEN: "client-token-given", GLOBAL_WORKER_TOKEN: "worker-token-given" };
    const data = join(directory, "given");
    const { one, said } = await stay(["start", "--port", "0", "--data", data], env);
    expect(said).toEqual({ url: said.url, console: `${said.url}/console/`, data });
    expect(readdirSync(data)).not.toContain("dev-tokens.json");
    expect(await one.kill("SIGTERM")).toBe(0);
    expect(one.output.stderr).not.toMatch(/token-given/);
  });

  test("ends with 0 when it is told to end while it starts", async () => {
    const one = runCli(["start", "--port", "0", "--data", join(directory, "early")]);
    started.add(one);
    await eventually(() => one.output.stderr !== "", { timeoutMs: 20_000 });
    expect(await one.kill("SIGTERM")).toBe(0);
  });
});

describe("a command that waits for an answer", () => {
  test.each([
    [0, ["jobs", "list", "--token", "t", "--url", "http://"]],
    [0, ["jobs", "send", "0_1", "GO", "--token", "t", "--url", "http://"]],
    [0, ["queues", "list", "--token", "t", "--url", "http://"]],
    [130, ["export", join(directory, "broken-off.ndjson"), "--redis-url", "redis://"]],
  ])("ends with %i at SIGTERM: %j", async (code, args) => {
    const silent = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void silent.close());
    const asked = once(silent, "connection");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const one = runCli([...args.slice(0, -1), `${args.at(-1)}127.0.0.1:${port}`]);
    started.add(one);
    await asked;
    expect(await one.kill("SIGTERM")).toBe(code);
    expect(one.output).toEqual({ stdout: "", stderr: "" });
  });
});

describe("worker run", () => {
  const tasks = "worker/tasks/echo-task.ts";

  test("finds the development server by its data directory, and ends with 0", async () => {
    const env = { DATA_DIR: dataDirectory };
    const { one, said } = await stay(["worker", "run", tasks, "--id", "w-1"], env);
    expect(said).toEqual({ worker_id: "w-1", url: ready.url });
    expect(await one.kill("SIGTERM")).toBe(0);
  });

  test("takes as many tasks at once as --concurrency says", async () => {
    const flags = ["--id", "w-2", "--concurrency", "3"];
    const { one } = await stay(["worker", "run", tasks, ...flags], { DATA_DIR: dataDirectory });
    const headers = { "x-avtomatika-token": ready.client_token };
    const answer = await fetch(`${ready.url}/api/v1/workers`, { headers });
    expect(await answer.json()).toContainEqual(
      expect.objectContaining({ worker_id: "w-2", max_concurrent_tasks: 3 }),
    );
    expect(await one.kill("SIGTERM")).toBe(0);
  });

  test("ends with 0 though it has never reached a server", async () => {
    const nowhere = ["--url", `http://127.0.0.1:${await freePort()}`, "--token", "t"];
    const one = runCli(["worker", "run", tasks, ...nowhere]);
    started.add(one);
    await eventually(() => one.output.stderr !== "", { timeoutMs: 20_000 });
    expect(await one.kill("SIGTERM")).toBe(0);
  });

  test.each([
    [1, "worker.load_failed", ["machines/test-flow.ts", "--token", "t"]],
    [1, "worker.load_failed", ["nowhere", "--token", "t"]],
    [2, "config.invalid", [tasks, "--url", "http://127.0.0.1:1"]],
    [4, "worker.refused", [tasks, "--token", "wrong"]],
  ] as const)("ends with %i at %s", async (code, error, args) => {
    const ended = await run(["worker", "run", ...args]);
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toContain(`(${error})`);
  });
});
