// Shape A of the benchmark: one task, and what it made.
import { blueprint } from "avtomatika";
import { assign, setup } from "xstate";
import { z } from "zod";
import { echo } from "../tasks/shape-definitions.ts";

interface Input {
  readonly message: string;
  readonly multiply: number;
}

const machine = setup({
  types: { input: {} as Input, context: {} as Input },
  actors: { echo },
  actions: { keep: assign((_, { message }: { message: string }) => ({ message })) },
});

export const oneTask = blueprint("one_task", {
  version: "1",
  endpoint: "/jobs/one_task",
  input: z.object({ message: z.string(), multiply: z.number() }),
  machine: machine.createMachine({
    id: "one_task",
    context: ({ input }) => input,
    initial: "echoing",
    states: {
      echoing: {
        invoke: {
          id: "echo",
          src: "echo",
          input: ({ context }) => context,
          onDone: {
            target: "done",
            actions: { type: "keep", params: ({ event }) => ({ message: event.output.message }) },
          },
          onError: "failed",
        },
      },
      done: { type: "final" },
      failed: { type: "final" },
    },
  }),
});
