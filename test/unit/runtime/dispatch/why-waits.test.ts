// Why tasks wait, in a sentence: by rule, and as queues and jobs tell it while that changes.
import { describe, expect, test } from "vitest";
import type { QueueSpec } from "../../../../src/runtime/dispatch/queue.ts";
import { whyWaits } from "../../../../src/runtime/dispatch/why-waits.ts";
import type { WorkerView } from "../../../../src/runtime/worker-pool.ts";
import { workWorld } from "../../../support/work-world.ts";

function worker(workerId: string, said: Partial<WorkerView> = {}): WorkerView {
  return {
    workerId,
    workerType: "w",
    types: ["t"],
    maxConcurrentTasks: 4,
    running: 0,
    freeSlots: 4,
    status: "idle",
    connectedAt: 0,
    labels: {},
    resources: {},
    reputation: 1,
    ...said,
  };
}
const busy = { freeSlots: 0 };
const eu: Partial<QueueSpec> = { requirements: { labels: { zone: "eu" } } };
const us = { labels: { zone: "us" } };
const rate = { count: 2, perMs: 1000 };

const cases: readonly [string, Partial<QueueSpec>, readonly WorkerView[], string?][] = [
  ['No worker that does "t" is connected.', {}, [worker("a", { types: ["other"] })]],
  ["The one worker that may do it is busy.", {}, [worker("a", busy)]],
  ["All 2 workers that may do it are busy.", {}, [worker("a", busy), worker("b", busy)]],
  [
    "The one worker that may do it is busy.",
    eu,
    [worker("a", us), worker("b", { ...busy, labels: { zone: "eu" } })],
  ],
  [
    'The one worker that does "t" does not satisfy what it needs: a has the label "zone" "us", which must be "eu".',
    eu,
    [worker("a", us)],
  ],
  [
    'None of the 5 workers that do "t" satisfies what it needs: 1 has no GPU; 2 has no GPU; 3 has no GPU; and so on for 2 more.',
    { requirements: { gpu_info: {} } },
    ["1", "2", "3", "4", "5"].map((id) => worker(id)),
  ],
  [
    "It takes 3 slots, and no worker that may do it has as many free.",
    { slots: 3 },
    [worker("a", { freeSlots: 2 })],
  ],
  [
    'As many tasks of the key "k" run as may at once: 2.',
    { limit: { key: "k", concurrency: 2 } },
    [worker("a")],
  ],
  [
    'As many tasks of the key "k" have begun as may: 2 within 1000 ms.',
    { limit: { key: "k", rate } },
    [worker("a")],
    "isAtRate",
  ],
  ['Tasks of the type "t" are paused.', {}, [worker("a")], "isPaused"],
  ["A worker that may do it is free, and is about to be given it.", {}, [worker("a")]],
  [
    "The one worker that may do it is busy.",
    {},
    [worker("pausing", { ...busy, maxConcurrentTasks: 0 })],
  ],
];
test.each(cases)("%s", (reason, spec, workers, flag) => {
  const facts = { workers, isPaused: flag === "isPaused", isAtRate: flag === "isAtRate" };
  expect(whyWaits({ type: "t", ...spec }, facts).reason).toBe(reason);
});

describe("a queued task", () => {
  test("says why it waits in its job and in its queue, for as long as it does", async () => {
    const { connect, start, runtime } = await workWorld({
      it: { requirements: { cpu_cores: 8 } },
    });
    const jobId = await start("it");
    const why = async () => {
      const [wait] = (await runtime.jobs.get(jobId))!.waits;
      const [queue] = await runtime.queues.list();
      const told = wait?.kind === "task" ? wait.why : undefined;
      expect(queue?.why).toEqual(told);
      return told?.code;
    };
    expect(await why()).toBe("no_worker");
    await connect("small", 1, { resources: { cpu_cores: 2 } });
    expect(await why()).toBe("unsatisfied");
    await runtime.queues.pause("work");
    expect(await why()).toBe("paused");
    await connect("large", 1, { resources: { cpu_cores: 16 } });
    await runtime.queues.resume("work");
    await expect.poll(why).toBeUndefined();
    expect(await runtime.queues.list()).toEqual([]);
  });

  test("waits for a worker of another node as for one of this", async () => {
    const { connect, start, another, runtime, clock } = await workWorld({ it: {} });
    const other = await another("n2");
    await connect("there", 1, {}, other.runtime.workers);
    await clock.advance(4_000);
    await start("it", 1);
    await clock.advance(0);
    await start("it", 2);
    await clock.advance(4_000);
    expect(await runtime.queues.list()).toMatchObject([
      { type: "work", waiting: 1, why: { code: "busy" } },
    ]);
  });
});

describe("a paused type", () => {
  test("begins no tasks, from the commit or the backlog, until it is resumed; what runs goes on", async () => {
    const { connect, start, runtime, clock } = await workWorld({ it: {} });
    const worker = await connect("w", 2);
    await start("it", 1);
    await runtime.queues.pause("work");
    await start("it", 2);
    await worker.succeed(worker.accept());
    await clock.advance(10_000);
    expect(worker.tasks).toHaveLength(1);
    expect(runtime.queues.paused()).toEqual(["work"]);
    expect(await runtime.queues.list()).toMatchObject([{ type: "work", waiting: 1 }]);
    await runtime.queues.resume("work");
    await clock.advance(0);
    expect(worker.tasks).toHaveLength(2);
  });

  test("is paused on all nodes, and still is after a restart", async () => {
    const { start, another, connect, runtime, clock } = await workWorld({ it: {} });
    const { runtime: other } = await another("n2");
    const worker = await connect("w", 1, {}, other.workers);
    await runtime.queues.pause("work");
    await clock.advance(0);
    expect(other.queues.paused()).toEqual(["work"]);
    const { runtime: third } = await another("n3");
    expect(third.queues.paused()).toEqual(["work"]);
    await start("it");
    await clock.advance(4_000);
    expect(worker.tasks).toEqual([]);
    await third.queues.resume("work");
    await clock.advance(1_000);
    expect(worker.tasks).toHaveLength(1);
  });
});
