// What a handler's source tells a chart.
import { expect, test } from "vitest";
import { readHandlers } from "../../../src/blueprint/handler-source.ts";

interface Ctx {
  readonly actions: {
    dispatchTask(task: object): void;
    awaitHumanApproval(asked: object): void;
    transitionTo(state: string): void;
  };
}
const asked = { transitions: { yes: "next" }, timeoutMs: 5 };

test("finds the outcomes that lead to a target, and the tasks", () => {
  const { outcomes, tasks } = readHandlers([
    (ctx: Ctx) =>
      ctx.actions.dispatchTask({
        type: "work",
        params: { deep: { er: 1 } },
        transitions: { success: "completed", "too late": "failed", failure: "failed" },
        eventTransitions: { PREVIEW: "review", STUCK: "failed" },
      }),
  ]);
  expect([...outcomes]).toEqual([
    ["completed", ["success"]],
    ["failed", ["too late", "failure", "STUCK"]],
    ["review", ["PREVIEW"]],
  ]);
  expect(tasks).toEqual(["work"]);
});

test("says nothing about what the source computes", () => {
  const names = { success: "completed" };
  const type = "work";
  const { outcomes, tasks } = readHandlers([
    (ctx: Ctx) => ctx.actions.dispatchTask({ type, transitions: names }),
  ]);
  expect(outcomes.size).toBe(0);
  expect(tasks).toEqual([]);
});

test("reads all handlers of a state together, aggregations included", () => {
  const { outcomes, tasks } = readHandlers([
    (ctx: { actions: { dispatchParallel(parallel: object): void } }) =>
      ctx.actions.dispatchParallel({
        tasks: [{ type: "a", params: { n: 1 } }, { type: "b" }],
        aggregateInto: "merged",
      }),
    (ctx: Ctx) => ctx.actions.dispatchTask({ type: "c", transitions: { success: "merged" } }),
  ]);
  expect([...outcomes]).toEqual([["merged", ["all done", "success"]]]);
  expect(tasks).toEqual(["a", "b", "c"]);
});

test.each<[string, (ctx: Ctx) => void, boolean]>([
  ["none", (ctx) => ctx.actions.awaitHumanApproval({ transitions: { yes: "next" } }), true],
  [
    "one",
    (ctx) => ctx.actions.awaitHumanApproval({ transitions: { yes: "next" }, timeoutMs: 5 }),
    false,
  ],
  ["what others say", (ctx) => ctx.actions.awaitHumanApproval({ ...asked }), false],
  ["nobody", (ctx) => ctx.actions.transitionTo("next"), false],
])("tells whether a person is asked without a time: %s", (_, handler, expected) => {
  expect(readHandlers([handler]).asksWithoutTimeout).toBe(expected);
});
