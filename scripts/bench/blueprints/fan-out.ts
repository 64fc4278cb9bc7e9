// Shape C of the benchmark: ten tasks at once in parallel regions, and one that takes them all together.
import { blueprint } from "avtomatika";
import { assign, setup } from "xstate";
import { z } from "zod";
import { addAll, addOne } from "../tasks/shape-definitions.ts";

interface Context {
  readonly value: number;
  readonly values: readonly number[];
  readonly sum: number;
}

const machine = setup({
  types: { input: {} as { value: number }, context: {} as Context },
  actors: { addOne, addAll },
  actions: {
    collect: assign(({ context }, { value }: { value: number }) => ({
      values: [...context.values, value],
    })),
    keepSum: assign((_, { sum }: { sum: number }) => ({ sum })),
  },
});

const region = (index: number) =>
  machine.createStateConfig({
    initial: "working",
    states: {
      working: {
        invoke: {
          id: `part_${index}`,
          src: "addOne",
          input: ({ context }) => ({ value: context.value + index }),
          onDone: {
            target: "done",
            actions: { type: "collect", params: ({ event }) => ({ value: event.output.value }) },
          },
          onError: "#failed",
        },
      },
      done: { type: "final" },
    },
  });

export const fanOut = blueprint("fan_out", {
  version: "1",
  endpoint: "/jobs/fan_out",
  input: z.object({ value: z.number() }),
  machine: machine.createMachine({
    id: "fan_out",
    context: ({ input }) => ({ value: input.value, values: [], sum: 0 }),
    initial: "parts",
    states: {
      parts: {
        type: "parallel",
        states: Object.fromEntries(
          Array.from({ length: 10 }, (_, index) => [`part_${index}`, region(index)]),
        ),
        onDone: "together",
      },
      together: {
        invoke: {
          id: "together",
          src: "addAll",
          input: ({ context }) => ({ values: [...context.values] }),
          onDone: {
            target: "done",
            actions: { type: "keepSum", params: ({ event }) => ({ sum: event.output.sum }) },
          },
          onError: "failed",
        },
      },
      done: { type: "final" },
      failed: { id: "failed", type: "final" },
    },
  }),
});
