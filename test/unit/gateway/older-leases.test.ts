// Leases of Python workers: they last as long as the heartbeats say so, whichever node has heard what, and over restarts.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { openOlderWorld, type OlderWorld, type OlderWorldOptions } from "./older-world.ts";

type Task = Record<string, unknown>;

async function given(world: OlderWorld, from?: string): Promise<{ jobId: string; task: Task }> {
  const jobId = await world.startJob();
  const task = (await world.poll("w1", from)).body;
  expect(task).toMatchObject({ job_id: jobId });
  return { jobId, task };
}

/** The attempt that runs, or waits to. */
async function attemptOf(world: OlderWorld, jobId: string): Promise<number | undefined> {
  const [wait] = (await world.job(jobId)).waits;
  return wait?.kind === "task" && wait.state === "leased" ? wait.attempt : undefined;
}

async function minutes(count: number, clock: FakeClock, each: () => Promise<unknown>) {
  for (let minute = 0; minute < count; minute++) {
    await clock.advance(60_000);
    await each();
  }
}

describe("over two nodes", () => {
  let clock: FakeClock;
  let near: OlderWorld;
  let far: OlderWorld;
  const open = async (options: OlderWorldOptions = {}): Promise<void> => {
    clock = new FakeClock();
    const store = new MemoryStore({ clock, shards: 2, shared: true });
    near = await openOlderWorld({ clock, store, nodeId: "near", ...options });
    far = await openOlderWorld({ clock, store, nodeId: "far", ...options });
    await clock.advance(2_000);
  };
  afterEach(() => Promise.all([near.close(), far.close()]));

  test("what is cancelled at one is told by the other, where the node that gave it is gone", async () => {
    await open();
    await near.register("w1");
    const { jobId, task } = await given(near);
    await near.close();
    near = await openOlderWorld({ clock, store: far.store, nodeId: "third" });
    await clock.advance(2_000);
    await near.beat("w1", 1);
    await far.runtime.jobs.cancel(jobId, "not wanted");
    await eventually(async () => {
      const { body } = await near.beat("w1", 1);
      return JSON.stringify(body["cancel_task_ids"]) === JSON.stringify([task["task_id"]]);
    });
  });

  test("a result at one frees the worker at the other, which gave the task", async () => {
    await open();
    await near.register("w1");
    const { task } = await given(near);
    expect(near.runtime.workers.list()[0]).toMatchObject({ running: 1 });
    await far.result("w1", task, {});
    await eventually(() => near.runtime.workers.list().every(({ running }) => running === 0));
  });

  test.each([{ areHintsLost: false }, { areHintsLost: true }])(
    "a result at one does not hold up the leases that the other extends (%j)",
    async (options) => {
      await open(options);
      await near.register("w1");
      const short = await given(near);
      const long = await given(near);
      await far.result("w1", short.task, {});
      await minutes(30, clock, () => near.beat("w1", 1));
      expect(await attemptOf(near, long.jobId)).toBe(1);
      await near.result("w1", long.task, { data: { n: 1 } });
      expect(await near.job(long.jobId)).toMatchObject({ currentState: "completed" });
    },
  );

  test.each([{ areHintsLost: false }, { areHintsLost: true }])(
    "heartbeats at one keep what the other gave (%j)",
    async (options) => {
      await open(options);
      await near.register("w1");
      const jobs = [await given(near), await given(near), await given(near)];
      await minutes(30, clock, () => far.beat("w1", 3));
      for (const { jobId } of jobs) expect(await attemptOf(near, jobId)).toBe(1);
    },
  );

  test("a cancellation reaches the worker where its heartbeats go", async () => {
    await open();
    await near.register("w1");
    const { jobId, task } = await given(near);
    await minutes(10, clock, () => far.beat("w1", 1));
    await near.runtime.jobs.cancel(jobId, "not wanted");
    await eventually(async () => {
      const { body } = await far.beat("w1", 1);
      return (body["cancel_task_ids"] as string[] | undefined)?.includes(String(task["task_id"]));
    });
  });

  test("what a worker has lost is tried again, at whichever node it says so", async () => {
    await open();
    await near.register("w1");
    const { jobId } = await given(near);
    await minutes(7, clock, () => far.beat("w1", 0));
    expect((await near.job(jobId)).waits[0]).toMatchObject({ lastError: { code: "WORKER_LOST" } });
  });
});

describe("after a restart", () => {
  let world: OlderWorld;
  beforeEach(async () => {
    world = await openOlderWorld();
    await world.register("w1");
  });
  afterEach(() => world.close());
  const restart = async (): Promise<void> => {
    const { store, clock } = world;
    await world.close();
    world = await openOlderWorld({ store, clock });
  };

  test("heartbeats keep what was given before", async () => {
    const jobs = [await given(world), await given(world)];
    await restart();
    await minutes(30, world.clock, () => world.beat("w1", 2));
    for (const { jobId } of jobs) expect(await attemptOf(world, jobId)).toBe(1);
    for (const { task } of jobs) await world.result("w1", task, {});
    for (const { jobId } of jobs) expect((await world.job(jobId)).currentState).toBe("completed");
  });

  test("heartbeats of several processes with one id keep what each was given", async () => {
    const addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
    const jobs: string[] = [];
    for (const from of addresses) jobs.push((await given(world, from)).jobId);
    await restart();
    await minutes(30, world.clock, async () => {
      for (const from of addresses) await world.beat("w1", 1, from);
    });
    for (const jobId of jobs) expect(await attemptOf(world, jobId)).toBe(1);
  });

  test("of a worker too, its tasks are tried again", async () => {
    const { jobId } = await given(world);
    await restart();
    await minutes(7, world.clock, () => world.beat("w1", 0));
    expect((await world.job(jobId)).waits[0]).toMatchObject({ lastError: { code: "WORKER_LOST" } });
  });

  test("a worker that says nothing more loses its tasks", async () => {
    const { jobId } = await given(world);
    await restart();
    await world.beat("w1", 1);
    await minutes(15, world.clock, async () => undefined);
    expect((await world.job(jobId)).waits[0]).toMatchObject({ lastError: { code: "WORKER_LOST" } });
  });

  test.each(["before", "after"] as const)(
    "what is cancelled %s its worker has said anything is told with the next heartbeat, and until it is answered",
    async (when) => {
      const { jobId, task } = await given(world);
      await restart();
      if (when === "after")
        expect((await world.beat("w1", 1)).body).not.toHaveProperty("cancel_task_ids");
      await world.runtime.jobs.cancel(jobId, "not wanted");
      const { socket, received } = await world.socket("/_worker/ws/w1");
      for (let beats = 1; beats <= 2; beats++) {
        expect((await world.beat("w1", 1)).body["cancel_task_ids"]).toEqual([task["task_id"]]);
        await eventually(() => received.length >= beats);
        expect(received.at(-1)).toMatchObject({ type: "cancel_task", task_id: task["task_id"] });
      }
      expect((await world.beat("w2", 1)).body).not.toHaveProperty("cancel_task_ids");
      await world.result("w1", task, { status: "cancelled" });
      expect((await world.beat("w1", 0)).body).not.toHaveProperty("cancel_task_ids");
      socket.close();
    },
  );

  test("what is cancelled is told with the next poll, too", async () => {
    const { jobId, task } = await given(world);
    await restart();
    const { received } = await world.socket("/_worker/ws/w1");
    await world.runtime.jobs.cancel(jobId, "not wanted");
    const poll = world.breakablePoll("w1");
    await eventually(() => received.length > 0);
    expect(received[0]).toMatchObject({ type: "cancel_task", task_id: task["task_id"] });
    poll.destroy();
  });

  test("what is lost does not take what runs with it", async () => {
    const lost = await given(world);
    await world.clock.advance(100_000);
    const runs = await given(world);
    await restart();
    // Taken for the other one until it comes out that there is one too many.
    await minutes(30, world.clock, () => world.beat("w1", 1));
    const attempts = [await attemptOf(world, lost.jobId), await attemptOf(world, runs.jobId)];
    expect(attempts.filter((attempt) => attempt === 1)).toHaveLength(1);
  });
});

describe("a worker that has lost one of its tasks", () => {
  test("keeps the others once that one is known to be lost", async () => {
    const world = await openOlderWorld();
    try {
      await world.register("w1");
      const lost = await given(world);
      await minutes(2, world.clock, () => world.beat("w1", 1));
      const kept = await given(world);
      await minutes(30, world.clock, () => world.beat("w1", 1));
      expect((await world.job(lost.jobId)).waits[0]).toMatchObject({
        lastError: { code: "WORKER_LOST" },
      });
      expect(await attemptOf(world, kept.jobId)).toBe(1);
    } finally {
      await world.close();
    }
  });
});

test("a task that is given while its worker names a new type counts", async () => {
  const world = await openOlderWorld();
  try {
    await world.register("w1");
    await given(world);
    const { store } = world;
    const extend = store.extendLeases.bind(store);
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    store.extendLeases = async (extensions) => {
      await gate;
      return extend(extensions);
    };
    const poll = world.poll("w1");
    await world.asked("w1");
    const named = world.heartbeat("w1", { supported_tasks: ["echo", "other"] });
    await eventually(() => world.runtime.workers.list()[0]?.types.includes("other"));
    const jobId = await world.startJob();
    const { body } = await poll;
    go();
    await named;
    expect(body).toMatchObject({ job_id: jobId });
    expect(world.runtime.workers.list()[0]).toMatchObject({ running: 2 });
  } finally {
    await world.close();
  }
});
