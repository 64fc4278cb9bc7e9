// Task files that change while a worker runs: new code for new tasks, the old for those that run. And what it tells of itself.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openGateway, token } from "../unit/gateway/gateway-world.ts";
import { leasedTask } from "../unit/gateway/recording-workers.ts";

type Server = Awaited<ReturnType<typeof openGateway>>;
const root = join(import.meta.dirname, "../..");
let server: Server;
let folder: string;
let child: ChildProcess;
let exited: Promise<unknown[]>;
let output = "";
beforeEach(async () => {
  server = await openGateway();
  folder = await mkdtemp(join(tmpdir(), "avtomatika-watch-"));
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
});
afterEach(async () => {
  child.kill("SIGKILL");
  await exited;
  await server.close();
  await rm(folder, { recursive: true });
});

/** A file with a task that says its version when it is told to go on, or at once. */
const taskFile = (version: string, more = "") => `
import { defineTask } from ${JSON.stringify(join(root, "worker/index.ts"))};
import { word } from "./word.ts";
export const say = defineTask("say", async ({ params, progress }) => {
  progress(0, "running");
  await new Promise((resolve) => setTimeout(resolve, params.ms ?? 0));
  return { version: "${version}", word };
});
${more}
`;
async function start(...args: readonly string[]): Promise<void> {
  const main = join(root, "src/cli/main.ts");
  const node = ["--import", "tsx", "--conditions=source", main];
  child = spawn(
    process.execPath,
    [...node, "worker", "run", folder, "--url", server.url, ...args],
    {
      cwd: root,
      env: { PATH: process.env["PATH"], WORKER_TOKEN: token, WORKER_ID: "w1", WORKER_PORT: "0" },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  exited = once(child, "exit");
  child.stderr!.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await eventually(() => server.workers.sessions.length === 1, { timeoutMs: 30_000 });
}
const push = (taskId: string, params: unknown = {}) =>
  server.workers.session.push(leasedTask(taskId, { type: "say", params }), 45_000);
const outcome = (taskId: string) =>
  eventually(
    () => server.workers.results.find(({ attempt }) => attempt.taskId === taskId)?.outcome,
    { timeoutMs: 30_000 },
  );
/** Change a file, and wait until the worker says that it has noticed. */
async function change(name: string, text: string, said: string): Promise<void> {
  output = "";
  await writeFile(join(folder, name), text);
  await eventually(() => output.includes(said), { timeoutMs: 30_000 });
}

test("changed files are taken up, what runs is not disturbed, and what can't be loaded changes nothing", async () => {
  await writeFile(join(folder, "word.ts"), 'export const word = "one";');
  await writeFile(join(folder, "say.ts"), taskFile("1"));
  await start("--watch");
  push("long", { ms: 8_000 });
  await eventually(() => server.workers.reports.length === 1, { timeoutMs: 30_000 });
  await change("say.ts", taskFile("2"), "are taken up");
  push("t2");
  expect(await outcome("t2")).toMatchObject({ output: { version: "2", word: "one" } });
  // What the file imports is new as well.
  await change("word.ts", 'export const word = "two";', "are taken up");
  push("t3");
  expect(await outcome("t3")).toMatchObject({ output: { version: "2", word: "two" } });
  await change("say.ts", "export const say = ;", "can't be taken up");
  push("t4");
  expect(await outcome("t4")).toMatchObject({ output: { version: "2", word: "two" } });
  expect(await outcome("long")).toMatchObject({ output: { version: "1", word: "one" } });
  // Other types are another hello; the process is the same.
  const { holder } = server.workers.session;
  const more = 'export const two = defineTask("two", () => 2);';
  await change("say.ts", taskFile("3", more), "are taken up");
  const isNew = () => server.workers.session.types.has("two");
  await eventually(isNew, { timeoutMs: 30_000 });
  expect(server.workers.session.holder).toBe(holder);
  push("t5");
  expect(await outcome("t5")).toMatchObject({ output: { version: "3" } });
  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
});

test("a port tells supervisors how the worker is, and Prometheus what it does", async () => {
  await writeFile(join(folder, "word.ts"), 'export const word = "one";');
  await writeFile(join(folder, "say.ts"), taskFile("1"));
  output = "";
  await start();
  const port = await eventually(() => /"port":(\d+),"msg":"health/.exec(output)?.[1]);
  const get = async (path: string, method = "GET") => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };
  expect(await get("/health")).toEqual({ status: 200, text: '{"status":"ok"}' });
  expect(JSON.parse((await get("/ready")).text)).toMatchObject({
    status: "ready",
    worker_id: "w1",
    slots: 10,
    running: 0,
    orchestrators: [{ connected: true }],
  });
  push("t1");
  push("t2", { ms: 60_000 });
  await outcome("t1");
  const { text } = await get("/metrics");
  expect(text).toContain('avtomatika_worker_tasks_total{type="say",ending="success"} 1\n');
  expect(text).toContain('avtomatika_worker_running_tasks{type="say"} 1\n');
  expect(text).toMatch(/^avtomatika_worker_event_loop_lag_seconds [\d.e-]+$/m);
  expect((await get("/other")).status).toBe(404);
  expect((await get("/health", "POST")).status).toBe(405);
  child.kill("SIGTERM");
  await eventually(async () => (await get("/ready")).status === 503);
  expect((await get("/health")).status).toBe(200);
});
