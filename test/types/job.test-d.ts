// What the compiler accepts and refuses of child jobs; checked by `tsc`, never run.
import { blueprint, flow, job } from "avtomatika";
import { assign, setup } from "xstate";
import { z } from "zod";

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>(): void => {};

const counter = blueprint("counter", {
  version: "1",
  input: z.object({ from: z.number().default(0) }),
  machine: setup({
    types: {
      input: {} as { from: number },
      output: {} as { sum: number },
      events: {} as { type: "ADD"; n: number },
    },
  }).createMachine({ output: { sum: 1 } }),
});
const greet = flow("greet", { version: "1", input: z.object({ name: z.string() }) })
  .state("init", { to: ["completed"] }, (ctx) => ctx.actions.transitionTo("completed"))
  .build();
const other = job("other", {
  input: z.object({ url: z.string() }),
  output: z.object({ key: z.string() }),
  version: "2",
  parentClose: "await",
});

export const typed = setup({
  types: { context: {} as { sum: number; state: string; key: string } },
  actors: { counter: job(counter), greet: job(greet, { parentClose: "abandon" }), other },
}).createMachine({
  context: { sum: 0, state: "", key: "" },
  type: "parallel",
  states: {
    counting: {
      invoke: {
        id: "counter",
        src: "counter",
        // The number to begin with has a default.
        input: {},
        onDone: {
          actions: assign({
            sum: ({ event }) => {
              holds<Same<typeof event.output, { sum: number }>>();
              return event.output.sum;
            },
          }),
        },
      },
    },
    greeting: {
      invoke: {
        id: "greet",
        src: "greet",
        input: { name: "Ann" },
        onDone: { actions: assign({ state: ({ event }) => event.output.finalState }) },
      },
    },
    others: {
      invoke: {
        id: "other",
        src: "other",
        input: { url: "a" },
        onDone: { actions: assign({ key: ({ event }) => event.output.key }) },
      },
    },
  },
});

export const wrongInput = setup({ actors: { counter: job(counter) } }).createMachine({
  // @ts-expect-error the counter begins with a number
  invoke: { id: "counter", src: "counter", input: { from: "ten" } },
});

export const wrongOutput = setup({
  types: { context: {} as { sum: number } },
  actors: { counter: job(counter) },
}).createMachine({
  context: { sum: 0 },
  invoke: {
    id: "counter",
    src: "counter",
    input: {},
    // @ts-expect-error the output has no such member
    onDone: { actions: assign({ sum: ({ event }) => event.output.total }) },
  },
});

// @ts-expect-error there is no such policy
export const wrongPolicy = job(counter, { parentClose: "ignore" });

export const dateIn = job("dates", {
  // @ts-expect-error a Date comes out of JSON as a string
  input: z.object({ at: z.date() }),
  output: z.object({}),
});
