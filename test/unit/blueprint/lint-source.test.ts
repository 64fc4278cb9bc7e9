// Every rule of the linter about code that runs inside a step.
import { assign, fromPromise, raise } from "xstate";
import { expect, test } from "vitest";
import { checkCases, codesOf, invoking, machine, on, promise, type Case } from "./lint-machines.ts";

interface Args {
  readonly context: { readonly items: number[]; readonly n: number };
  readonly self: { send(event: object): void };
}
/** Code of an assign. The types are those of any machine. */
const does = (code: (args: Args) => unknown, more: object = {}) =>
  machine(on({ actions: assign({ n: code as never }) }, more));
const guarded = (guard: (args: Args) => unknown) => machine(on({ target: "b", guard }));

/** A machine with a promise that is made by this. */
const promising = (creator: Parameters<typeof fromPromise>[0]) =>
  machine(invoking({ src: "own" }), { actors: { own: fromPromise(creator) } });

const cases: readonly Case[] = [
  {
    code: "lint.promise_scope",
    severity: "warning",
    title: "a promise that emits",
    bad: promising(async ({ input, emit }) => emit(input as never)),
    where: 'actor "own"',
    good: promising(async ({ input, signal }) => (signal.aborted ? "emit" : input)),
  },
  {
    code: "lint.promise_scope",
    severity: "warning",
    title: "a promise that asks the system",
    bad: promising(async (args) => args.system.get("x")),
    where: 'actor "own"',
    good: promising(async (args) => args.input),
  },
  {
    code: "lint.clock_or_random",
    severity: "warning",
    title: "an event that is made with a random id",
    bad: machine(on({ actions: raise(() => ({ type: "X", id: crypto.randomUUID() })) })),
    where: "m.a on GO",
    good: machine(on({ actions: raise(() => ({ type: "X", id: "x" })) })),
  },
  {
    code: "lint.clock_or_random",
    severity: "warning",
    title: "params that read the clock",
    bad: machine(on({ actions: { type: "note", params: () => ({ at: new Date() }) } })),
    where: "m.a on GO",
    good: machine(on({ actions: { type: "note", params: () => ({ at: new Date(5) }) } })),
  },
  {
    code: "lint.effect_in_step",
    severity: "warning",
    title: "an assign that fetches",
    bad: does(() => fetch("https://example.org")),
    where: "m.a on GO",
    good: does(({ context }) => context.n),
  },
  {
    code: "lint.effect_in_step",
    severity: "warning",
    title: "a guard that reads the environment",
    bad: guarded(() => process.env["OPEN"]),
    where: "m.a on GO",
    good: guarded(({ context }) => context.n > 1),
  },
  {
    code: "lint.async_in_step",
    severity: "error",
    title: "a guard that is async",
    bad: guarded(async () => false),
    where: "m.a on GO",
    good: guarded(() => false),
  },
  {
    code: "lint.async_in_step",
    severity: "error",
    title: "a named guard that is async",
    bad: machine(on("b"), { guards: { open: async () => true } }),
    where: 'guard "open"',
    good: machine(on("b"), { guards: { open: () => true } }),
  },
  {
    code: "lint.context_mutation",
    severity: "warning",
    title: "an assign that pushes",
    bad: does(({ context }) => context.items.push(1)),
    where: "m.a on GO",
    good: does(({ context }) => [...context.items, 1]),
  },
  {
    code: "lint.context_mutation",
    severity: "warning",
    title: "a guard that counts",
    bad: guarded(({ context }) => {
      (context as { n: number }).n += 1;
      return true;
    }),
    where: "m.a on GO",
    good: guarded(({ context }) => context.n === 1 || context.items.length <= 2),
  },
  {
    code: "lint.direct_send",
    severity: "error",
    title: "an assign that sends",
    bad: does(({ self }) => self.send({ type: "X" })),
    where: "m.a on GO",
    good: machine(on({ actions: raise({ type: "X" }) })),
  },
  {
    code: "lint.not_json_value",
    severity: "warning",
    title: "a context that is given a Map",
    bad: machine({ context: () => ({ seen: new Map() }) }),
    where: "m context",
    good: machine({ context: () => ({ seen: Object.fromEntries(new Map()) as object }) }),
  },
  {
    code: "lint.not_json_value",
    severity: "warning",
    title: "an assign that makes a Date",
    bad: does(() => new Date(5)),
    where: "m.a on GO",
    good: does(() => new Date(5).toISOString()),
  },
  {
    code: "lint.not_json_value",
    severity: "warning",
    title: "an assign that makes a Set",
    bad: does(({ context }) => new Set(context.items)),
    where: "m.a on GO",
    good: does(({ context }) => [...new Set(context.items)]),
  },
  {
    code: "lint.spawn_in_assign",
    severity: "info",
    title: "spawn() inside a context",
    bad: machine({
      context: ({ spawn }: { spawn: (src: string, options: object) => unknown }) => ({
        w: spawn("work", { id: "w" }),
      }),
    }),
    where: "m context",
    good: machine({ context: () => ({ w: 1 }) }),
  },
  {
    code: "lint.spawn_without_id",
    severity: "warning",
    title: "an anonymous spawn()",
    bad: machine(on({ actions: assign({ w: ({ spawn }) => spawn("work") }) })),
    where: "m.a on GO",
    good: machine(on({ actions: assign({ w: ({ spawn }) => spawn("work", { id: "w" }) }) })),
  },
  {
    code: "lint.inline_actor",
    severity: "error",
    title: "logic in place of a name, again",
    bad: machine(invoking({ src: promise })),
    where: "m.a invoke w",
    good: machine(invoking({ src: "promise" })),
  },
];

checkCases(cases);

test("code is looked at wherever it stands", () => {
  const now = () => Date.now();
  const places = [
    machine(on({ target: "b", guard: { type: "ready", params: now } })),
    machine(on({ actions: raise({ type: "X" }, { id: "x", delay: now }) })),
    machine(invoking({ src: "work", input: now })),
    machine({ ...on("b"), output: now }),
    machine({ ...on("b"), context: now }),
    machine(on("b"), { guards: { late: now } }),
    machine(on("b"), { delays: { late: now } }),
    machine(on({ actions: "stamp" }), { actions: { stamp: assign({ n: now }) } }),
  ];
  for (const place of places) expect(codesOf(place)).toContain("lint.clock_or_random");
});
