// Flows as declared: what a builder completes by itself, and what it refuses.
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { flow, isFlow, type Flow } from "../../../src/blueprint/flow.ts";

const states = (bp: Flow<never, never> | ReturnType<typeof flow>) =>
  Object.values(bp.build().machine.root.states).map(({ key, type }) => `${key}: ${type}`);

test("`completed` and `failed` are end states, declared or not, and `init` is the start", () => {
  const bp = flow("auto", { version: "1" });
  bp.state("other", { to: ["failed"] }, (ctx) => ctx.actions.transitionTo("failed"));
  bp.state("init", { to: ["completed", "other"] }, (ctx) => ctx.actions.transitionTo("completed"));
  bp.state("failed");
  expect(states(bp)).toEqual([
    "other: atomic",
    "init: atomic",
    "failed: final",
    "completed: final",
  ]);
  expect(bp.build().machine.root.initial.target[0]?.key).toBe("init");
});

test("another start than `init` may be named", () => {
  const bp = flow("named", { version: "1" });
  bp.state("init", { to: ["completed"] }, (ctx) => ctx.actions.transitionTo("completed"));
  bp.state("start", { isStart: true, to: ["init"] }, (ctx) => ctx.actions.transitionTo("init"));
  expect(bp.build().machine.root.initial.target[0]?.key).toBe("start");
});

test("handlerFor adds a state as state does", () => {
  const bp = flow("two_steps", { version: "1" });
  bp.handlerFor("start", { isStart: true, to: ["completed"] })((ctx) =>
    ctx.actions.transitionTo("completed"),
  );
  expect(states(bp)).toEqual(["start: atomic", "completed: final"]);
});

test("its blueprint carries name, version, address and schema", () => {
  const input = z.object({ n: z.number() });
  const bp = flow("addressed", { version: "2", endpoint: "jobs/a", apiVersion: "v1", input });
  bp.state("init", { to: ["completed"] }, (ctx) => ctx.actions.transitionTo("completed"));
  expect(bp.build()).toMatchObject({
    name: "addressed",
    version: "2",
    style: "flow",
    endpoint: "/jobs/a",
    apiVersion: "v1",
    input,
  });
});

test("without a schema of its own it takes any object, and nothing else", () => {
  const bp = flow("any", { version: "1" });
  bp.state("init", { to: ["completed"] }, (ctx) => ctx.actions.transitionTo("completed"));
  const { input } = bp.build();
  expect(input?.safeParse({ any: ["thing"] }).success).toBe(true);
  expect(input?.safeParse(["a"]).success).toBe(false);
  expect(input?.safeParse("a").success).toBe(false);
});

test("is recognised among other exports", () => {
  expect(isFlow(flow("known", { version: "1" }))).toBe(true);
  expect(isFlow({ name: "known" })).toBe(false);
  expect(isFlow(null)).toBe(false);
});

describe("refuses", () => {
  const go = { to: ["completed"] } as const;
  test.each<[string, (bp: ReturnType<typeof flow>) => unknown]>([
    ["declared twice", (bp) => bp.state("init", go, () => {}).state("init", go, () => {})],
    ["is not a name for a state", (bp) => bp.state("a.b", go, () => {})],
    ["is not a name for a state", (bp) => bp.state("__proto__.x", go, () => {})],
    ["it has no start", (bp) => bp.state("first", go, () => {})],
    [
      "more than one start: a, b",
      (bp) =>
        bp
          .state("a", { ...go, isStart: true }, () => {})
          .state("b", { ...go, isStart: true }, () => {}),
    ],
    [
      'leads to "done", which is not declared',
      (bp) => bp.state("init", { to: ["done"] }, () => {}),
    ],
    ["has no handler", (bp) => bp.state("init", go)],
    [
      'the end state "init" is left by no event',
      (bp) => bp.state("init", { isEnd: true, events: ["PREVIEW"] }),
    ],
    [
      'declares "flow.decision", which is not a name for an event',
      (bp) => bp.state("init", { ...go, events: ["flow.decision"] }, () => {}),
    ],
    ["leads nowhere", (bp) => bp.state("init", {}, () => {})],
    [
      'the end state "completed" leads on to failed',
      (bp) => bp.state("init", go, () => {}).state("completed", { to: ["failed"] }, () => {}),
    ],
  ])("a flow because: %s", (why, declare) => {
    const bp = flow("wrong", { version: "1" });
    expect(() => {
      declare(bp);
      bp.build();
    }).toThrow(
      expect.objectContaining({
        code: "blueprint.invalid",
        message: expect.stringContaining(why),
        details: { blueprint: "wrong" },
      }),
    );
  });
});
