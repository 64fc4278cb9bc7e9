// The blueprint of the chaos tests: tasks in sequence, a durable timer, two tasks in parallel, and tasks that fail at first.
import { assign, setup } from "xstate";
import { z } from "zod";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { task } from "../../../src/blueprint/task.ts";

const Order = z.object({ name: z.string(), napMs: z.number() });
const Done = z.object({ by: z.string() });

/** Fails its first attempt for some names, so that retries are under way all the time. */
export const work = task("chaos_work", {
  input: z.object({ name: z.string(), part: z.string() }),
  output: Done,
  retry: { maxAttempts: 50, initialMs: 100, factor: 1.5, maxMs: 1000 },
});

const machine = setup({
  types: {
    input: {} as z.infer<typeof Order>,
    context: {} as z.infer<typeof Order> & { done: string[] },
  },
  actors: { work },
  actions: {
    note: assign({ done: ({ context }, { part }: { part: string }) => [...context.done, part] }),
  },
  delays: { nap: ({ context }) => context.napMs },
}).createMachine({
  id: "order",
  context: ({ input }) => ({ ...input, done: [] }),
  initial: "first",
  states: {
    first: {
      invoke: {
        id: "first",
        src: "work",
        input: ({ context: { name } }) => ({ name, part: "first" }),
        onDone: { target: "napping", actions: { type: "note", params: { part: "first" } } },
        onError: "broken",
      },
    },
    napping: { after: { nap: "both" } },
    both: {
      type: "parallel",
      states: {
        left: {
          initial: "busy",
          states: {
            busy: {
              invoke: {
                id: "left",
                src: "work",
                input: ({ context: { name } }) => ({ name, part: "left" }),
                onDone: { target: "done", actions: { type: "note", params: { part: "left" } } },
                onError: "#order.broken",
              },
            },
            done: { type: "final" },
          },
        },
        right: {
          initial: "busy",
          states: {
            busy: {
              invoke: {
                id: "right",
                src: "work",
                input: ({ context: { name } }) => ({ name, part: "right" }),
                onDone: { target: "done", actions: { type: "note", params: { part: "right" } } },
                onError: "#order.broken",
              },
            },
            done: { type: "final" },
          },
        },
      },
      onDone: "done",
    },
    done: { type: "final" },
    broken: { type: "final" },
  },
});

export const order = blueprint("chaos_order", {
  version: "1",
  machine,
  input: Order,
  endpoint: "/jobs/chaos",
  apiVersion: "v1",
});
