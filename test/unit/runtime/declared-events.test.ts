// Events that a blueprint declares with a schema: what does not fit is refused, and jobs take what the schema gives.
import { describe, expect, test } from "vitest";
import { assign, setup } from "xstate";
import { z } from "zod";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { expectReplayed } from "../../support/job-blueprints.ts";
import { startFlow } from "../../support/flow-world.ts";
import { openWorld } from "../../support/runtime-world.ts";

const Pay = z.object({ amount: z.number().positive(), currency: z.string().default("EUR") });

const paid = flow("paid", { version: "1" })
  .event("PAY", Pay)
  .event("RECEIPT", z.object({ amount: z.number() }))
  .state("start", { isStart: true, to: ["completed", "failed"], events: ["PAY", "SKIP"] }, (ctx) =>
    ctx.actions.dispatchTask({
      type: "work",
      transitions: { success: "failed" },
      eventTransitions: { PAY: "completed", SKIP: "failed" },
    }),
  )
  .state("completed", {}, (ctx) => {
    ctx.actions.sendEvent("RECEIPT", { amount: ctx.stateHistory["amount"] });
  })
  .build();

const basket = blueprint("basket", {
  version: "1",
  defer: ["PAY"],
  events: { PAY: Pay, WHEN: z.object({ at: z.date().or(z.string().pipe(z.coerce.date())) }) },
  machine: setup({
    types: {
      context: {} as { got: unknown },
      events: {} as
        | ({ type: "PAY" } & z.output<typeof Pay>)
        | { type: "WHEN"; at: Date | string }
        | { type: "OPEN" },
    },
  }).createMachine({
    id: "basket",
    context: { got: null },
    initial: "shut",
    states: {
      shut: {
        on: { OPEN: "open", WHEN: { actions: assign({ got: ({ event }) => event.at }) } },
      },
      open: { on: { PAY: { target: "over", actions: assign({ got: ({ event }) => event }) } } },
      over: { type: "final" },
    },
  }),
});
const open = async () => {
  const world = await openWorld([basket]);
  const { jobId } = await world.runtime.jobs.start({ blueprint: "basket", input: {} });
  return { ...world, jobId, jobs: world.runtime.jobs };
};

describe("an event that is declared", () => {
  test("is refused where it does not fit, with every issue, and changes nothing", async () => {
    const { runtime, jobId, worker } = await startFlow([paid]);
    const before = await runtime.jobs.get(jobId);
    await expect(
      runtime.jobs.send(jobId, { type: "PAY", amount: -1, currency: 5 }),
    ).rejects.toMatchObject({
      code: "event.invalid",
      status: 422,
      message: expect.stringContaining('"PAY" does not fit its schema at "amount"') as string,
      details: { type: "PAY", issues: [{ path: "amount" }, { path: "currency" }] },
    });
    expect(await runtime.jobs.get(jobId)).toEqual(before);
    expect(worker.accept()).toMatchObject({ type: "work" });
  });

  test("is taken as the schema gives it, defaults included, and recorded so", async () => {
    const { runtime, store, jobId } = await startFlow([paid]);
    await runtime.jobs.send(jobId, { type: "PAY", amount: 5 });
    const job = await runtime.jobs.get(jobId);
    expect(job).toMatchObject({ status: "finished", data: { amount: 5, currency: "EUR" } });
    const [, , sent] = await runtime.jobs.history(jobId, 0, 10);
    expect(sent?.message).toEqual({
      type: "event",
      event: { type: "PAY", amount: 5, currency: "EUR" },
    });
    await expectReplayed(store, paid, jobId);
  });

  test("leaves others as they are", async () => {
    const { runtime, jobId } = await startFlow([paid]);
    await runtime.jobs.send(jobId, { type: "SKIP", amount: "any" });
    expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "failed" });
  });

  test("is checked before it is kept for later", async () => {
    const { jobs, jobId } = await open();
    await expect(jobs.send(jobId, { type: "PAY", amount: "5" })).rejects.toMatchObject({
      code: "event.invalid",
    });
    expect((await jobs.get(jobId))?.deferredEvents).toBeUndefined();
    await jobs.send(jobId, { type: "PAY", amount: 5 });
    expect(await jobs.get(jobId)).toMatchObject({ deferredEvents: ["PAY"] });
    await jobs.send(jobId, { type: "OPEN" });
    expect(await jobs.get(jobId)).toMatchObject({
      status: "finished",
      data: { got: { type: "PAY", amount: 5, currency: "EUR" } },
    });
  });

  test("is JSON whatever the schema makes of it", async () => {
    const { jobs, jobId, store } = await open();
    await jobs.send(jobId, { type: "WHEN", at: "2026-01-02" });
    expect(await jobs.get(jobId)).toMatchObject({ data: { got: "2026-01-02T00:00:00.000Z" } });
    await expectReplayed(store, basket, jobId);
  });

  test("does not refuse what comes with it in the same turn", async () => {
    const { jobs, jobId } = await open();
    const outcomes = await Promise.allSettled([
      jobs.send(jobId, { type: "PAY", amount: 0 }),
      jobs.send(jobId, { type: "OPEN" }),
      jobs.send(jobId, { type: "PAY", amount: 7 }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
    expect(await jobs.get(jobId)).toMatchObject({ data: { got: { amount: 7 } } });
  });

  test("fails the handler that sends one which does not fit", async () => {
    const wrong = flow("wrong", { version: "1" })
      .event("RECEIPT", z.object({ amount: z.number() }))
      .state("start", { isStart: true, to: ["completed"] }, (ctx) => {
        ctx.actions.sendEvent("RECEIPT", { amount: "five" });
        ctx.actions.transitionTo("completed");
      })
      .build();
    const { job } = await startFlow([wrong]);
    expect(await job()).toMatchObject({
      error: {
        code: "handler.invalid_action",
        message: expect.stringContaining('"RECEIPT" does not fit') as string,
      },
    });
  });
});

test.each<[string, () => unknown]>([
  ["of machinery", () => flow("f", { version: "1" }).event("xstate.x", z.object({}))],
  ["that is a wildcard", () => flow("f", { version: "1" }).event("*", z.object({}))],
  [
    "that is declared twice",
    () => flow("f", { version: "1" }).event("A", z.object({})).event("A", z.object({})),
  ],
  ["without a schema", () => flow("f", { version: "1" }).event("A", {} as never)],
  [
    "of machinery, of a native machine",
    () =>
      blueprint("b", {
        version: "1",
        machine: basket.machine,
        events: { "flow.x": z.object({}) } as never,
      }),
  ],
  [
    "without a schema, of a native machine",
    () => blueprint("b", { version: "1", machine: basket.machine, events: { PAY: {} } as never }),
  ],
])("an event %s cannot be declared", (_, declare) => {
  expect(declare).toThrow(expect.objectContaining({ code: "blueprint.invalid" }));
});
