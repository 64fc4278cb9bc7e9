// What a blueprint says of itself as JSON Schema.
import { expect, test } from "vitest";
import { setup } from "xstate";
import { z } from "zod";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { contractOf } from "../../../src/blueprint/contract.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { job } from "../../../src/blueprint/job.ts";
import { task } from "../../../src/blueprint/task.ts";

const resize = task("resize", {
  input: z.object({ url: z.string(), width: z.int().default(640) }),
  output: z.object({ bytes: z.number() }),
  progress: z.object({ percent: z.number() }),
});
const child = flow("child", { version: "3", input: z.object({ name: z.string() }) })
  .state("start", { isStart: true, to: ["completed"] }, (ctx) =>
    ctx.actions.transitionTo("completed"),
  )
  .build();

test("a flow says what it takes, by whom it is left, what it has done and what it gives", () => {
  const images = flow("images", {
    version: "2",
    input: z.object({ url: z.string(), width: z.int().default(640) }),
    tasks: [resize],
  })
    .event("STOP", z.object({ why: z.string() }))
    .event("RESIZED", z.object({ bytes: z.number() }))
    .state("start", { isStart: true, to: ["check", "failed"], events: ["STOP", "HURRY"] }, (ctx) =>
      ctx.actions.dispatchTask({
        type: "resize",
        transitions: { success: "check", failure: "failed" },
        eventTransitions: { STOP: "failed", HURRY: "check" },
      }),
    )
    .state("check", { to: ["completed", "failed"] }, (ctx) =>
      ctx.actions.dispatchTask({
        type: "look",
        transitions: { success: "completed", failure: "failed" },
      }),
    )
    .build();
  expect(contractOf(images)).toEqual({
    name: "images",
    version: "2",
    style: "flow",
    input: {
      type: "object",
      properties: { url: { type: "string" }, width: expect.objectContaining({ default: 640 }) },
      required: ["url"],
    },
    output: {
      type: "object",
      properties: {
        finalState: { enum: ["failed", "completed"] },
        data: { type: "object" },
      },
      required: ["finalState", "data"],
    },
    events: [
      {
        type: "HURRY",
        schema: { type: "object", properties: { type: { const: "HURRY" } }, required: ["type"] },
        states: ["start"],
      },
      {
        type: "RESIZED",
        schema: {
          type: "object",
          properties: { type: { const: "RESIZED" }, bytes: { type: "number" } },
          required: ["type", "bytes"],
        },
        states: [],
      },
      {
        type: "STOP",
        schema: {
          type: "object",
          properties: { type: { const: "STOP" }, why: { type: "string" } },
          required: ["type", "why"],
        },
        states: ["start"],
      },
    ],
    tasks: [
      { type: "look", params: {}, output: {} },
      {
        type: "resize",
        params: expect.objectContaining({ required: ["url", "width"] }),
        output: expect.objectContaining({ required: ["bytes"] }),
        progress: expect.objectContaining({ required: ["percent"] }),
      },
    ],
    jobs: [],
  });
});

test("a native machine says so of its own events and actors, and leaves open what nobody has declared", () => {
  const native = blueprint("native", {
    version: "1",
    events: { PAY: z.union([z.object({ cash: z.number() }), z.object({ card: z.string() })]) },
    machine: setup({
      types: { events: {} as { type: "PAY" } | { type: "key.up" } | { type: "END" } },
      actors: { resize, child: job(child) },
      delays: { long: 1000 },
    }).createMachine({
      id: "native",
      initial: "one",
      on: { END: ".over" },
      states: {
        one: {
          initial: "inner",
          invoke: { src: "resize", input: { url: "u" }, onDone: "two" },
          after: { long: "over" },
          states: { inner: { on: { PAY: "#native.two" } } },
        },
        two: {
          invoke: { src: "child", input: { name: "n" }, onDone: "over" },
          on: { PAY: "over", "key.*": "one", "*": "over" },
        },
        over: { type: "final" },
      },
    }),
  });
  const contract = contractOf(native);
  expect(contract).toMatchObject({ style: "native", input: {}, output: {} });
  expect(contract.events).toEqual([
    {
      type: "*",
      schema: { type: "object", properties: { type: { type: "string" } }, required: ["type"] },
      states: ["two"],
    },
    { type: "END", schema: expect.objectContaining({ required: ["type"] }), states: [""] },
    {
      type: "PAY",
      schema: {
        allOf: [
          { type: "object", properties: { type: { const: "PAY" } }, required: ["type"] },
          { anyOf: [expect.any(Object), expect.any(Object)] },
        ],
      },
      states: ["one.inner", "two"],
    },
    {
      type: "key.*",
      schema: { type: "object", properties: { type: { type: "string" } }, required: ["type"] },
      states: ["two"],
    },
  ]);
  expect(contract.tasks.map(({ type }) => type)).toEqual(["resize"]);
  expect(contract.jobs).toEqual([
    {
      blueprint: "child",
      version: "3",
      input: expect.objectContaining({ required: ["name"] }),
      output: expect.any(Object),
    },
  ]);
});
