// Who runs an actor of a machine, and what its schemas make of input and output.
import { describe, expect, test } from "vitest";
import {
  fromCallback,
  fromObservable,
  fromPromise,
  fromTransition,
  setup,
  type AnyStateMachine,
} from "xstate";
import { z } from "zod";
import { actorKind, checkOutput, taskRequest } from "../../../src/blueprint/actor-kind.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { inTurn } from "../../../src/blueprint/in-turn.ts";
import { task, taskDefinition } from "../../../src/blueprint/task.ts";

const resize = task("resize_image", {
  input: z.object({ url: z.string(), size: z.object({ width: z.int().default(640) }) }),
  output: z.object({ key: z.string(), pages: z.int().default(1) }),
  queueTimeoutMs: 500,
});
const calls: unknown[] = [];
const creator = async ({ input }: { input: unknown }) => input;

const machine = setup({
  actors: {
    resize,
    promise: fromPromise(creator),
    quick: inTurn(fromPromise(creator)),
    callback: fromCallback(() => {}),
    observable: fromObservable(() => ({ subscribe: () => ({ unsubscribe() {} }) })),
    counter: fromTransition((state: number, event) => {
      calls.push(event);
      return state;
    }, 0),
    child: setup({}).createMachine({}),
  },
}).createMachine({}) as AnyStateMachine;

describe("the kind of an actor", () => {
  test("is a task with its definition", () => {
    expect(actorKind(machine, "resize")).toEqual({
      kind: "task",
      definition: resize[taskDefinition],
    });
  });

  test.each([
    ["promise", false],
    ["quick", true],
  ])("is a promise for %s, in turn: %s", async (src, isInTurn) => {
    const kind = actorKind(machine, src);
    expect(kind).toMatchObject({ kind: "promise", inTurn: isInTurn });
    if (kind.kind !== "promise") return;
    const { signal } = new AbortController();
    expect(await kind.creator({ input: 7, signal })).toBe(7);
  });

  test.each([
    ["callback", "task()"],
    ["observable", "task()"],
    ["counter", "context"],
    ["child", "blueprint"],
    ["missing", "setup({ actors"],
    ["toString", "setup({ actors"],
  ])("is unsupported for %s, with another way to write it", (src, way) => {
    expect(actorKind(machine, src)).toEqual({
      kind: "unsupported",
      why: expect.stringContaining(way),
    });
  });

  test("is found without running the user's own code", () => {
    actorKind(machine, "counter");
    expect(calls).toEqual([]);
  });

  test("is a handler, or a task without a definition, in a flow", () => {
    const bp = flow("kinds", { version: "1" });
    bp.state("init", { to: ["completed"] }, (ctx) => ctx.actions.transitionTo("completed"));
    const compiled = bp.build().machine;
    expect(actorKind(compiled, "handler:init")).toMatchObject({ kind: "handler" });
    expect(actorKind(compiled, "task")).toMatchObject({ kind: "task", definition: undefined });
  });
});

describe("the request for a task", () => {
  const kind = { kind: "task", definition: resize[taskDefinition] } as const;

  test("carries the parsed input, and how to run the task", () => {
    expect(taskRequest(kind, { url: "a", size: {}, extra: 1 })).toEqual({
      request: {
        type: "resize_image",
        params: { url: "a", size: { width: 640 } },
        priority: 5,
        retry: { initialMs: 1000, factor: 2, maxMs: 60_000 },
        queueTimeoutMs: 500,
      },
    });
  });

  test("is a failure that names the path where the schema refuses the input", () => {
    expect(taskRequest(kind, { url: "a", size: { width: "wide" } })).toEqual({
      failure: {
        code: "INVALID_INPUT_ERROR",
        message: expect.stringMatching(
          /^The input of task "resize_image" does not fit its schema at "size\.width": .+\.$/,
        ),
        details: [{ path: "size.width", message: expect.any(String) }],
      },
    });
  });

  test("counts what else is wrong", () => {
    expect(taskRequest(kind, {})).toMatchObject({
      failure: { message: expect.stringContaining("(and 1 more)") },
    });
  });

  test("of a flow is its input as it is, once checked", () => {
    const request = {
      type: "work",
      params: { n: 1 },
      priority: 5,
      retry: { initialMs: 1000, factor: 2, maxMs: 60_000 },
    };
    const dynamic = { kind: "task", definition: undefined } as const;
    expect(taskRequest(dynamic, request)).toEqual({ request });
    expect(taskRequest(dynamic, { ...request, priority: 11 })).toMatchObject({
      failure: { code: "INVALID_INPUT_ERROR", message: expect.stringContaining('"priority"') },
    });
  });
});

describe("a worker's output", () => {
  test("gets the defaults of the schema", () => {
    expect(checkOutput(resize[taskDefinition], { key: "k" })).toEqual({
      output: { key: "k", pages: 1 },
    });
  });

  test("that breaks the contract is a failure that names the path", () => {
    expect(checkOutput(resize[taskDefinition], { key: 1 })).toMatchObject({
      failure: { code: "CONTRACT_VIOLATION_ERROR", message: expect.stringContaining('at "key"') },
    });
  });
});
