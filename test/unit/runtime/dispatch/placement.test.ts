// Tasks that not every worker may do: who gets them, who does not, and what of that holds others up.
import { describe, expect, test } from "vitest";
import type { MemoryStore } from "../../../../src/store/memory/memory-store.ts";
import { given, workWorld as world } from "../../../support/work-world.ts";

const gpu = { resources: { gpu_info: { model: "A100", vram_gb: 80 } } };
const needsGpu = { requirements: { gpu_info: { vram_gb: 40 } } };

describe("a task with requirements", () => {
  test("goes to a worker that satisfies them, and waits for one where there is none", async () => {
    const { connect, start } = await world({ gpu: needsGpu });
    const plain = await connect("plain");
    await start("gpu", 1);
    await start("gpu", 2);
    const strong = await connect("strong", 2, gpu);
    expect(given(plain)).toEqual([]);
    expect(given(strong)).toEqual([1, 2]);
  });

  test("that nobody here satisfies holds nothing up behind it", async () => {
    const { store, connect, start, clock } = await world({ gpu: needsGpu, plain: {} });
    for (let n = 0; n < 20; n++) await start("gpu", n);
    const worker = await connect("plain", 1);
    const claims = countCalls(store, "claimTasks");
    for (let n = 0; n < 20; n++) {
      await start("plain", n);
      await worker.succeed(worker.accept());
      await clock.advance(0);
    }
    expect(given(worker)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(claims()).toBe(0);
  });

  test("is given away once its worker describes itself anew", async () => {
    const { runtime, connect, start, clock } = await world({ gpu: needsGpu });
    const worker = await connect("w");
    await start("gpu");
    runtime.workers.describe(worker, { workerType: "x", labels: {}, ...gpu });
    await clock.advance(0);
    expect(given(worker)).toEqual(["gpu"]);
  });
});

describe("a task that takes several slots", () => {
  test("goes where so many are free, and counts for as many", async () => {
    const { connect, start, runtime } = await world({ big: { slots: 3 }, small: {} });
    const worker = await connect("w", 4);
    await start("big");
    await start("big");
    await start("small");
    await start("small");
    expect(given(worker)).toEqual(["big", "small"]);
    expect(runtime.workers.list()).toMatchObject([{ running: 2, status: "busy" }]);
    await worker.succeed(worker.tasks[0]!);
    await expect.poll(() => given(worker)).toEqual(["big", "small", "big"]);
  });

  test("is not starved by small ones: after a while one worker keeps its slots for it", async () => {
    const { connect, start, clock } = await world({ big: { slots: 2 }, small: {} });
    const worker = await connect("w", 2);
    await start("small", 0);
    await start("small", 1);
    await start("big");
    for (let n = 2; n < 20; n++) await start("small", n);
    for (let done = 0; !given(worker).includes("big"); done++) {
      expect(done).toBeLessThan(20);
      await worker.succeed(worker.tasks[done]!);
      await clock.advance(2_000);
    }
    for (let n = worker.tasks.length - 1; n >= 0; n--) await worker.succeed(worker.tasks[n]!);
    await expect.poll(() => given(worker).slice(-2)).toHaveLength(2);
    expect(given(worker).at(-1)).not.toBe("big");
  });

  test("is saved for by nobody who can't do it any more: that worker goes on with others", async () => {
    const big = { slots: 2, requirements: { labels: { gpu: "yes" } } };
    const { connect, start, clock, runtime } = await world({ big, small: {} });
    const worker = await connect("w", 2, { labels: { gpu: "yes" } });
    await start("small", 0);
    await start("small", 1);
    await start("big");
    for (let n = 2; n < 6; n++) await start("small", n);
    await worker.succeed(worker.accept());
    await clock.advance(11_000);
    await worker.succeed(worker.tasks[0]!);
    await clock.advance(0);
    runtime.workers.describe(worker, { labels: {} });
    for (let done = 2; given(worker).length < 6; done++) {
      expect(done).toBeLessThan(20);
      await clock.advance(1_000);
      const task = worker.tasks[done];
      if (task) await worker.succeed(task);
    }
    expect(given(worker)).not.toContain("big");
  });
});

describe("a strategy", () => {
  test.each([
    ["default", ["warm", "warm", "cheap", "cheap", "dear"]],
    ["cheapest", ["cheap", "cheap", "warm", "warm", "dear"]],
    ["round_robin", ["cheap", "dear", "warm", "cheap", "dear"]],
  ] as const)("%s chooses among the free workers of this node: %j", async (strategy, expected) => {
    const { connect, start, runtime } = await world({ it: { strategy } });
    await connect("cheap", 2, { costPerSecond: 1 });
    await connect("dear", 2, { costPerSecond: 3 });
    await connect("warm", 2, { costPerSecond: 2, hotCache: ["work"] });
    const got: string[] = [];
    for (let n = 0; n < 5; n++) {
      const jobId = await start("it");
      const [wait] = (await runtime.jobs.get(jobId))!.waits;
      got.push(wait?.kind === "task" ? wait.workerId! : "");
    }
    expect(got).toEqual(expected);
  });

  test("overflow fills the cheapest up to the soft limit, then the next, then whoever has fewest", async () => {
    const { connect, start } = await world({ it: { strategy: "overflow" } }, { softLimit: 2 });
    const cheap = await connect("cheap", 9, { costPerSecond: 1 });
    const dear = await connect("dear", 9, { costPerSecond: 2 });
    for (let n = 0; n < 6; n++) await start("it", n);
    expect([given(cheap), given(dear)]).toEqual([
      [0, 1, 4],
      [2, 3, 5],
    ]);
  });

  test("overflow leaves the soft limit alone where nobody else is there", async () => {
    const { connect, start } = await world({ it: { strategy: "overflow" } }, { softLimit: 1 });
    const only = await connect("only", 3, { costPerSecond: 1 });
    for (let n = 0; n < 3; n++) await start("it", n);
    expect(given(only)).toEqual([0, 1, 2]);
  });

  test("best_value turns away from a worker whose tasks fail, whatever it says of itself", async () => {
    const { connect, start, runtime, clock } = await world({
      it: { strategy: "best_value", retry: { maxAttempts: 1 } },
    });
    const bad = await connect("bad", 9, { costPerSecond: 1 });
    const good = await connect("good", 9, { costPerSecond: 1.5 });
    for (let n = 0; n < 3; n++) {
      await start("it", n);
      await bad.fail(bad.accept());
    }
    await clock.advance(0);
    await start("it", "last");
    expect(given(good)).toEqual(["last"]);
    expect(runtime.workers.list()).toMatchObject([{ reputation: 0.625 }, { reputation: 1 }]);
  });

  test.each([
    ["least_connections", [2, 2]],
    ["overflow", [1, 3]],
  ] as const)(
    "%s holds for tasks that come out of the backlog together, too",
    async (strategy, shares) => {
      const { connect, start, clock, store } = await world({ it: { strategy } }, { softLimit: 3 });
      const first = await connect("w1", 3, { costPerSecond: 2 });
      const second = await connect("w2", 4, { costPerSecond: 1 });
      const commit = store.commit.bind(store);
      // Without offers everything goes through the backlog.
      store.commit = (asked) =>
        commit({
          ...asked,
          ops: asked.ops.map((op) => ("offer" in op ? { op: op.op, task: op.task } : op)),
        });
      for (let n = 0; n < 4; n++) await start("it", n);
      await clock.advance(0);
      expect([given(first).length, given(second).length]).toEqual(shares);
    },
  );
});

function countCalls(store: MemoryStore, name: "claimTasks"): () => number {
  let calls = 0;
  const call = store[name].bind(store);
  store[name] = (claim) => {
    calls++;
    return call(claim);
  };
  return () => calls;
}
