// The chart of a machine: every node and arrow, with labels that people understand.
import { blueprint, flow, task } from "avtomatika";
import { expect, test } from "vitest";
import { and, assign, createMachine, fromPromise, not, or, raise, setup } from "xstate";
import { z } from "zod";
import { duration, labelText } from "../../../src/blueprint/chart-label.ts";
import { chart, type Chart } from "../../../src/blueprint/chart.ts";

const resize = task("resize_image", { input: z.object({}), output: z.object({}) });

/** `source > target: label`, without the machine's name. */
function arrows({ id, edges }: Chart): string[] {
  const short = (state: string) => (state === id ? "(root)" : state.slice(id.length + 1));
  return edges.map(({ source, target, label }) =>
    `${short(source)} > ${short(target)}: ${labelText(label)}`.trim(),
  );
}

test("lists nodes with parents before their children, and says what each is", () => {
  const { id, nodes } = chart(
    createMachine({
      id: "m",
      initial: "a",
      states: {
        a: { description: "The first", tags: ["human"] },
        b: { type: "parallel", states: { x: { initial: "p", states: { p: {} } }, y: {} } },
        c: { type: "final" },
      },
    }),
  );
  expect(id).toBe("m");
  expect(nodes.map((node) => [node.id, node.kind, node.parent, node.initial])).toEqual([
    ["m", "compound", undefined, "m.a"],
    ["m.a", "atomic", "m", undefined],
    ["m.b", "parallel", "m", undefined],
    ["m.b.x", "compound", "m.b", "m.b.x.p"],
    ["m.b.x.p", "atomic", "m.b.x", undefined],
    ["m.b.y", "atomic", "m.b", undefined],
    ["m.c", "final", "m", undefined],
  ]);
  expect(nodes[1]).toMatchObject({ key: "a", description: "The first", tags: ["human"] });
});

test("is plain JSON", () => {
  const drawn = chart(createMachine({ id: "m", initial: "a", states: { a: { on: { GO: "a" } } } }));
  expect(JSON.parse(JSON.stringify(drawn))).toEqual(drawn);
});

test("says events, guards and named actions, and leaves out what has no name", () => {
  const machine = setup({
    guards: { rich: () => true, known: () => true },
    actions: { note: () => {} },
  }).createMachine({
    id: "m",
    initial: "a",
    states: {
      a: {
        on: {
          PLAIN: "b",
          GUARDED: { target: "b", guard: and(["rich", not("known")]) },
          EITHER: { target: "b", guard: or(["rich", "known"]) },
          INLINE: { target: "b", guard: () => true, actions: [assign({}), raise({ type: "X" })] },
          ACTED: { target: "b", actions: ["note", () => {}] },
          "*": "b",
        },
        always: { target: "b", guard: "rich" },
      },
      b: {},
    },
  });
  expect(arrows(chart(machine))).toEqual([
    "a > b: PLAIN",
    "a > b: GUARDED [rich and not known]",
    "a > b: EITHER [rich or known]",
    "a > b: INLINE […]",
    "a > b: ACTED / note",
    "a > b: any other",
    "a > b: [rich]",
  ]);
});

test("says delays, completions and failures as a person would", () => {
  const machine = setup({
    actors: { resize, upload: fromPromise(async () => {}) },
    delays: { backoff: 5000 },
  }).createMachine({
    id: "m",
    initial: "a",
    states: {
      a: { after: { 600_000: "b", backoff: "b" } },
      b: { invoke: { id: "r", src: "resize", input: {}, onDone: "c", onError: "d" } },
      c: {
        invoke: [
          { id: "first", src: "resize", input: {}, onDone: "d" },
          { id: "second", src: "upload", onError: "d" },
        ],
      },
      d: { type: "parallel", states: { x: {}, y: {} }, onDone: "e" },
      e: { initial: "z", states: { z: { type: "final" } }, onDone: "a" },
    },
  });
  const drawn = chart(machine);
  expect(arrows(drawn)).toEqual([
    "a > b: after 10 min",
    "a > b: after backoff",
    "b > c: done",
    "b > d: error",
    "c > d: first done",
    "c > d: second error",
    "d > e: all done",
    "e > a: done",
  ]);
  expect(drawn.edges.map(({ kind }) => kind)).toEqual([
    "after",
    "after",
    "done",
    "error",
    "done",
    "error",
    "done",
    "done",
  ]);
  expect(drawn.nodes.find(({ key }) => key === "c")?.tasks).toEqual(["resize_image", "upload"]);
});

test("shows transitions that leave no state as reactions of their state", () => {
  const machine = setup({ actions: { save: () => {} } }).createMachine({
    id: "m",
    initial: "a",
    states: { a: { on: { EDIT: { actions: "save" }, NOTHING: {} } } },
  });
  const { nodes, edges } = chart(machine);
  expect(nodes[1]?.reactions.map(labelText)).toEqual(["EDIT / save"]);
  expect(edges).toEqual([]);
});

test("shows where a history state leads while there is no history", () => {
  const drawn = chart(
    createMachine({
      id: "m",
      initial: "a",
      states: {
        a: {
          initial: "x",
          states: {
            x: {},
            deep: { type: "history", history: "deep", target: "x" },
            far: { type: "history", target: "#m.b" },
          },
        },
        b: { on: { BACK: "a.deep" } },
      },
    }),
  );
  expect(arrows(drawn)).toEqual(["a.deep > a.x:", "a.far > b:", "b > a.deep: BACK"]);
  expect(drawn.nodes.filter(({ kind }) => kind === "history").map((node) => node.history)).toEqual([
    "deep",
    "shallow",
  ]);
});

test("gives every edge an id of its own, the same each time", () => {
  const machine = createMachine({
    id: "m",
    initial: "a",
    states: { a: { on: { X: "b", Y: "b", Z: "a" } }, b: { on: { X: "a" } } },
  });
  const ids = chart(machine).edges.map(({ id }) => id);
  expect(new Set(ids).size).toBe(4);
  expect(chart(machine).edges.map(({ id }) => id)).toEqual(ids);
});

test("shows of a flow what its author wrote: states, declared targets, tasks, outcomes", () => {
  const order = flow("order", { version: "1" });
  order.state("start", { isStart: true, to: ["shipped", "failed"] }, (ctx) => {
    ctx.actions.dispatchTask({
      type: "pack",
      transitions: { success: "shipped", failure: "failed" },
    });
  });
  order.state("shipped", { isEnd: true }, () => {});
  const drawn = chart(order.build().machine);
  expect(drawn.nodes.map(({ key }) => key)).toEqual(["order", "start", "shipped", "failed"]);
  expect(drawn.nodes[0]?.initial).toBe("order.start");
  expect(drawn.nodes[1]?.tasks).toEqual(["pack"]);
  expect(arrows(drawn)).toEqual(["start > shipped: success", "start > failed: failure"]);
});

test("names a blueprint's invoked task by the type that workers know", () => {
  const machine = setup({ actors: { resize } }).createMachine({
    id: "m",
    initial: "a",
    states: {
      a: { invoke: { id: "r", src: "resize", input: {}, onDone: "b", onError: "b" } },
      b: {},
    },
  });
  const drawn = chart(blueprint("m", { version: "1", machine }).machine);
  expect(drawn.nodes[1]?.tasks).toEqual(["resize_image"]);
});

test.each([
  [0, "0 s"],
  [250, "250 ms"],
  [5000, "5 s"],
  [90_500, "1 min 30 s 500 ms"],
  [600_000, "10 min"],
  [259_200_000, "3 d"],
])("writes %d ms as %s", (ms, words) => expect(duration(ms)).toBe(words));
