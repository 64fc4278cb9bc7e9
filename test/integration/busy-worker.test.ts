// A worker whose handler computes without a pause: its connection and its leases outlive that, and its memory stays bounded.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import type { StoredTask } from "../../src/store/records.ts";
import { eventually } from "../support/eventually.ts";
import { echoFlow } from "../support/sample-blueprints.ts";
import { openWire, token as wireToken } from "../support/wire-world.ts";
import { openGateway, token } from "../unit/gateway/gateway-world.ts";
import { leasedTask } from "../unit/gateway/recording-workers.ts";

const patient = { timeoutMs: 20_000 };
let folder: string;
let child: ChildProcess | undefined;
let exited: Promise<unknown>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "avtomatika-busy-"));
});
afterEach(async () => {
  await kill();
  await rm(folder, { recursive: true });
});
async function kill(): Promise<void> {
  child?.kill("SIGKILL");
  await exited;
}

/** A worker process with the tasks of `busy-tasks.ts`, whose heart beats ten times a second. */
function start(url: string, more: Readonly<Record<string, string>> = {}): void {
  const worker = join(import.meta.dirname, "../unit/worker");
  const files = [join(worker, "run-tasks.ts"), join(worker, "busy-tasks.ts")];
  child = spawn(process.execPath, ["--import", "tsx", "--conditions=source", ...files], {
    env: {
      PATH: process.env["PATH"],
      ORCHESTRATOR_URL: url,
      WORKER_TOKEN: token,
      WORKER_ID: "w1",
      HEARTBEAT_INTERVAL: "0.1",
      BUSY_FOLDER: folder,
      ...more,
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  exited = once(child, "exit");
}
const letGo = () => writeFile(join(folder, "go"), "");
/** The attempts that have begun, as `<task>#<attempt>`. */
const runs = async (): Promise<readonly string[]> =>
  (await readFile(join(folder, "runs"), "utf8").catch(() => "")).split("\n").filter(Boolean);

describe("a handler that keeps its worker busy", () => {
  let wire: Awaited<ReturnType<typeof openWire>>;
  beforeEach(async () => {
    expect(wireToken).toBe(token);
    wire = await openWire([echoFlow]);
    start(`http://127.0.0.1:${wire.port()}`);
    await eventually(() => wire.runtime.workers.list().length === 1, patient);
  });
  afterEach(async () => {
    await kill();
    await wire.close();
  });

  async function begun() {
    const accept = vi.spyOn(wire.runtime.workers, "accept");
    const jobId = await wire.start();
    await eventually(async () => (await runs()).length === 1, patient);
    await eventually(() => accept.mock.calls.length === 1, patient);
    const { taskId } = (await wire.store.listTasks(jobId))[0]!;
    return { jobId, task: async () => (await wire.store.loadTask(taskId))! };
  }
  /** Let the server's time pass, as fast as the worker's heart beats, as long as the task is leased. */
  async function pass(seconds: number, task: () => Promise<StoredTask>): Promise<void> {
    for (let passed = 0; passed < seconds && (await task()).lease; passed += 10) {
      await wire.clock.advance(10_000);
      await eventually(async () => {
        const { lease } = await task();
        return !lease || lease.until >= wire.clock.now() + 45_000;
      }, patient);
    }
  }

  test("keeps its lease and its connection for many times their length, and its result counts", async () => {
    const { jobId, task } = await begun();
    await pass(280, task);
    expect(await task()).toMatchObject({ state: "leased", attempt: 1 });
    expect(wire.runtime.workers.list()).toMatchObject([{ workerId: "w1" }]);
    expect(wire.upgrades()).toBe(1);
    // It lives, but it is blocked: 28 of its heartbeats have come from another thread.
    expect(wire.runtime.workers.list()[0]?.usage?.loopLagMs).toBeGreaterThan(2_000);
    await letGo();
    await wire.reaches(jobId, "completed");
    expect(await runs()).toHaveLength(1);
  });

  test("is bounded by the time that an attempt may run: nothing keeps its lease beyond that", async () => {
    const { task } = await begun();
    await pass(400, task);
    expect(await task()).toMatchObject({ failures: 1, lastError: { code: "RUN_TIMEOUT" } });
    expect(wire.runtime.workers.list()).toMatchObject([{ workerId: "w1" }]);
  });
});

describe("while a worker is busy", () => {
  let server: Awaited<ReturnType<typeof openGateway>>;
  const connect = async (limits = {}): Promise<void> => {
    server = await openGateway(limits);
    start(server.url);
    await eventually(() => server.workers.sessions.length === 1, patient);
  };
  afterEach(async () => {
    await kill();
    await server.close();
  });
  const push = (taskId: string, type: string): void =>
    server.workers.session.push(leasedTask(taskId, { type }), 45_000);
  /** Resolves when so many more heartbeats have come. */
  async function beats(count: number): Promise<readonly string[]> {
    const heard = () => server.workers.calls.filter((call) => call.startsWith("heartbeat"));
    const before = heard().length;
    await eventually(() => heard().length >= before + count, patient);
    return heard().slice(before);
  }

  test("what it begins is accepted, and an attempt that is not its own any more gets no heartbeat", async () => {
    await connect();
    push("t1", "idle");
    await eventually(() => server.workers.calls.includes("accept t1#1"));
    push("t2", "echo");
    await eventually(async () => (await runs()).length === 1);
    await eventually(() => server.workers.calls.includes("accept t2#1"));
    await beats(3);
    expect((await beats(2)).at(-1)).toBe("heartbeat t1,t2");
    server.workers.onHeartbeat = async (running) =>
      running.flatMap((attempt) =>
        attempt.taskId === "t2" ? [{ ...attempt, reason: "fenced" }] : [],
      );
    await beats(2);
    expect(await beats(3)).toEqual(Array(3).fill("heartbeat t1"));
    await letGo();
    // Free again, it takes the next one.
    server.workers.onHeartbeat = async () => [];
    push("t3", "echo");
    await eventually(() => server.workers.results.some(({ attempt }) => attempt.taskId === "t3"));
  });

  test("a connection that breaks is made again, for what runs and without credits, and taken over when it is free", async () => {
    await connect();
    push("t1", "idle");
    push("t2", "echo");
    await eventually(async () => (await runs()).length === 1);
    await eventually(() => server.workers.calls.includes("accept t2#1"), patient);
    server.workers.onConnect = async () => ({
      keep: [{ taskId: "t2", attempt: 1 }],
      drop: [{ taskId: "t1", attempt: 1, reason: "unknown" }],
      want: [],
    });
    server.drop();
    await eventually(() => server.workers.sessions.length === 2, patient);
    expect(server.workers.introductions[1]).toMatchObject({
      credits: 0,
      running: [
        { taskId: "t1", attempt: 1 },
        { taskId: "t2", attempt: 1 },
      ],
    });
    expect(server.workers.sessions[1]!.holder).toBe(server.workers.sessions[0]!.holder);
    expect((await beats(3)).at(-1)).toBe("heartbeat t2");
    server.drop();
    await eventually(() => server.workers.sessions.length === 3, patient);
    await letGo();
    await eventually(() => server.workers.results.length === 1, patient);
    expect(server.workers.results).toMatchObject([{ attempt: { taskId: "t2", attempt: 1 } }]);
    expect(server.workers.introductions.at(-1)?.credits).toBeGreaterThan(0);
  });

  test("a connection that breaks is made again also where it is free for single turns only", async () => {
    await connect();
    server.workers.session.push(leasedTask("t1", { type: "parts", params: { n: 4 } }), 45_000);
    await eventually(async () => (await runs()).length === 1);
    await eventually(() => server.workers.calls.includes("accept t1#1"), patient);
    server.workers.onConnect = async () => ({
      keep: [{ taskId: "t1", attempt: 1 }],
      drop: [],
      want: [],
    });
    server.drop();
    await eventually(() => server.workers.sessions.length === 2, patient);
    for (let part = 0; part < 3; part++) {
      expect((await beats(3)).at(-1)).toBe("heartbeat t1");
      await writeFile(join(folder, `part-${part}`), "");
      await eventually(async () => (await runs()).at(-1) === `part ${part}`, patient);
    }
    // Long enough for whatever it began in its turns to come to something, or to nothing.
    expect((await beats(30)).at(-1)).toBe("heartbeat t1");
    await writeFile(join(folder, "part-3"), "");
    await eventually(() => server.workers.results.length === 1, patient);
    expect(server.workers.introductions.at(-1)?.credits).toBeGreaterThan(0);
  });

  test("its reports go out, and a task that came meanwhile is given back instead of being done late", async () => {
    await connect({ acceptMs: 200 });
    push("t1", "echo");
    await eventually(async () => (await runs()).length === 1);
    push("t2", "echo");
    await eventually(() => server.workers.reports.length > 0);
    await beats(5);
    expect(server.workers.calls).not.toContain("accept t2#1");
    await letGo();
    await eventually(() => server.workers.calls.includes("release t2#1 0"));
    await eventually(() => server.workers.results.length === 1);
    expect(await runs()).toEqual(["t1#1"]);
  });
});

test("a busy worker that is flooded reads no more than it has room for, and catches up", async () => {
  const http = createServer().listen(0, "127.0.0.1");
  await once(http, "listening");
  const sockets = new WebSocketServer({ server: http });
  const connected = once(sockets, "connection");
  start(`http://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const [socket] = (await connected) as [WebSocket];
  let beats = 0;
  const results: string[] = [];
  socket.on("message", (data: Buffer) => {
    for (const frame of [JSON.parse(data.toString())].flat() as { type: string }[])
      if (frame.type === "heartbeat") beats++;
      else if (frame.type === "result") results.push(JSON.stringify(frame));
  });
  const say = (frame: object): void => socket.send(JSON.stringify(frame));
  await once(socket, "message");
  say({
    type: "welcome",
    protocol: 1,
    session_id: "s1",
    heartbeat_ms: 10_000,
    heartbeats_missed_max: 3,
    accept_ms: 5_000,
    frame_bytes_max: 1024 * 1024,
    server_time: new Date().toISOString(),
    keep: [],
    drop: [],
    want: [],
  });
  const ref = { task_id: "t1", attempt: 1 };
  const task = { job_id: "j1", task_type: "echo", params: {}, priority: 5, attempts_max: 3 };
  say({ type: "task", ...ref, ...task, lease_ms: 45_000 });
  await eventually(async () => (await runs()).length === 1, patient);
  const megabytes = 100;
  const flood = { type: "cancel", task_id: "other", attempt: 1, grace_ms: 0 };
  for (let sent = 0; sent < megabytes; sent++)
    say({ ...flood, reason: "x".repeat(1024 * 1024 - 200) });
  // It has stopped reading where nothing more goes out while its heart beats on.
  await eventually(async () => {
    const [unread, beaten] = [socket.bufferedAmount, beats];
    await eventually(() => beats >= beaten + 5, patient);
    return socket.bufferedAmount === unread;
  }, patient);
  expect(socket.bufferedAmount / 2 ** 20).toBeGreaterThan(megabytes / 2);
  await letGo();
  await eventually(() => results.length > 0 && socket.bufferedAmount === 0, patient);
  expect(results[0]).toContain('"outcome":"ok"');
  socket.terminate();
  sockets.close();
  http.close();
});
