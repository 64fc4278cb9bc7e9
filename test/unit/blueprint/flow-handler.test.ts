// One run of a handler: what it is given, what it may do, and what its decision looks like.
import { describe, expect, test } from "vitest";
import { handlerRunner, type FlowHandler } from "../../../src/blueprint/flow-handler.ts";

type Handler = FlowHandler<Record<string, unknown>, { prices: Map<string, number> }, string>;

const context = {
  initialData: { sku: "a", tags: ["x"] },
  stateHistory: { seen: 1 },
  transitions: {},
  handlerFailures: 0,
};

const decide = (handler: Handler, isEnd = false) =>
  handlerRunner({
    tasks: new Map(),
    name: "start",
    targets: ["next", "failed"],
    events: ["ASKED"],
    isEnd,
    handler,
    dataStores: { prices: new Map([["a", 5]]) },
  })({ jobId: "0_1", context, state: "start", now: 99 });

test("is given the job, its data, the stores and store time", async () => {
  const seen: unknown[] = [];
  await decide((ctx) => {
    const { jobId, currentState, initialData, stateHistory, dataStores, now } = ctx;
    seen.push({ jobId, currentState, initialData, stateHistory, now });
    seen.push(dataStores.prices.get("a"));
    ctx.actions.transitionTo("next");
  });
  expect(seen).toEqual([
    {
      jobId: "0_1",
      currentState: "start",
      initialData: { sku: "a", tags: ["x"] },
      stateHistory: { seen: 1 },
      now: 99,
    },
    5,
  ]);
});

test("decides to dispatch a task, as data with every default filled in", async () => {
  const decision = await decide(async (ctx) => {
    await Promise.resolve();
    ctx.actions.dispatchTask({
      type: "work",
      params: { sku: ctx.initialData["sku"], none: undefined },
      transitions: { success: "next" },
      priority: 7,
      runTimeoutMs: 100,
    });
  });
  expect(decision).toEqual({
    action: "dispatch_task",
    request: {
      type: "work",
      params: { sku: "a" },
      priority: 7,
      retry: { initialMs: 1000, factor: 2, maxMs: 60_000 },
      runTimeoutMs: 100,
    },
    transitions: { success: "next" },
  });
});

test("says what it wrote into the history, and only then", async () => {
  expect(
    await decide((ctx) => {
      ctx.stateHistory["price"] = 5;
      ctx.actions.transitionTo("next");
    }),
  ).toEqual({ action: "transition_to", state: "next", stateHistory: { seen: 1, price: 5 } });
  expect(await decide((ctx) => ctx.actions.transitionTo("next"))).toEqual({
    action: "transition_to",
    state: "next",
  });
});

test("cannot change the job's context in place", async () => {
  await decide((ctx) => {
    (ctx.initialData["tags"] as string[]).push("y");
    ctx.stateHistory["seen"] = 2;
    ctx.actions.transitionTo("next");
  });
  expect(context.initialData.tags).toEqual(["x"]);
  expect(context.stateHistory).toEqual({ seen: 1 });
});

test("of an end state just finishes", async () => {
  expect(await decide(() => {}, true)).toEqual({ action: "finish" });
});

describe("is refused", () => {
  test.each<[string, Handler, boolean?]>([
    ["no action", () => {}],
    [
      "a second action",
      (ctx) => {
        ctx.actions.transitionTo("next");
        ctx.actions.transitionTo("next");
      },
    ],
    [
      '"elsewhere" is not among the declared targets (to: "next", "failed")',
      (ctx) => ctx.actions.transitionTo("elsewhere"),
    ],
    [
      '"elsewhere" is not among the declared targets',
      (ctx) => ctx.actions.dispatchTask({ type: "work", transitions: { success: "elsewhere" } }),
    ],
    [
      '"TOLD" is not among the declared events (events: "ASKED")',
      (ctx) =>
        ctx.actions.dispatchTask({
          type: "work",
          transitions: { success: "next" },
          eventTransitions: { ASKED: "next", TOLD: "next" },
        }),
    ],
    [
      '"elsewhere" is not among the declared targets',
      (ctx) =>
        ctx.actions.dispatchTask({
          type: "work",
          transitions: { success: "next" },
          eventTransitions: { ASKED: "elsewhere" },
        }),
    ],
    ["needs transitions", (ctx) => ctx.actions.dispatchTask({ type: "work", transitions: {} })],
    ["an end state has nowhere to go", (ctx) => ctx.actions.transitionTo("next"), true],
  ])("when it does this: %s", async (why, handler, isEnd) => {
    await expect(decide(handler, isEnd)).rejects.toMatchObject({
      code: "handler.invalid_action",
      message: expect.stringContaining(why),
    });
  });

  test("with a failure of its own when it throws, which keeps the cause", async () => {
    const cause = new TypeError("no price");
    const run = decide(() => {
      throw cause;
    });
    await expect(run).rejects.toMatchObject({
      code: "handler.failed",
      message: 'Handler of state "start" failed: no price',
      cause,
    });
  });
});
