// One task that ends when its worker likes: what the bench of workers measures is on its way there and back.
import { blueprint } from "avtomatika";
import { setup } from "xstate";
import { z } from "zod";
import { hold } from "../tasks/shape-definitions.ts";

const machine = setup({ types: { input: {} as object }, actors: { hold } });

export const held = blueprint("held", {
  version: "1",
  endpoint: "/jobs/held",
  input: z.object({}),
  machine: machine.createMachine({
    id: "held",
    initial: "holding",
    states: {
      holding: {
        invoke: { id: "hold", src: "hold", input: {}, onDone: "done", onError: "failed" },
      },
      done: { type: "final" },
      failed: { type: "final" },
    },
  }),
});
