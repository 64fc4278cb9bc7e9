// The native blueprint that README.md shows.
import { blueprint, task } from "avtomatika";
import { assign, setup } from "xstate";
import { z } from "zod";

const Image = z.object({ source: z.string() });
const resize = task("resize", { input: Image, output: z.object({ path: z.string() }) });

const machine = setup({
  types: { input: {} as z.infer<typeof Image>, context: {} as { source: string; path: string } },
  actors: { resize },
  delays: { patience: 3 * 24 * 60 * 60 * 1000 },
}).createMachine({
  context: ({ input }) => ({ ...input, path: "" }),
  initial: "resizing",
  states: {
    resizing: {
      invoke: {
        id: "resize",
        src: "resize",
        input: ({ context: { source } }) => ({ source }),
        onDone: { target: "review", actions: assign({ path: ({ event }) => event.output.path }) },
        onError: "rejected",
      },
    },
    review: {
      tags: "human",
      on: { APPROVE: "published", REJECT: "rejected" },
      after: { patience: "rejected" },
    },
    published: { type: "final" },
    rejected: { type: "final" },
  },
});

export const thumbnail = blueprint("thumbnail", { version: "1", machine, input: Image });
