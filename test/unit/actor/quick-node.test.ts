// The work that nodes of a prepared machine are spared changes nothing that machines can see.
import { expect, test } from "vitest";
import {
  assign,
  fromPromise,
  initialTransition,
  raise,
  setup,
  spawnChild,
  stateIn,
  stopChild,
  transition,
} from "xstate";
import { start, step } from "../../../src/actor/step.ts";

const origin = { jobId: "0_j", blueprint: "regions", version: "1", shape: "s" };
const at = { now: 1, epoch: "e" };

interface Context {
  readonly seen: readonly string[];
}

/** Two regions whose actions change context and children, and whose guards look at states between them. */
const machine = setup({
  types: {
    context: {} as Context,
    events: {} as { type: "GO" } | { type: "order.paid" } | { type: "RAISE" } | { type: "NOTHING" },
  },
  actors: { work: fromPromise(async () => 1) },
  actions: {
    note: assign({ seen: ({ context }, what: string) => [...context.seen, what] }),
  },
  guards: {
    inLeftB: stateIn({ left: "b" }),
  },
}).createMachine({
  id: "regions",
  context: { seen: [] },
  type: "parallel",
  on: { RAISE: { actions: [{ type: "note", params: "raise" }, raise({ type: "GO" })] } },
  states: {
    left: {
      initial: "a",
      states: {
        a: {
          tags: ["first"],
          entry: spawnChild("work", { id: "spawned" }),
          exit: [stopChild("spawned"), { type: "note", params: "left a" }],
          invoke: [
            { id: "work", src: "work" },
            { id: "more", src: "work" },
          ],
          on: { GO: { target: "b", actions: { type: "note", params: "left" } } },
        },
        b: { tags: ["second"], entry: assign({ seen: ({ context }) => [...context.seen, "b"] }) },
      },
    },
    right: {
      initial: "a",
      states: {
        a: {
          on: { "order.*": "c" },
          always: {
            guard: "inLeftB",
            target: "b",
            actions: { type: "note", params: "right" },
          },
        },
        b: { on: { "*": { actions: { type: "note", params: "any" } } } },
        c: {},
      },
    },
  },
});

test("values, contexts and children are those of stock XState after each event", () => {
  for (const types of [
    ["GO", "NOTHING", "order.paid"],
    ["order.paid", "GO", "NOTHING"],
    ["NOTHING", "RAISE", "GO", "RAISE"],
  ] as const) {
    let { envelope } = start(machine, origin, undefined, at);
    let [stock] = initialTransition(machine);
    const check = () => {
      expect(envelope.value).toEqual(stock.value);
      expect(envelope.context).toEqual(stock.context);
      expect(Object.keys(envelope.children).toSorted()).toEqual(
        Object.keys(stock.children).toSorted(),
      );
    };
    check();
    for (const type of types) {
      const result = step(machine, envelope, { type: "event", event: { type } }, at);
      if (result.outcome === "stepped") envelope = result.envelope;
      [stock] = transition(machine, stock, { type });
      check();
    }
  }
});
