// Jobs that are driven again while child jobs of theirs went on, or had ended: none of those is started twice.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { assign, sendParent, sendTo, setup } from "xstate";
import { z } from "zod";
import { openArchive } from "../../../src/archive/open-archive.ts";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { job, type ParentClose } from "../../../src/blueprint/job.ts";
import { task } from "../../../src/blueprint/task.ts";
import type { RuntimeOptions } from "../../../src/runtime/create-runtime.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { RuntimeError } from "../../../src/errors.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { expectReplayed } from "../../support/job-blueprints.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

type KidEvent = { type: "SAY"; n: number } | { type: "ASK"; n: number } | { type: "GO" | "FAIL" };

/** Passes on what it is told, and ends when it is told to. */
const kid = blueprint("kid", {
  version: "1",
  machine: setup({
    types: { context: {} as { asked: number[] }, events: {} as KidEvent },
  }).createMachine({
    id: "kid",
    context: () => ({ asked: [] }),
    initial: "busy",
    states: {
      busy: {
        on: {
          SAY: { actions: sendParent(({ event: { n } }) => ({ type: "SAID", n })) },
          ASK: {
            actions: assign({ asked: ({ context, event }) => [...context.asked, event.n] }),
          },
          GO: "over",
          FAIL: {
            actions: () => {
              throw new Error("no");
            },
          },
        },
      },
      over: { type: "final" },
    },
    output: ({ context }) => context,
  }),
});

const parentWith = (parentClose: ParentClose) =>
  blueprint("parent", {
    version: "1",
    machine: setup({
      types: {
        context: {} as { said: number[]; output?: unknown },
        events: {} as { type: "SAID"; n: number } | { type: "TELL"; n: number },
      },
      actors: {
        kid: job(kid, { parentClose }),
        work: task("work", {
          input: z.object({}),
          output: z.unknown(),
          retry: { maxAttempts: 1 },
        }),
      },
    }).createMachine({
      id: "parent",
      context: () => ({ said: [] }),
      type: "parallel",
      on: {
        SAID: { actions: assign({ said: ({ context, event }) => [...context.said, event.n] }) },
        TELL: { actions: sendTo("kid", ({ event: { n } }) => ({ type: "ASK", n })) },
      },
      states: {
        family: {
          initial: "waiting",
          states: {
            waiting: {
              invoke: {
                id: "kid",
                src: "kid",
                input: {},
                onDone: {
                  target: "done",
                  actions: assign({ output: ({ event }) => event.output }),
                },
              },
            },
            done: { type: "final" },
          },
        },
        business: {
          initial: "working",
          states: {
            working: { invoke: { id: "work", src: "work", input: {}, onDone: "done" } },
            done: { type: "final" },
          },
        },
      },
    }),
  });

async function world(
  parentClose: ParentClose,
  clock = new FakeClock(),
  store = new MemoryStore({ clock, shared: true }),
  options: Partial<RuntimeOptions> = {},
) {
  const parent = parentWith(parentClose);
  const opened = await openWorld([parent, kid], { ...options, clock, store });
  const { jobs, quarantine } = opened.runtime;
  const worker = new ScriptedWorker(opened.runtime.workers, "w", ["work"]);
  await worker.connect();
  const kids = async () => (await jobs.list({ blueprint: "kid", limit: 10 })).jobs;
  const another = async (kidId: string) =>
    (await kids()).find(({ jobId }) => jobId !== kidId)!.jobId;
  const send = async (jobId: string, event: { readonly type: string; readonly n?: number }) => {
    await jobs.send(jobId, event);
    await clock.advance(0);
  };
  const begin = async () => {
    const { jobId } = await jobs.start({ blueprint: "parent", input: {} });
    await clock.advance(0);
    const [child] = await kids();
    return { jobId, kidId: child!.jobId };
  };
  const fail = async () => {
    await worker.fail(worker.accept(), "PERMANENT_ERROR");
    await clock.advance(0);
  };
  const redrive = async (jobId: string) => {
    const driven = await quarantine.redrive(jobId, {});
    await clock.advance(0);
    return driven;
  };
  /** What the parent has come to, once its task is done. */
  const end = async (jobId: string) => {
    await worker.succeed(worker.accept());
    await clock.advance(120_000);
    await expectReplayed(opened.store, parent, jobId);
    expect(await opened.store.due(100)).toMatchObject({ messages: [] });
    return jobs.get(jobId);
  };
  return { ...opened, jobs, worker, kids, another, send, begin, fail, redrive, end, parent };
}

describe("a child job that its parent awaits", () => {
  test("and that was done before the parent had failed counts, and is not started again", async () => {
    const { jobs, send, begin, fail, redrive, end, kids } = await world("await");
    const { jobId, kidId } = await begin();
    await send(jobId, { type: "TELL", n: 1 });
    await fail();
    expect(await jobs.get(jobId)).toMatchObject({ status: "waiting_for_sub_job" });
    await send(kidId, { type: "GO" });
    expect(await jobs.get(jobId)).toMatchObject({ status: "quarantined" });
    await redrive(jobId);
    expect(await kids()).toHaveLength(1);
    expect(await end(jobId)).toMatchObject({
      status: "finished",
      data: { output: { asked: [1] } },
    });
  });

  test("and that failed, too, is started again", async () => {
    const { send, begin, fail, redrive, end, kids, another, jobs } = await world("await");
    const { jobId, kidId } = await begin();
    await fail();
    await jobs.cancel(kidId, "enough");
    await redrive(jobId);
    expect(await kids()).toHaveLength(2);
    await send(await another(kidId), { type: "GO" });
    expect(await end(jobId)).toMatchObject({ status: "finished", data: { output: { asked: [] } } });
  });
});

test("a child job that was cancelled with its parent is started again", async () => {
  const { jobs, send, begin, fail, redrive, end, another } = await world("cancel");
  const { jobId, kidId } = await begin();
  await fail();
  await redrive(jobId);
  expect(await jobs.get(kidId)).toMatchObject({ status: "cancelled" });
  await send(await another(kidId), { type: "GO" });
  expect(await end(jobId)).toMatchObject({ status: "finished" });
});

describe("a child job that was left to itself is not started again, and is heard again", () => {
  test("where it goes on", async () => {
    const { send, begin, fail, redrive, end, kids } = await world("abandon");
    const { jobId, kidId } = await begin();
    await send(kidId, { type: "SAY", n: 1 });
    await send(jobId, { type: "TELL", n: 1 });
    await fail();
    await send(kidId, { type: "SAY", n: 2 });
    await redrive(jobId);
    expect(await kids()).toHaveLength(1);
    await send(jobId, { type: "TELL", n: 2 });
    await send(kidId, { type: "SAY", n: 3 });
    await send(kidId, { type: "SAY", n: 4 });
    await send(kidId, { type: "GO" });
    expect(await end(jobId)).toMatchObject({
      status: "finished",
      // What it said to nobody is lost.
      data: { said: [1, 3, 4], output: { asked: [1, 2] } },
    });
  });

  test("where it has ended meanwhile", async () => {
    const { send, begin, fail, redrive, end, kids } = await world("abandon");
    const { jobId, kidId } = await begin();
    await fail();
    await send(kidId, { type: "SAY", n: 1 });
    await send(kidId, { type: "GO" });
    await redrive(jobId);
    expect(await kids()).toHaveLength(1);
    expect(await end(jobId)).toMatchObject({ status: "finished", data: { said: [] } });
  });

  test("unless it was what failed", async () => {
    const { jobs, send, begin, redrive, end, kids, another } = await world("abandon");
    const { jobId, kidId } = await begin();
    await jobs.cancel(kidId, "enough");
    expect(await jobs.get(jobId)).toMatchObject({ error: { code: "cancelled" } });
    await redrive(jobId);
    expect(await kids()).toHaveLength(2);
    await send(await another(kidId), { type: "GO" });
    expect(await end(jobId)).toMatchObject({ status: "finished" });
  });

  test("as often as the parent is driven again", async () => {
    const { send, begin, fail, redrive, end, kids } = await world("abandon");
    const { jobId, kidId } = await begin();
    for (const n of [1, 2, 3]) {
      await fail();
      await send(kidId, { type: "SAY", n });
      await redrive(jobId);
      await send(kidId, { type: "SAY", n: 10 + n });
    }
    expect(await kids()).toHaveLength(1);
    await send(kidId, { type: "GO" });
    expect(await end(jobId)).toMatchObject({ data: { said: [11, 12, 13] } });
  });

  test("whatever dies after whichever commit", async () => {
    const clock = new FakeClock();
    const first = await world("abandon", clock);
    const { jobId, kidId } = await first.begin();
    await first.fail();
    await first.send(kidId, { type: "SAY", n: 1 });
    const images: ReturnType<MemoryStore["snapshot"]>[] = [];
    const commit = first.store.commit.bind(first.store);
    first.store.commit = async (one) => {
      const result = await commit(one);
      images.push(first.store.snapshot());
      return result;
    };
    await first.redrive(jobId);
    await first.send(kidId, { type: "SAY", n: 2 });
    await first.send(kidId, { type: "GO" });
    expect(images.length).toBeGreaterThan(4);
    await first.runtime.stop();
    for (const image of images) {
      const later = new FakeClock(clock.now());
      const store = new MemoryStore({ clock: later, image });
      const { kids, send, jobs, worker, parent } = await world("abandon", later, store);
      for (const one of await store.listTasks(jobId)) await worker.succeed(one);
      await later.advance(120_000);
      const said = (await jobs.history(kidId, 0, 100)).filter(
        ({ message }) => message.type === "event" && message.event["n"] === 2,
      );
      const [left] = await kids();
      if (left!.status !== "finished") await send(kidId, { type: "GO" });
      await later.advance(120_000);
      expect(await jobs.get(jobId)).toMatchObject({
        status: "finished",
        data: { said: said.map(() => 2) },
      });
      await expectReplayed(store, parent, jobId);
      expect(await store.due(100)).toMatchObject({ messages: [] });
    }
  });

  test("though a message of it was on its way to be forgotten when the parent was driven again", async () => {
    const opened = await world("abandon");
    const { store, send, begin, fail, redrive, end, jobs, clock } = opened;
    const { jobId, kidId } = await begin();
    await fail();
    const remove = store.removeMessages.bind(store);
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    store.removeMessages = async (ids) => {
      if (ids.some((id) => id.startsWith(kidId))) await held;
      return remove(ids);
    };
    // The parent, which is over, has let it go by: only its row is still there.
    await send(kidId, { type: "SAY", n: 1 });
    await redrive(jobId);
    release();
    await clock.advance(1000);
    await send(kidId, { type: "SAY", n: 2 });
    await clock.advance(1000);
    expect(await jobs.get(jobId)).toMatchObject({ data: { said: [2] } });
    await send(kidId, { type: "GO" });
    expect(await end(jobId)).toMatchObject({ status: "finished" });
  });

  test("and is not drawn into it where the store loses the redrive", async () => {
    const { store, begin, send, fail, redrive, jobs, clock, runtime } = await world("abandon");
    const { jobId, kidId } = await begin();
    await fail();
    await clock.advance(2000);
    const before = store.snapshot();
    await redrive(jobId);
    store.rewind(before);
    await clock.advance(2000);
    expect(runtime.rewinds()).toMatchObject({ rewound: 1 });
    expect(await jobs.get(jobId)).toMatchObject({ status: "quarantined" });
    expect(await jobs.get(kidId)).toMatchObject({ status: "waiting_for_event" });
    await send(kidId, { type: "GO" });
    expect(await jobs.get(kidId)).toMatchObject({ status: "finished" });
  });
});

describe("a child job that has not begun when its parent fails and is driven again", () => {
  /** No commit of a child job is taken until `recover`. */
  async function withoutKids() {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock, shared: true });
    const commit = store.commit.bind(store);
    let isDown = true;
    store.commit = async (one) => {
      if (isDown && one.summary.blueprint === "kid")
        throw new RuntimeError("store.unavailable", "It is not there.");
      return commit(one);
    };
    const opened = await world("abandon", clock, store);
    const { jobId } = await opened.jobs.start({ blueprint: "parent", input: {} });
    await clock.advance(0);
    expect(await opened.kids()).toEqual([]);
    const recover = async (ms: number) => {
      isDown = false;
      await clock.advance(ms);
    };
    return { ...opened, jobId, recover };
  }

  test("begins once, and is heard", async () => {
    const { jobId, fail, redrive, recover, kids, send, end, clock } = await withoutKids();
    await fail();
    await redrive(jobId);
    await clock.advance(1000);
    await recover(2000);
    const [kidId, ...others] = (await kids()).map((one) => one.jobId);
    expect(others).toEqual([]);
    await send(kidId!, { type: "SAY", n: 1 });
    await send(jobId, { type: "TELL", n: 2 });
    await send(kidId!, { type: "GO" });
    expect(await end(jobId)).toMatchObject({
      status: "finished",
      data: { said: [1], output: { asked: [2] } },
    });
  });

  test("begins once where it does so between two looks of the redrive", async () => {
    const { store, jobId, fail, redrive, recover, kids, send, end } = await withoutKids();
    await fail();
    const exportJob = store.exportJob.bind(store);
    store.exportJob = async (one) => {
      if (one === jobId) await recover(2000);
      return exportJob(one);
    };
    await redrive(jobId);
    const [kidId, ...others] = (await kids()).map((one) => one.jobId);
    expect(others).toEqual([]);
    await send(kidId!, { type: "GO" });
    expect(await end(jobId)).toMatchObject({ status: "finished" });
  });
});

test.each<ParentClose>(["abandon", "await"])(
  "a child job that was done and has moved to the archive is not started again: %s",
  async (parentClose) => {
    const directory = await mkdtemp(join(tmpdir(), "avtomatika-redrive-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const archive = await openArchive(`sqlite:${join(directory, "history.db")}`);
    onTestFinished(() => archive.close());
    const opened = await world(parentClose, undefined, undefined, { archive, retentionMs: 60_000 });
    const { store, jobs, clock, worker, parent, send, begin, fail, redrive, kids } = opened;
    const { jobId, kidId } = await begin();
    await send(jobId, { type: "TELL", n: 1 });
    await fail();
    await send(kidId, { type: "GO" });
    await eventually(async () => {
      await clock.advance(61_000);
      return (await store.loadJob(kidId)) === undefined;
    });
    expect(await archive.load(kidId)).toBeDefined();
    await redrive(jobId);
    await eventually(async () => {
      await clock.advance(100);
      expect(await jobs.get(jobId)).toMatchObject({ data: { output: { asked: [1] } } });
      return true;
    });
    expect(await kids()).toEqual([]);
    await worker.succeed(worker.accept());
    expect(await jobs.get(jobId)).toMatchObject({ status: "finished" });
    await expectReplayed(store, parent, jobId);
  },
);
