// What the compiler accepts and refuses of tasks and native blueprints; checked by `tsc`, never run.
import { blueprint, task, type TaskOutput, type TaskParams, type TaskProgressOf } from "avtomatika";
import { assign, setup } from "xstate";
import { z } from "zod";

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>(): void => {};

const resize = task("resize_image", {
  input: z.object({ url: z.string(), width: z.int().default(640) }),
  output: z.object({ key: z.string(), pages: z.int().default(1) }),
  progress: z.object({ percent: z.number() }),
});

holds<Same<TaskParams<typeof resize>, { url: string; width: number }>>();
holds<Same<TaskOutput<typeof resize>, { key: string; pages: number }>>();
holds<Same<TaskProgressOf<typeof resize>, { percent: number }>>();

export const typed = setup({
  types: { context: {} as { key: string; percent: number; error: unknown } },
  actors: { resize },
}).createMachine({
  context: { key: "", percent: 0, error: null },
  invoke: {
    id: "resize",
    src: "resize",
    // The width has a default, so it may be left out.
    input: { url: "https://example.org/a.png" },
    onDone: {
      actions: assign({
        key: ({ event }) => {
          holds<Same<typeof event.output, { key: string; pages: number }>>();
          return event.output.key;
        },
      }),
    },
    onSnapshot: {
      actions: assign({ percent: ({ event }) => event.snapshot.progress?.percent ?? 0 }),
    },
    onError: {
      actions: assign({
        error: ({ event }) => {
          holds<Same<typeof event.error, unknown>>();
          return event.error;
        },
      }),
    },
  },
});

export const wrongName = setup({ actors: { resize } }).createMachine({
  // @ts-expect-error there is no actor of this name
  invoke: { id: "resize", src: "resise", input: { url: "a" } },
});

export const wrongInput = setup({ actors: { resize } }).createMachine({
  // @ts-expect-error url is a string
  invoke: { id: "resize", src: "resize", input: { url: 1 } },
});

export const missingInput = setup({ actors: { resize } }).createMachine({
  // @ts-expect-error the task needs an input
  invoke: { id: "resize", src: "resize" },
});

export const wrongOutput = setup({
  types: { context: {} as { key: string } },
  actors: { resize },
}).createMachine({
  context: { key: "" },
  invoke: {
    id: "resize",
    src: "resize",
    input: { url: "a" },
    onDone: {
      actions: assign({
        // @ts-expect-error the output has no such member
        key: ({ event }) => event.output.kee,
      }),
    },
  },
});

export const dateIn = task("date_in", {
  // @ts-expect-error a Date comes out of JSON as a string
  input: z.object({ at: z.date() }),
  output: z.object({}),
});

export const mapOut = task("map_out", {
  input: z.object({}),
  // @ts-expect-error a Map comes out of JSON as {}
  output: z.object({ counts: z.map(z.string(), z.number()) }),
});

export const bigintProgress = task("bigint_progress", {
  input: z.object({}),
  output: z.object({}),
  // @ts-expect-error JSON has no bigint
  progress: z.object({ bytes: z.bigint() }),
});

export const unknownOut = task("unknown_out", {
  input: z.unknown(),
  output: z.object({ anything: z.unknown(), maybe: z.string().optional() }),
});

const takesUrl = setup({ types: { input: {} as { url: string } } }).createMachine({});

export const fits = blueprint("fits", {
  version: "1",
  machine: takesUrl,
  input: z.object({ url: z.string(), more: z.number() }),
});

export const doesNotFit = blueprint("does_not_fit", {
  version: "1",
  machine: takesUrl,
  // @ts-expect-error the machine needs a url
  input: z.object({ path: z.string() }),
});

export const defaultFits = blueprint("default_fits", {
  version: "1",
  machine: takesUrl,
  input: z.object({ url: z.string().default("https://example.org") }),
});
