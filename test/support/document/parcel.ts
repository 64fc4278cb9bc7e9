// The code that `parcel.json` names.
import { task, type Implementations } from "avtomatika";
import { assign } from "xstate";
import { z } from "zod";

interface Context {
  readonly sender: string;
  readonly grams: number;
}

export const implementations: Implementations = {
  input: z.object({ sender: z.string() }),
  actors: {
    weigh: task("weigh_parcel", {
      input: z.object({ sender: z.string() }),
      output: z.object({ grams: z.int().positive() }),
    }),
  },
  actions: {
    keepWeight: assign({
      grams: ({ event }) => (event as unknown as { output: { grams: number } }).output.grams,
    }),
  },
  guards: { isHeavy: ({ context }: { context: Context }) => context.grams > 20_000 },
  delays: { patience: 24 * 60 * 60 * 1000 },
  values: {
    begin: ({ input }: { input: { sender: string } }) => ({ ...input, grams: 0 }),
    sender: ({ context }: { context: Context }) => ({ sender: context.sender }),
  },
};
