// Why tasks wait, in a sentence: by rule, and as queues and jobs tell it while that changes.
import { describe, expect, test } from "vitest";
import type { QueueSpec } from "../../../../src/runtime/dispatch/queue.ts";
import {
  waitReasons,
  whyWaits,
  type WaitFacts,
  type WaitReason,
  type WhyWaiting,
} from "../../../../src/runtime/dispatch/why-waits.ts";
import type { WorkerView } from "../../../../src/runtime/worker-view.ts";
import { workWorld } from "../../../support/work-world.ts";

function worker(workerId: string, said: Partial<WorkerView> = {}): WorkerView {
  return {
    workerId,
    workerType: "w",
    types: ["t"],
    maxConcurrentTasks: 4,
    running: 0,
    freeSlots: 4,
    slotsMax: 4,
    status: "idle",
    connectedAt: 0,
    labels: {},
    resources: {},
    reputation: 1,
    ...said,
  };
}
const busy = { freeSlots: 0, status: "busy" } as const;
const eu: Partial<QueueSpec> = { requirements: { labels: { zone: "eu" } } };
const us = { labels: { zone: "us" } };
const rate = { count: 2, perMs: 1000 };

const draining = { freeSlots: 0, status: "draining" } as const;
const pausing = { ...busy, maxConcurrentTasks: 0 };
const key = { key: "k" };

interface Case {
  readonly spec?: Partial<QueueSpec>;
  readonly workers?: readonly WorkerView[];
  readonly facts?: Partial<WaitFacts>;
  readonly code?: WaitReason;
  readonly reason?: string;
}

/** By the code: where it is told, with its sentence; and what is told instead where it is all but so. */
const cases: Readonly<
  Record<WaitReason, { readonly told: readonly Case[]; readonly not: readonly Case[] }>
> = {
  paused: {
    told: [{ facts: { isPaused: true }, reason: 'Tasks of the type "t" are paused.' }],
    not: [{ code: "soon" }],
  },
  no_worker: {
    told: [
      {
        workers: [worker("a", { types: ["other"] })],
        reason: 'No worker that does "t" is connected.',
      },
      { facts: { nodes: [] }, reason: 'No worker that does "t" is connected.' },
    ],
    not: [{ workers: [worker("a", { types: ["other", "t"] })], code: "soon" }],
  },
  unsatisfied: {
    told: [
      {
        spec: eu,
        workers: [worker("a", us)],
        reason:
          'The one worker that does "t" does not satisfy what it needs: a has the label "zone" "us", which must be "eu".',
      },
      {
        spec: { requirements: { gpu_info: {} } },
        workers: ["1", "2", "3", "4", "5"].map((id) => worker(id)),
        reason:
          'None of the 5 workers that do "t" satisfies what it needs: 1 has no GPU; 2 has no GPU; 3 has no GPU; and so on for 2 more.',
      },
      {
        spec: { slots: 5 },
        reason:
          'The one worker that does "t" does not satisfy what it needs: w has 4 slots, and the task takes 5.',
      },
    ],
    not: [
      {
        spec: eu,
        workers: [worker("a", us), worker("b", { labels: { zone: "eu" } })],
        code: "soon",
      },
      // It has the slots, only not now.
      { spec: { slots: 3 }, workers: [worker("a", pausing)], code: "unavailable" },
    ],
  },
  unavailable: {
    told: [
      { workers: [worker("a", draining)], reason: "The one worker that may do it is leaving." },
      {
        workers: [worker("a", draining), worker("b", draining)],
        reason: "All 2 workers that may do it are leaving.",
      },
      { workers: [worker("a", pausing)], reason: "The one worker that may do it pauses." },
      {
        workers: [worker("a", { silent: true })],
        reason: "The one worker that may do it does not answer.",
      },
      {
        workers: [worker("a", { silent: true }), worker("b", pausing), worker("c", pausing)],
        reason: "None of the 3 workers that may do it takes it now: 1 does not answer, 2 pause.",
      },
    ],
    not: [
      { workers: [worker("a", draining), worker("b", busy)], code: "busy" },
      { workers: [worker("a", pausing), worker("b")], code: "soon" },
    ],
  },
  busy: {
    told: [
      { workers: [worker("a", busy)], reason: "The one worker that may do it is busy." },
      {
        workers: [worker("a", busy), worker("b", busy)],
        reason: "All 2 workers that may do it are busy.",
      },
      {
        spec: eu,
        workers: [worker("a", us), worker("b", { ...busy, labels: { zone: "eu" } })],
        reason: "The one worker that may do it is busy.",
      },
      {
        workers: [worker("a", { ...busy, asking: 0 })],
        reason: "The one worker that may do it is busy.",
      },
      {
        workers: [worker("a", { savingFor: 't\n{"slots":4}' })],
        reason: "The one worker that may do it keeps its slots free for a larger task.",
      },
      {
        workers: [worker("a", busy), worker("b", { typeRoom: { t: 0 } }), worker("c", busy)],
        reason:
          "None of the 3 workers that may do it takes it now: 2 are busy, 1 takes no more tasks of its type now.",
      },
    ],
    not: [
      { workers: [worker("a", busy), worker("b")], code: "soon" },
      { workers: [worker("a", { ...busy, asking: 1 })], code: "soon" },
      { spec: { slots: 4 }, workers: [worker("a", { savingFor: 't\n{"slots":4}' })], code: "soon" },
    ],
  },
  type_limit: {
    told: [
      {
        workers: [worker("a", { typeRoom: { t: 0 } })],
        reason: "The one worker that may do it takes no more tasks of its type now.",
      },
      {
        workers: [worker("a", { typeRoom: { t: 0 } }), worker("b", { typeRoom: { t: 0 } })],
        reason: "All 2 workers that may do it take no more tasks of its type now.",
      },
      {
        workers: [worker("a", { typeRoom: { t: 0 }, asking: 1 })],
        reason: "The one worker that may do it takes no more tasks of its type now.",
      },
    ],
    not: [
      { workers: [worker("a", { typeRoom: { t: 1, other: 0 } })], code: "soon" },
      { workers: [worker("a", { typeRoom: { t: 0 } }), worker("b")], code: "soon" },
    ],
  },
  not_asking: {
    told: [
      {
        workers: [worker("a", { asking: 0 })],
        reason: "The one worker that may do it does not ask for a task now.",
      },
      {
        workers: [worker("a", { asking: 0 }), worker("b", { asking: 0 })],
        reason: "All 2 workers that may do it do not ask for a task now.",
      },
    ],
    not: [{ workers: [worker("a", { asking: 0 }), worker("b", { asking: 1 })], code: "soon" }],
  },
  slots: {
    told: [
      {
        spec: { slots: 3 },
        workers: [worker("a", { freeSlots: 2 }), worker("b", busy)],
        reason: "It takes 3 slots, and no worker that may do it has as many free.",
      },
      {
        spec: { slots: 3 },
        workers: [worker("a", { freeSlots: 2 }), worker("b", draining)],
        code: "busy",
        reason:
          "None of the 2 workers that may do it takes it now: 1 has too few slots free, 1 is leaving.",
      },
    ],
    not: [
      { spec: { slots: 3 }, workers: [worker("a", { freeSlots: 3 })], code: "soon" },
      { spec: { slots: 3 }, workers: [worker("a", { freeSlots: 1, asking: 1 })], code: "soon" },
    ],
  },
  rate: {
    told: [
      {
        spec: { limit: { ...key, rate } },
        facts: { nodes: [{ workers: [worker("a")], isAtRate: true }] },
        reason: 'As many tasks of the key "k" have begun as may: 2 within 1000 ms.',
      },
      {
        spec: { limit: { ...key, rate } },
        facts: {
          nodes: [
            { workers: [worker("a"), worker("b", busy)], isAtRate: true },
            { workers: [worker("c", busy)], isAtRate: false },
          ],
        },
        reason:
          'As many tasks of the key "k" have begun as may: 2 within 1000 ms, shared by 2 nodes.',
      },
    ],
    not: [
      { spec: { limit: { ...key, rate } }, code: "soon" },
      {
        spec: { limit: { ...key, rate } },
        facts: {
          nodes: [
            { workers: [worker("a")], isAtRate: true },
            { workers: [worker("b")], isAtRate: false },
          ],
        },
        code: "soon",
      },
      {
        spec: { limit: { ...key, rate } },
        facts: { nodes: [{ workers: [worker("a", busy)], isAtRate: true }] },
        code: "busy",
      },
    ],
  },
  limit: {
    told: [
      {
        spec: { limit: { ...key, concurrency: 2 } },
        facts: { running: 2 },
        reason: 'As many tasks of the key "k" run as may at once: 2.',
      },
    ],
    not: [
      { spec: { limit: { ...key, concurrency: 2 } }, facts: { running: 1 }, code: "soon" },
      { spec: { limit: key }, facts: { running: 9 }, code: "soon" },
    ],
  },
  soon: {
    told: [{ reason: "A worker that may do it is free, and is about to be given it." }],
    not: [{ workers: [worker("a", { freeSlots: 0, status: "busy" })], code: "busy" }],
  },
};

function tell({ spec = {}, workers = [worker("w")], facts = {} }: Case): WhyWaiting {
  const all = { nodes: [{ workers, isAtRate: false }], isPaused: false, running: 0, ...facts };
  return whyWaits({ type: "t", ...spec }, all);
}

describe.each(waitReasons)("%s", (about) => {
  const { told, not } = cases[about];
  test.each(told)("is told: $reason", (one) => {
    expect(tell(one)).toEqual({ code: one.code ?? about, reason: one.reason });
  });
  test.each(not)("is not told where it is not so, but $code", (one) => {
    expect(tell(one).code).toBe(one.code);
    expect(one.code).not.toBe(about);
  });
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
