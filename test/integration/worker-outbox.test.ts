// Results on disk: a worker that is killed with -9 loses none, and files that it can't read are in nobody's way.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openGateway, token } from "../unit/gateway/gateway-world.ts";
import { leasedTask } from "../unit/gateway/recording-workers.ts";

type Server = Awaited<ReturnType<typeof openGateway>>;
let server: Server;
let directory: string;
const running: { readonly child: ChildProcess; readonly exited: Promise<unknown> }[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "avtomatika-outbox-"));
  server = await openGateway();
  workers = 0;
});
afterEach(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all(running.splice(0).map(({ exited }) => exited));
  await server.close();
  await rm(directory, { recursive: true });
});

let output = "";
function start(more: Readonly<Record<string, string>> = {}) {
  const worker = join(import.meta.dirname, "../unit/worker");
  const files = [join(worker, "run-tasks.ts"), join(worker, "slow-tasks.ts")];
  const child = spawn(process.execPath, ["--import", "tsx", "--conditions=source", ...files], {
    env: {
      PATH: process.env["PATH"],
      ORCHESTRATOR_URL: server.url,
      WORKER_TOKEN: token,
      WORKER_OUTBOX_DIR: directory,
      ...more,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout!.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const one = { child, exited: once(child, "exit") };
  running.push(one);
  return one;
}
/** The session of the n-th worker that takes tasks, once it is there. */
const sessionOf = (n: number) =>
  eventually(
    () =>
      server.workers.sessions.filter((_, at) => server.workers.introductions[at]!.credits > 0)[n],
    { timeoutMs: 20_000 },
  );
let workers = 0;
const filesLeft = async (): Promise<readonly string[]> =>
  (await readdir(directory, { recursive: true })).filter((path) => /result-\d+\.json$/.test(path));

/** Have a worker do a task whose result nobody acknowledges, and kill it with -9. */
async function dieWithResult(taskId: string, more: Readonly<Record<string, string>> = {}) {
  server.workers.onResult = () => Promise.reject(new Error("the store is full"));
  const { child, exited } = start(more);
  const session = await sessionOf(workers++);
  session.push(leasedTask(taskId, { type: "slow", params: { ms: 0 } }), 45_000);
  await eventually(() => server.workers.results.some(({ attempt }) => attempt.taskId === taskId));
  child.kill("SIGKILL");
  await exited;
  server.workers.onResult = async () => ({ status: "applied" });
  return session.holder;
}

test("the next worker delivers what one that was killed could not, in that one's name, and cleans up", async () => {
  const holder = await dieWithResult("t1", { WORKER_ID: "first" });
  expect(await filesLeft()).toHaveLength(1);
  server.workers.results.length = 0;
  const next = start({ WORKER_ID: "second" });
  await eventually(() => server.workers.results.length === 1, { timeoutMs: 20_000 });
  expect(server.workers.results).toMatchObject([
    { attempt: { taskId: "t1", attempt: 1 }, outcome: { outcome: "ok", output: { done: true } } },
  ]);
  // The leases of the dead are its own: only its name makes the result count.
  const said = server.workers.introductions.findIndex(({ outbox }) => outbox.length === 1);
  expect(server.workers.sessions[said]?.holder).toBe(holder);
  expect(server.workers.introductions[said]).toMatchObject({ credits: 0, draining: true });
  await eventually(async () => (await filesLeft()).length === 0);
  next.child.kill("SIGTERM");
  expect(await next.exited).toEqual([0, null]);
  expect(await readdir(directory)).toEqual([]);
});

test("workers that share a directory leave each other's results alone while they live", async () => {
  server.workers.onResult = () => Promise.reject(new Error("the store is full"));
  start({ WORKER_ID: "first" });
  const first = await sessionOf(0);
  first.push(leasedTask("t1", { type: "slow", params: { ms: 0 } }), 45_000);
  await eventually(() => server.workers.results.length === 1);
  start({ WORKER_ID: "second" });
  await sessionOf(1);
  expect(await filesLeft()).toHaveLength(1);
  expect(server.workers.introductions[1]?.outbox).toEqual([]);
  expect(server.workers.calls.some((call) => call.startsWith("disconnect"))).toBe(false);
});

test("workers that go on deliver what one of them has left, and only one of them does", async () => {
  for (const id of ["second", "third"]) {
    start({ WORKER_ID: id });
    await sessionOf(workers++);
  }
  const holder = await dieWithResult("t1", { WORKER_ID: "first" });
  server.workers.results.length = 0;
  // Whoever takes a result over moves its file: for a moment there seems to be none.
  await eventually(() => server.workers.results.length > 0, { timeoutMs: 25_000 });
  await eventually(async () => (await filesLeft()).length === 0);
  expect(server.workers.results).toMatchObject([{ attempt: { taskId: "t1", attempt: 1 } }]);
  const inItsName = server.workers.sessions.filter((session) => session.holder === holder);
  expect(inItsName).toHaveLength(2);
});

test("what several have left is delivered, also by one that dies over it", async () => {
  await dieWithResult("t1");
  server.workers.onResult = () => Promise.reject(new Error("the store is full"));
  // Takes the first one's result over, can't deliver it, does a task of its own, and dies.
  await dieWithResult("t2");
  expect(await filesLeft()).toHaveLength(2);
  server.workers.results.length = 0;
  start();
  await eventually(() => server.workers.results.length === 2, { timeoutMs: 20_000 });
  expect(server.workers.results.map(({ attempt }) => attempt.taskId).toSorted()).toEqual([
    "t1",
    "t2",
  ]);
  await eventually(async () => (await filesLeft()).length === 0);
});

test("files that are cut short or foreign are put aside with a line in the log, and the rest is delivered", async () => {
  await dieWithResult("t1");
  const [path] = await filesLeft();
  const folder = join(directory, path!, "..");
  const good = await readFile(join(directory, path!), "utf8");
  await writeFile(join(folder, "result-7.json"), good.slice(0, -20));
  await writeFile(join(folder, "result-8.json"), '{"format":1,"url":"http://a","frame":"{}"}');
  await writeFile(join(folder, "result-9.json.new"), "half a res");
  await writeFile(join(directory, "notes.txt"), "mine");
  await mkdir(join(directory, "photos"));
  server.workers.results.length = 0;
  output = "";
  const next = start();
  await eventually(() => server.workers.results.length === 1, { timeoutMs: 20_000 });
  await eventually(async () => (await filesLeft()).length === 2);
  const aside = await readdir(join(directory, "unreadable"));
  expect(aside.map((name) => name.slice(-13))).toEqual(["result-7.json", "result-8.json"]);
  expect(output).toContain("it is put aside");
  expect(output).toContain("it is left alone");
  expect(await readFile(join(directory, "notes.txt"), "utf8")).toBe("mine");
  expect(await readdir(directory)).toContain("photos");
  next.child.kill("SIGTERM");
  await next.exited;
});

test("a directory that can't be used stops the worker before it takes any task", async () => {
  const file = join(directory, "file");
  await writeFile(file, "");
  const { exited } = start({ WORKER_OUTBOX_DIR: join(file, "inside") });
  expect(await exited).toEqual([1, null]);
  expect(server.workers.sessions).toEqual([]);
});
