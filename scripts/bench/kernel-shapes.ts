// The shapes of machines that the kernel is measured on, each with a run of events that it reacts to.
import { assign, fromPromise, setup, type AnyStateMachine } from "xstate";

export interface Shape {
  readonly name: string;
  readonly machine: AnyStateMachine;
  readonly input: unknown;
  /** After the first step. The name of an event, or of a child that completes. */
  readonly moves: readonly { readonly event?: string; readonly done?: string }[];
  readonly jobsPerRound: number;
}

const work = { work: fromPromise(() => Promise.resolve()) };
const order = { customer: "c-1042", lines: [1, 2, 3] };

/** Three tasks one after the other. */
const linear = setup({ actors: work }).createMachine({
  id: "linear",
  context: ({ input }) => ({ order: input, total: 0 }),
  initial: "a",
  states: {
    a: { invoke: { id: "a", src: "work", onDone: "b" } },
    b: { invoke: { id: "b", src: "work", onDone: "c" } },
    c: { invoke: { id: "c", src: "work", onDone: "end" } },
    end: { type: "final" },
  },
});

/** States in states in states, with actions on the way in and out, and events that outer ones take. */
const hierarchical = setup({
  types: { context: {} as { count: number; order: unknown } },
  actions: { count: assign({ count: ({ context }) => context.count + 1 }) },
}).createMachine({
  id: "hierarchical",
  context: ({ input }) => ({ order: input, count: 0 }),
  initial: "open",
  on: { CLOSE: ".closed" },
  states: {
    open: {
      initial: "first",
      entry: "count",
      exit: "count",
      on: { RESTART: { target: "open", reenter: true } },
      states: {
        first: {
          initial: "x",
          exit: "count",
          states: { x: { on: { NEXT: "y" } }, y: { on: { NEXT: "#hierarchical.open.second.x" } } },
        },
        second: {
          initial: "x",
          entry: "count",
          states: { x: { on: { NEXT: "y" } }, y: {} },
        },
      },
    },
    closed: { type: "final" },
  },
});

const region = (index: number) => ({
  initial: "a",
  states: {
    a: { on: { NEXT: "b", [`NEXT${index}`]: "b" } },
    b: { on: { NEXT: "a", [`NEXT${index}`]: "a" } },
  },
});

/** Ten regions; some events move all of them, some only one. */
const parallel = setup({}).createMachine({
  id: "parallel",
  type: "parallel",
  context: ({ input }) => ({ order: input }),
  states: Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`r${index}`, region(index)]),
  ),
});

/** 100 KB of text that steps leave alone, as documents in contexts are. */
const text = {
  ...order,
  pages: Array.from({ length: 100 }, (_, page) => ({
    page,
    text: "The quick brown fox jumps over the lazy dog. ".repeat(22),
  })),
};

/** 100 KB of small values. */
const records = {
  ...order,
  records: Array.from({ length: 1000 }, (_, id) => ({
    id,
    name: `record number ${id}`,
    price: id * 1.5,
    tags: ["new", "sold"],
    isOpen: id % 2 === 0,
  })),
};

/** As `linear`, and a guard looks at all records of the order each time. */
const reading = setup({
  types: { context: {} as { order: { records: readonly { price: number }[] } } },
  actors: work,
  guards: {
    isWorth: ({ context }) => context.order.records.reduce((sum, { price }) => sum + price, 0) > 0,
  },
}).createMachine({
  id: "reading",
  context: ({ input }) => ({ order: input as never }),
  initial: "a",
  states: {
    a: { invoke: { id: "a", src: "work", onDone: { target: "b", guard: "isWorth" } } },
    b: { invoke: { id: "b", src: "work", onDone: { target: "c", guard: "isWorth" } } },
    c: { invoke: { id: "c", src: "work", onDone: { target: "end", guard: "isWorth" } } },
    end: { type: "final" },
  },
});

const shape = (
  name: string,
  machine: unknown,
  jobsPerRound: number,
  moves: Shape["moves"],
  input: unknown = order,
): Shape => ({ name, machine: machine as AnyStateMachine, input, moves, jobsPerRound });

const completions = ["a", "b", "c"].map((done) => ({ done }));
const events = (...names: readonly string[]) => names.map((event) => ({ event }));

export const shapes: readonly Shape[] = [
  shape("linear", linear, 2000, completions),
  shape("hierarchical", hierarchical, 1200, events("NEXT", "NEXT", "NEXT", "RESTART", "CLOSE")),
  shape("10 parallel regions", parallel, 400, events("NEXT", "NEXT3", "NEXT", "NEXT7")),
  shape("100 KB of text in context", linear, 150, completions, text),
  shape("100 KB of records in context", linear, 60, completions, records),
  shape("100 KB of records that guards read", reading, 60, completions, records),
];
