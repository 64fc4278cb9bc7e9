// The WebSockets of the older dialect: cancellation goes out, progress comes in.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { WorkerTokens } from "../../../src/gateway/worker-tokens.ts";
import { eventually } from "../../support/eventually.ts";
import { openOlderWorld, token, type OlderWorld } from "./older-world.ts";

let world: OlderWorld;
beforeEach(async () => {
  world = await openOlderWorld();
});
afterEach(() => world.close());

async function runningTask(): Promise<{ jobId: string; taskId: string }> {
  await world.register("w1");
  const jobId = await world.startJob();
  const { body } = await world.poll("w1");
  return { jobId, taskId: String(body["task_id"]) };
}

const progressOf = async (jobId: string) => {
  const [wait] = (await world.job(jobId)).waits;
  return wait?.kind === "task" ? wait.progress : undefined;
};

describe("a cancellation", () => {
  const command = (jobId: string, taskId: string) => ({
    type: "cancel_task",
    command: "cancel_task",
    task_id: taskId,
    job_id: jobId,
  });

  test.each(["/_worker/ws", "/_worker/ws/w1"])(
    "reaches a socket at %s, in both spellings",
    async (path) => {
      const { jobId, taskId } = await runningTask();
      const { received } = await world.socket(path);
      await world.runtime.jobs.cancel(jobId, "not wanted");
      await eventually(() => received.length > 0);
      expect(received).toEqual([command(jobId, taskId)]);
    },
  );

  test("reaches every process that shares the id, and no other worker", async () => {
    const { jobId } = await runningTask();
    const mine = [await world.socket("/_worker/ws/w1"), await world.socket("/_worker/ws/w1")];
    const other = await world.socket("/_worker/ws/w2");
    await world.runtime.jobs.cancel(jobId, "not wanted");
    await eventually(() => mine.every(({ received }) => received.length === 1));
    expect(other.received).toEqual([]);
  });

  test("that overtook its task is said again with the next heartbeat", async () => {
    const { jobId, taskId } = await runningTask();
    await world.runtime.jobs.cancel(jobId, "not wanted");
    const { received } = await world.socket();
    await world.heartbeat("w1", { load: 1, supported_tasks: ["echo"] });
    await eventually(() => received.length > 0);
    expect(received).toContainEqual(command(jobId, taskId));
  });

  test("stands in the answer to the next heartbeat, too", async () => {
    const { jobId, taskId } = await runningTask();
    await world.runtime.jobs.cancel(jobId, "not wanted");
    const { body } = await world.heartbeat("w1", { load: 1, supported_tasks: ["echo"] });
    expect(body["cancel_task_ids"]).toEqual([taskId]);
    expect((await world.heartbeat("w1")).body).not.toHaveProperty("cancel_task_ids");
  });

  test("is followed by a result that is taken without complaint", async () => {
    const { jobId, taskId } = await runningTask();
    await world.runtime.jobs.cancel(jobId, "not wanted");
    const result = await world.result(
      "w1",
      { job_id: jobId, task_id: taskId },
      { status: "cancelled" },
    );
    expect(result).toMatchObject({ status: 200 });
    expect((await world.job(jobId)).status).toBe("cancelled");
  });
});

describe("progress", () => {
  test.each([
    [0.25, 0.25],
    [50, 0.5],
    [100, 1],
    [1, 1],
    [0, 0],
    ["0.5", 0.5],
    [250, 1],
  ])("of %j is kept as %j", async (progress, ratio) => {
    const { jobId, taskId } = await runningTask();
    const { socket } = await world.socket();
    const report = {
      type: "progress_update",
      task_id: taskId,
      job_id: jobId,
      progress,
      message: "half",
    };
    socket.send(JSON.stringify(report));
    await eventually(async () => (await progressOf(jobId)) !== undefined);
    expect(await progressOf(jobId)).toEqual({ ratio, message: "half" });
  });

  test("counts to 100 once it has been above 1", async () => {
    const { jobId, taskId } = await runningTask();
    const { socket } = await world.socket();
    for (const progress of [40, 1])
      socket.send(
        JSON.stringify({ event: "progress_update", task_id: taskId, job_id: jobId, progress }),
      );
    await eventually(async () => {
      await world.clock.advance(100);
      return (await progressOf(jobId))?.ratio === 0.01;
    });
  });

  test("binds a socket without an id to the worker that has the task", async () => {
    const { jobId, taskId } = await runningTask();
    const mine = await world.socket();
    mine.socket.send(
      JSON.stringify({ type: "progress_update", task_id: taskId, job_id: jobId, progress: 0.1 }),
    );
    await eventually(async () => (await progressOf(jobId)) !== undefined);
    await world.register("w2");
    const other = await world.startJob();
    await world.poll("w2");
    await world.runtime.jobs.cancel(other, "not wanted");
    const unbound = await world.socket();
    await world.runtime.jobs.cancel(jobId, "not wanted");
    await eventually(() => unbound.received.length > 0 && mine.received.length > 0);
    expect(mine.received.map((one) => one["job_id"])).toEqual([jobId]);
  });

  test("of another's task is dropped", async () => {
    const { jobId, taskId } = await runningTask();
    await world.register("w2");
    const { socket } = await world.socket("/_worker/ws/w2");
    const report = { type: "progress_update", task_id: taskId, job_id: jobId, progress: 0.9 };
    socket.send(JSON.stringify(report));
    socket.ping();
    await new Promise((resolve) => socket.once("pong", resolve));
    expect(await progressOf(jobId)).toBeUndefined();
    expect(world.logged.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({ workerId: "w2", frame: "progress", taskId, attempt: 1 }),
    );
  });
});

describe("a socket", () => {
  test.each([
    ["a binary message", Buffer.from("{}"), 1003],
    ["what is not JSON", "{", 1007],
    ["a dangerous key", '{"__proto__": 1}', 1007],
    ["JSON that nests too deep", `${"[".repeat(100)}${"]".repeat(100)}`, 1007],
    ["more than a megabyte", " ".repeat(1024 * 1024 + 1), 1009],
  ])("that says %s is closed", async (_, message, code) => {
    const { socket, closed } = await world.socket();
    socket.send(message);
    expect(await closed).toBe(code);
  });

  test.each(["[]", "7", "{}", '{"type": "other"}', '{"type": "progress_update"}'])(
    "that says %s, which nobody here knows, stays",
    async (message) => {
      const { socket } = await world.socket();
      socket.send(message);
      socket.ping();
      await new Promise((resolve) => socket.once("pong", resolve));
      expect(socket.readyState).toBe(socket.OPEN);
    },
  );

  test("is closed with 1001 when the server stops", async () => {
    const { closed } = await world.socket();
    await world.gateway.close(0);
    expect(await closed).toBe(1001);
  });

  test("is closed with 1008 when its token is not good any more", async () => {
    const tokens = new WorkerTokens(token, new Map([["w1", { token: "own" }]]));
    await world.close();
    world = await openOlderWorld({ tokens });
    const own = await world.socket("/_worker/ws/w1", { "x-worker-token": "own" });
    const shared = await world.socket("/_worker/ws/w2");
    tokens.replace(new Map([["w1", { token: "another" }]]));
    world.gateway.recheckTokens();
    expect(await own.closed).toBe(1008);
    expect(shared.socket.readyState).toBe(shared.socket.OPEN);
  });

  test("that answers no ping for five minutes is cut off", async () => {
    const { socket, closed } = await world.socket();
    socket.pause();
    await world.clock.advance(400_000);
    socket.resume();
    expect(await closed).toBe(1006);
  });
});

describe("a worker whose socket came to another node than its task", () => {
  let near: OlderWorld;
  let far: OlderWorld;
  beforeEach(async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock, shards: 2, shared: true });
    near = await openOlderWorld({ clock, store, nodeId: "near" });
    far = await openOlderWorld({ clock, store, nodeId: "far" });
    await clock.advance(2_000);
  });
  afterEach(() => Promise.all([near.close(), far.close()]));

  async function taskAtNear(): Promise<{ jobId: string; taskId: string }> {
    await near.register("w1");
    const jobId = await near.startJob();
    const { body } = await near.poll("w1");
    return { jobId, taskId: String(body["task_id"]) };
  }

  test.each(["/_worker/ws", "/_worker/ws/w1"])("is told of a cancellation at %s", async (path) => {
    const { jobId, taskId } = await taskAtNear();
    const { received } = await far.socket(path);
    await far.runtime.jobs.cancel(jobId, "not wanted");
    await eventually(() => received.length > 0);
    expect(received).toEqual([
      { type: "cancel_task", command: "cancel_task", task_id: taskId, job_id: jobId },
    ]);
  });

  test.each(["/_worker/ws", "/_worker/ws/w1"])("is heard when it reports at %s", async (path) => {
    const { jobId, taskId } = await taskAtNear();
    const { socket } = await far.socket(path);
    socket.send(JSON.stringify({ event: "progress_update", task_id: taskId, progress: 0.5 }));
    await eventually(async () => {
      const [wait] = (await near.job(jobId)).waits;
      return wait?.kind === "task" && wait.progress?.ratio === 0.5;
    });
  });

  test("cannot report for a task that another worker was given", async () => {
    const { jobId, taskId } = await taskAtNear();
    const stranger = await far.socket("/_worker/ws/w2");
    const own = await far.socket("/_worker/ws/w1");
    const report = (progress: number): string =>
      JSON.stringify({ event: "progress_update", task_id: taskId, progress });
    stranger.socket.send(report(0.9));
    own.socket.send(report(0.25));
    await eventually(async () => {
      const [wait] = (await near.job(jobId)).waits;
      return wait?.kind === "task" && wait.progress?.ratio === 0.25;
    });
  });
});
