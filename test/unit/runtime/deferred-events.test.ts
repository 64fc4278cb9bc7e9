// Events that come before a state that wants them.
import { describe, expect, test } from "vitest";
import { assign, setup } from "xstate";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { expectReplayed } from "../../support/job-blueprints.ts";
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
