// Events that come before a state that wants them.
import { describe, expect, test } from "vitest";
import { assign, sendParent, sendTo, setup } from "xstate";
import { decodeEnvelope } from "../../../src/actor/codec.ts";
import { blueprint, type Blueprint } from "../../../src/blueprint/blueprint.ts";
import { job } from "../../../src/blueprint/job.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { childOf, expectReplayed } from "../../support/job-blueprints.ts";
import { openWorld } from "../../support/runtime-world.ts";

describe("deferred events", () => {
  const shop = (deferMax: number) =>
    blueprint("shop", {
      version: `${deferMax}`,
      defer: ["PAYMENT", "NOTE"],
      deferMax,
      machine: setup({
        types: {
          context: {} as { got: unknown[] },
          events: {} as { type: "PAYMENT"; n: number } | { type: "NOTE" } | { type: "READY" },
        },
      }).createMachine({
        id: "shop",
        context: () => ({ got: [] }),
        initial: "packing",
        states: {
          packing: { on: { READY: "paying" } },
          paying: {
            on: {
              PAYMENT: {
                target: "noting",
                actions: assign({ got: ({ context, event }) => [...context.got, event.n] }),
              },
            },
          },
          noting: { on: { NOTE: "paying" } },
        },
      }),
    });

  test("wait, durably and in order, for a state that takes them", async () => {
    const blueprintOfShop = shop(100);
    const { runtime, store, clock } = await openWorld([blueprintOfShop]);
    const { jobId } = await runtime.jobs.start({ blueprint: "shop", input: {} });
    for (const n of [1, 2])
      expect(await runtime.jobs.send(jobId, { type: "PAYMENT", n })).toMatchObject({
        outcome: "accepted",
      });
    expect(await runtime.jobs.get(jobId)).toMatchObject({
      currentState: "packing",
      deferredEvents: ["PAYMENT", "PAYMENT"],
    });
    const again = new MemoryStore({ clock, image: store.snapshot() });
    const { runtime: later } = await openWorld([blueprintOfShop], { clock, store: again });
    await later.jobs.send(jobId, { type: "READY" });
    expect(await later.jobs.get(jobId)).toMatchObject({
      currentState: "noting",
      data: { got: [1] },
      deferredEvents: ["PAYMENT"],
    });
    await later.jobs.send(jobId, { type: "NOTE" });
    const last = (await later.jobs.get(jobId))!;
    expect(last).toMatchObject({ currentState: "noting", data: { got: [1, 2] } });
    expect(last.deferredEvents).toBeUndefined();
    await expectReplayed(again, blueprintOfShop, jobId);
  });

  test("are refused where too many are kept", async () => {
    const { runtime } = await openWorld([shop(2)]);
    const { jobId } = await runtime.jobs.start({ blueprint: "shop", input: {} });
    for (const n of [1, 2]) await runtime.jobs.send(jobId, { type: "PAYMENT", n });
    await expect(runtime.jobs.send(jobId, { type: "PAYMENT", n: 3 })).rejects.toMatchObject({
      code: "job.too_many_deferred",
    });
    expect(await runtime.jobs.send(jobId, { type: "READY" })).toMatchObject({
      outcome: "accepted",
    });
  });

  test("other events that nothing takes are still ignored", async () => {
    const { runtime } = await openWorld([shop(2)]);
    const { jobId } = await runtime.jobs.start({ blueprint: "shop", input: {} });
    expect(await runtime.jobs.send(jobId, { type: "OTHER" })).toMatchObject({ outcome: "ignored" });
  });
});

test("a job that begins where a state came to want them offers again what the other one kept", async () => {
  const open = blueprint("till", {
    version: "1",
    defer: ["PAYMENT"],
    machine: setup({
      types: {
        context: {} as { got: readonly number[] },
        events: {} as { type: "PAYMENT"; n: number } | { type: "OPEN" },
      },
    }).createMachine({
      id: "till",
      context: () => ({ got: [] }),
      initial: "closed",
      states: {
        closed: { on: { OPEN: "open" } },
        open: {
          on: {
            PAYMENT: {
              actions: assign({ got: ({ context, event }) => [...context.got, event.n] }),
            },
          },
        },
      },
    }),
  });

  const { runtime, store } = await openWorld([open]);
  const { jobId } = await runtime.jobs.start({ blueprint: "till", input: {} });
  for (const n of [1, 2]) await runtime.jobs.send(jobId, { type: "PAYMENT", n });
  await runtime.jobs.send(jobId, { type: "OPEN" });
  expect(await runtime.past.at(jobId, 4)).toMatchObject({
    currentState: "open",
    deferredEvents: ["PAYMENT", "PAYMENT"],
  });
  const context = { got: [0] };
  const again = await runtime.past.restart({ jobId, revision: 4, context, by: "ann" });
  const view = (await runtime.jobs.get(again.jobId))!;
  expect(view).toMatchObject({ currentState: "open", data: { got: [0, 1, 2] } });
  expect(view.deferredEvents).toBeUndefined();
  await expectReplayed(store, open, again.jobId);
});

/** Tells its parent of so many photos, and ends. */
const cameraOf = (photos: number) =>
  blueprint("camera", {
    version: "1",
    machine: setup({}).createMachine({
      id: "camera",
      initial: "over",
      states: {
        over: {
          type: "final",
          entry: Array.from({ length: photos }, (_, n) => sendParent({ type: "PHOTO", n })),
        },
      },
    }),
  });

/** Takes no photos before its child is over. */
const albumOf = (child: Blueprint) =>
  blueprint("album", {
    version: "1",
    defer: ["PHOTO"],
    deferMax: 2,
    machine: setup({
      types: {
        context: {} as { got: readonly number[] },
        events: {} as { type: "PHOTO"; n: number },
      },
      actors: { child: job(child) },
    }).createMachine({
      id: "album",
      context: () => ({ got: [] }),
      initial: "shooting",
      states: {
        shooting: {
          invoke: { id: "child", src: "child", input: {}, onDone: "sorting" },
        },
        sorting: {
          on: {
            PHOTO: {
              actions: assign({ got: ({ context, event }) => [...context.got, event.n] }),
            },
          },
        },
      },
    }),
  });

describe("deferred events of another job", () => {
  test("are kept beyond what clients may send, so that the end that follows them comes, whatever dies", async () => {
    const clock = new FakeClock();
    const brief = cameraOf(5);
    const album = albumOf(brief);
    const first = new MemoryStore({ clock });
    const { runtime, store } = await openWorld([album, brief], { clock, store: first });
    const commit = store.commit.bind(store);
    const taken: ReturnType<typeof store.snapshot>[] = [];
    store.commit = async (one) => {
      const result = await commit(one);
      taken.push(store.snapshot());
      return result;
    };
    const { jobId } = await runtime.jobs.start({ blueprint: "album", input: {} });
    await clock.advance(0);
    expect(await runtime.jobs.get(jobId)).toMatchObject({
      currentState: "sorting",
      data: { got: [0, 1, 2, 3, 4] },
    });
    expect(taken.length).toBeGreaterThan(2);
    for (const image of taken) {
      const after = new MemoryStore({ clock, image });
      const again = await openWorld([album, brief], { clock, store: after });
      await clock.advance(120_000);
      const view = await again.runtime.jobs.get(jobId);
      expect(view).toMatchObject({ currentState: "sorting", data: { got: [0, 1, 2, 3, 4] } });
      expect(await after.due(100)).toMatchObject({ messages: [] });
      await expectReplayed(after, album, jobId);
    }
  });

  test("leave no room for those of clients, who are told to come again", async () => {
    const waiting = blueprint("waiting", {
      version: "1",
      machine: setup({}).createMachine({
        id: "waiting",
        entry: [0, 1, 2].map((n) => sendParent({ type: "PHOTO", n })),
      }),
    });
    const { runtime, clock } = await openWorld([albumOf(waiting), waiting]);
    const { jobId } = await runtime.jobs.start({ blueprint: "album", input: {} });
    await clock.advance(0);
    expect((await runtime.jobs.get(jobId))!.deferredEvents).toHaveLength(3);
    await expect(runtime.jobs.send(jobId, { type: "PHOTO", n: 9 })).rejects.toMatchObject({
      code: "job.too_many_deferred",
    });
  });

  test("of which there are a thousand too many end the job, and nobody waits for it", async () => {
    const camera = cameraOf(1010);
    const album = albumOf(camera);
    const { runtime, store, clock } = await openWorld([album, camera]);
    const { jobId } = await runtime.jobs.start({ blueprint: "album", input: {} });
    await clock.advance(120_000);
    expect(await runtime.jobs.get(jobId)).toMatchObject({
      status: "quarantined",
      error: { code: "job.too_many_deferred" },
    });
    const { deferred } = decodeEnvelope((await store.loadJob(jobId))!.envelope);
    expect(deferred).toEqual(Array.from({ length: 1003 }, (_, n) => ({ type: "PHOTO", n })));
    expect(await store.due(100)).toMatchObject({ messages: [] });
    await expectReplayed(store, album, jobId);
  });

  test("do not keep a parent from ending its child", async () => {
    const child = blueprint("child", {
      version: "1",
      defer: ["NOTE"],
      deferMax: 1,
      machine: setup({}).createMachine({
        id: "child",
        initial: "deaf",
        states: { deaf: { on: { HEAR: "hearing" } }, hearing: { on: { NOTE: {} } } },
      }),
    });
    const teller = blueprint("teller", {
      version: "1",
      machine: setup({
        types: { events: {} as { type: "LEAVE" } },
        actors: { child: job(child) },
      }).createMachine({
        id: "teller",
        initial: "telling",
        states: {
          telling: {
            invoke: { id: "child", src: "child", input: {} },
            entry: [1, 2, 3].map((n) => sendTo("child", { type: "NOTE", n })),
            on: { LEAVE: "over" },
          },
          over: { type: "final" },
        },
      }),
    });
    const world = await openWorld([teller, child]);
    const { runtime, clock } = world;
    const { jobId } = await runtime.jobs.start({ blueprint: "teller", input: {} });
    await clock.advance(0);
    const childId = await childOf(world, jobId);
    expect((await runtime.jobs.get(childId))!.deferredEvents).toHaveLength(3);
    await runtime.jobs.send(jobId, { type: "LEAVE" });
    await clock.advance(120_000);
    expect(await runtime.jobs.get(childId)).toMatchObject({ status: "cancelled" });
  });
});
