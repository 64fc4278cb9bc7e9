// The command line as real processes: what it prints, how it ends, and that it leaves nothing behind.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { freePort, runCli, type CliProcess } from "../support/cli-process.ts";
import { eventually } from "../support/eventually.ts";

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
async function run(args: readonly string[], env: Record<string, string> = { DATA_DIR: dataDirectory }) {
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
beforeAll(async () => {
  ({ one: dev, said: ready } = await stay(["dev", "--port", "0", "--data", dataDirectory]));
  started.delete(dev);
});
afterEach(async () => {
  for (const one of started) await one.kill();
  started.clear();
});
afterAll(async () => {
  await dev.kill("SIGTERM");
  rmSync(directory, { recursive: true, force: true });
});

const processesWith = (word: string): readonly string[] =>
  readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word);
    } catch {
      return false;
    }
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
  test("start prints the id; with --wait the job at its end", async () => {
    const data = ["--data", '{"message":"a","multiply":2}'];
    const { code, stdout } = await run(["jobs", "start", "test_flow", ...data]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\S+\n$/);
    expect(await document("jobs", "get", stdout.trim())).toMatchObject({ job_id: stdout.trim() });

    const waited = await run(["jobs", "start", "test_flow@1", ...data, "--wait", "--json"]);
    expect(waited.code).toBe(0);
    expect(JSON.parse(waited.stdout)).toMatchObject({
      status: "finished",
      state_history: { processed_message: "a a" },
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
    const events = watching.output.stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as { type: string });
    expect(events.at(-1)).toMatchObject({ type: "finished", job: { current_state: "paid" } });

    const other = await start();
    expect(await document("jobs", "cancel", other)).toEqual({ job_id: other, status: "cancelled" });
    expect(await run(["jobs", "cancel", other])).toMatchObject({ code: 1 });
    const page = await document("jobs", "list", "--limit", "1");
    expect(page["jobs"]).toMatchObject([{ job_id: other, status: "cancelled" }]);
    expect(page["next"]).toEqual(expect.any(String));
  });

  test.each(["SIGTERM", "SIGINT"] as const)("a watch ends with 0 at %s", async (signal) => {
    const { job_id } = await document("jobs", "start", "order_approval", "--data", JSON.stringify(order));
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
    const data = '{"message":"a"}';
    const finished = args.includes("FINISHED" as never)
      ? await document("jobs", "start", "test_flow", "--data", data, "--wait", "--key", "finished")
          .catch(() => document("jobs", "start", "test_flow", "--data", data, "--key", "finished"))
      : {};
    const given = args.map((word) => (word === "FINISHED" ? String(finished["job_id"]) : word));
    const forPeople = await run(given);
    expect(forPeople).toMatchObject({ code, stdout: "" });
    expect(forPeople.stderr).toMatch(new RegExp(`^error: .+ \\(${error}\\)`, "s"));
    expect(forPeople.stderr).not.toMatch(/^ {4}at /m);
    const forPrograms = await run([...given, "--json"]);
    expect(forPrograms).toMatchObject({ code, stdout: "" });
    expect(JSON.parse(forPrograms.stderr)).toMatchObject({ code: error });
  });
});
