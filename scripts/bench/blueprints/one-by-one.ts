// Shape B of the benchmark: three tasks, each with what the one before it made.
import { blueprint } from "avtomatika";
import { assign, setup } from "xstate";
import { z } from "zod";
import { addOne } from "../tasks/shape-definitions.ts";

const machine = setup({
  types: { input: {} as { value: number }, context: {} as { value: number } },
  actors: { addOne },
  actions: { keep: assign((_, { value }: { value: number }) => ({ value })) },
});

const step = (id: string, target: string) =>
  machine.createStateConfig({
    invoke: {
      id,
      src: "addOne",
      input: ({ context }) => ({ value: context.value }),
      onDone: {
        target,
        actions: { type: "keep", params: ({ event }) => ({ value: event.output.value }) },
      },
      onError: "failed",
    },
  });

export const oneByOne = blueprint("one_by_one", {
  version: "1",
  endpoint: "/jobs/one_by_one",
  input: z.object({ value: z.number() }),
  machine: machine.createMachine({
    id: "one_by_one",
    context: ({ input }) => ({ value: input.value }),
    initial: "first",
    states: {
      first: step("first", "second"),
      second: step("second", "third"),
      third: step("third", "done"),
      done: { type: "final" },
      failed: { type: "final" },
    },
  }),
});
