// The two hashes of a machine: what changes each, and what changes neither.
import { describe, expect, test } from "vitest";
import { assign, not, raise, setup, type AnyStateMachine } from "xstate";
import { z } from "zod";
import { fingerprint } from "../../../src/blueprint/fingerprint.ts";
import { readShape, shapeLines } from "../../../src/blueprint/shape.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { task } from "../../../src/blueprint/task.ts";

interface Variant {
  readonly type?: string;
  readonly priority?: number;
  readonly childId?: string;
  readonly target?: string;
  readonly delay?: string;
  readonly guard?: () => boolean;
  readonly guarded?: "yes" | "no";
  readonly sum?: (args: { context: { n: number } }) => number;
  readonly raised?: string;
  readonly soonMs?: number;
  readonly extra?: object;
  readonly description?: string;
}

const machine = (variant: Variant = {}) => {
  const { type = "work", priority = 5, childId = "w", target = "b", delay = "soon" } = variant;
  const { guarded = "yes", sum = ({ context }) => context.n + 1, raised = "X" } = variant;
  const work = task(type, { input: z.unknown(), output: z.unknown(), priority });
  const made = setup({
    types: { context: {} as { n: number } },
    actors: { work },
    guards: { yes: variant.guard ?? (() => true), no: () => false },
    delays: { soon: variant.soonMs ?? 1000, late: 5000 },
  });
  // The variants are wider than the compiler would let one machine be.
  const loose = made as unknown as { createMachine(config: object): AnyStateMachine };
  return loose.createMachine({
    id: "m",
    context: () => ({ n: 0 }),
    initial: "a",
    description: variant.description,
    states: {
      a: {
        invoke: { id: childId, src: "work", onDone: target },
        after: { [delay]: "c" },
        on: {
          GO: {
            target: "c",
            guard: not(guarded),
            actions: [assign({ n: sum }), raise({ type: raised })],
          },
        },
      },
      b: {},
      c: {},
      ...variant.extra,
    },
  });
};

describe("the shape", () => {
  test("is the same for the same definition", () => {
    expect(fingerprint(machine())).toEqual(fingerprint(machine()));
  });

  test.each<[string, Variant]>([
    ["a state", { extra: { d: {} } }],
    ["a target", { target: "c" }],
    ["a child's id", { childId: "v" }],
    ["a task's type", { type: "other" }],
    ["a delay's name", { delay: "late" }],
    ["a state's type", { extra: { b: { type: "final" } } }],
    [
      "a transition that re-enters",
      { extra: { b: { on: { X: { target: "b", reenter: true } } } } },
    ],
    ["an eventless transition", { extra: { b: { always: "c" } } }],
  ])("changes with %s", (_, variant) => {
    expect(fingerprint(machine(variant)).shape).not.toBe(fingerprint(machine()).shape);
  });

  test("names history, initial states and parallel regions", () => {
    const nested = setup({}).createMachine({
      id: "n",
      type: "parallel",
      states: { r: { initial: "x", states: { x: {}, h: { type: "history", history: "deep" } } } },
    });
    expect(shapeLines(readShape(nested))).toEqual([
      "n: parallel",
      "n.r: compound, begins in n.r.x",
      "n.r.x: atomic",
      "n.r.h: deep history",
    ]);
  });
});

describe("the logic", () => {
  test.each<[string, Variant]>([
    ["a guard", { guard: () => Boolean("yes") }],
    ["the guard that is named", { guarded: "no" }],
    ["an assign", { sum: ({ context }) => context.n + 2 }],
    ["a raised event", { raised: "Y" }],
    ["a delay", { soonMs: 2000 }],
    ["how a task is run", { priority: 9 }],
  ])("changes with %s, and the shape does not", (_, variant) => {
    const [before, after] = [fingerprint(machine()), fingerprint(machine(variant))];
    expect(after.logic).not.toBe(before.logic);
    expect(after.shape).toBe(before.shape);
  });

  test("changes with a flow's handler, and the shape does not", () => {
    const made = (state: "completed" | "failed") => {
      const bp = flow("f", { version: "1" });
      if (state === "completed")
        bp.state("init", { to: ["completed", "failed"] }, (ctx) =>
          ctx.actions.transitionTo("completed"),
        );
      else
        bp.state("init", { to: ["completed", "failed"] }, (ctx) =>
          ctx.actions.transitionTo("failed"),
        );
      return bp.build().fingerprint;
    };
    expect(made("completed").logic).not.toBe(made("failed").logic);
    expect(made("completed").shape).toBe(made("failed").shape);
    expect(made("completed")).toEqual(made("completed"));
  });
});

test("descriptions change neither", () => {
  expect(fingerprint(machine({ description: "hello" }))).toEqual(fingerprint(machine()));
});

test("are there for what JSON cannot hold, which the linter has to find", () => {
  const circle: Record<string, unknown> = { big: 10n };
  circle["self"] = circle;
  expect(fingerprint(machine({ extra: { context: circle } })).logic).toMatch(/^[0-9a-f]{16}$/);
});
