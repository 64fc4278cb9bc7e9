// Every rule of the linter about states: whether a job comes to them, leaves them, and ends; and about the context it begins with.
import { raise } from "xstate";
import { checkCases, invoking, machine, on, regions, type Case } from "./lint-machines.ts";

const states = (a: object, more: object = {}): object => ({
  initial: "a",
  states: { a, b: { type: "final" } },
  ...more,
});
const end = { type: "final" };
const inside = (child: object, onDone: string): object => ({
  initial: "p",
  states: { p: { initial: "x", states: { x: child }, onDone }, b: { type: "final" } },
});

const circle: { self?: unknown } = {};
circle.self = circle;

/** A state with two regions, both of which end. */
const inParallel = (more: object): object => ({
  initial: "p",
  states: {
    p: {
      type: "parallel",
      states: { one: states(end), two: states(end) },
      ...more,
    },
    b: end,
  },
});

const cases: readonly Case[] = [
  {
    code: "lint.shared_state_id",
    severity: "error",
    title: "an id that two states have",
    bad: machine({
      initial: "a",
      states: { a: { on: { GO: "b" } }, b: { type: "final", id: "m" } },
    }),
    where: "m",
    good: machine({
      initial: "a",
      states: { a: { id: "one", on: { GO: "b" } }, b: { type: "final", id: "other" } },
    }),
  },
  {
    code: "lint.dead_end",
    severity: "warning",
    title: "a state that nothing leads out of",
    bad: machine(states({})),
    where: "m.a",
    good: machine(states({}, { on: { STOP: ".b" } })),
  },
  {
    code: "lint.dead_end",
    severity: "warning",
    title: "a state that only ignores events",
    bad: machine(states({ on: { GO: {} } })),
    where: "m.a",
    good: machine(states({ on: { GO: { actions: "note" } } })),
  },
  {
    code: "lint.dead_end",
    severity: "warning",
    title: "a region that never ends",
    bad: machine({ type: "parallel", states: { one: states({}) }, onDone: { actions: "note" } }),
    where: "m.one.a",
    good: machine(regions({ on: { BACK: "a" } }, { on: { GO: "c" } })),
  },
  {
    code: "lint.dead_end",
    severity: "warning",
    title: "a final state in one that is done for nobody",
    bad: machine({ initial: "a", states: { a: states(end), b: {} } }),
    where: "m.a.a",
    good: machine({ initial: "a", states: { a: states(end, { onDone: "b" }), b: end } }),
  },
  {
    code: "lint.dead_end",
    severity: "warning",
    title: "final states of all regions of one that is done for nobody",
    bad: machine(inParallel({})),
    where: "m.p.one.a",
    good: machine(inParallel({ onDone: "b" })),
  },
  {
    code: "lint.context_not_json",
    severity: "error",
    title: "a context in a circle",
    bad: machine({ context: circle }),
    where: "m context",
    good: machine({ context: { self: {} } }),
  },
  {
    code: "lint.missing_on_done",
    severity: "warning",
    title: "work whose good end leads nowhere",
    bad: machine(states({ invoke: { id: "w", src: "work", onError: "b" } })),
    where: "m.a invoke w",
    good: machine(states({ invoke: { id: "w", src: "work", onDone: "b", onError: "b" } })),
  },
  {
    code: "lint.missing_on_done",
    severity: "warning",
    title: "work whose good end leads nowhere, while events do",
    bad: machine(states({ invoke: { id: "w", src: "work", onError: "b" }, on: { GO: {} } })),
    where: "m.a invoke w",
    good: machine(states({ invoke: { id: "w", src: "work", onError: "b" }, after: { soon: "b" } })),
  },
  {
    code: "lint.work_in_final",
    severity: "warning",
    title: "an invocation where the job ends",
    bad: machine({
      initial: "b",
      states: { b: { type: "final", invoke: { id: "w", src: "work" } } },
    }),
    where: "m.b invoke w",
    good: machine({ initial: "b", states: { b: { type: "final", entry: "note" } } }),
  },
  {
    code: "lint.work_in_final",
    severity: "warning",
    title: "a transition where the job ends",
    bad: machine({ initial: "b", states: { a: {}, b: { type: "final", on: { GO: "a" } } } }),
    where: "m.b on GO",
    good: machine(inside({ type: "final", on: { GO: {} } }, "b")),
  },
  {
    code: "lint.no_end",
    severity: "info",
    title: "a machine whose jobs never end",
    bad: machine(on("b")),
    where: "m",
    good: machine(states({ on: { GO: "b" } })),
  },
  {
    code: "lint.done_without_final",
    severity: "warning",
    title: "onDone of a state without a final state",
    bad: machine(inside({ on: { GO: {} } }, "b")),
    where: "m.p on done",
    good: machine(inside({ type: "final" }, "b")),
  },
  {
    code: "lint.done_without_final",
    severity: "warning",
    title: "onDone of regions of which one never ends",
    bad: machine(states({ ...regions({ type: "final" }, {}), onDone: "b" })),
    where: "m.a on done",
    good: machine(states({ ...regions({ type: "final" }, { type: "final" }), onDone: "b" })),
  },
  {
    code: "lint.wait_without_timeout",
    severity: "warning",
    title: "a state that waits for a person, for ever",
    bad: machine(states({ tags: "human", on: { GO: "b" } })),
    where: "m.a",
    good: machine(states({ tags: "human", on: { GO: "b" } }, { after: { soon: ".b" } })),
  },
  {
    code: "lint.wait_without_timeout",
    severity: "info",
    title: "a state that waits for outside events, for ever",
    bad: machine(states({ on: { GO: "b" } })),
    where: "m.a",
    good: machine(
      states({ on: { GO: "b" }, entry: raise({ type: "GO" }, { id: "late", delay: 10 }) }),
    ),
  },
  {
    code: "lint.wait_without_timeout",
    severity: "info",
    title: "a state that waits while nothing works for it",
    bad: machine(states({ on: { GO: "b" } })),
    where: "m.a",
    good: machine(invoking({ src: "work" })),
  },
  {
    code: "lint.wait_without_timeout",
    severity: "info",
    title: "a region that waits for what nobody else in the machine sends",
    bad: machine(regions({ on: { GO: "a" } }, {})),
    where: "m.one.a",
    good: machine({
      type: "parallel",
      states: {
        one: states({ on: { TOLD: "b" } }),
        two: states({ entry: raise({ type: "TOLD" }), always: { guard: "ready", target: "b" } }),
      },
    }),
  },
  {
    code: "lint.dotted_key",
    severity: "error",
    title: "an id with a dot",
    bad: machine(states({ id: "m.paid.late", on: { GO: "b" } })),
    where: "m.paid.late",
    good: machine(states({ id: "paid", on: { GO: "b" } })),
  },
  {
    code: "lint.missing_machine_id",
    severity: "info",
    title: "a machine without an id",
    bad: machine({ ...states({}), id: undefined }),
    where: "(machine)",
    good: machine(states({})),
  },
  {
    code: "lint.shadowed_transition",
    severity: "warning",
    title: "a transition after one that is always taken",
    bad: machine(on([{ target: "b" }, { target: "a", guard: "ready" }])),
    where: "m.a on GO",
    good: machine(on([{ target: "a", guard: "ready" }, { target: "b" }])),
  },
  {
    code: "lint.inline_guard",
    severity: "info",
    title: "a guard that is a function in place",
    bad: machine(on({ target: "b", guard: () => true })),
    where: "m.a on GO",
    good: machine(on({ target: "b", guard: "ready" })),
  },
  {
    code: "lint.wildcard_takes_outcome",
    severity: "warning",
    title: "a wildcard around an invocation whose end leads nowhere else",
    bad: machine(invoking({ src: "work" }, { on: { "*": ".b" } })),
    where: "m on *",
    good: machine(invoking({ src: "work", onDone: "b" }, { on: { "*": ".b" } })),
  },
  {
    code: "lint.shared_system_id",
    severity: "error",
    title: "one systemId for invocations of two regions",
    bad: machine(
      regions(
        { invoke: { id: "v", src: "work", systemId: "s" } },
        { invoke: { id: "w", src: "work", systemId: "s" } },
      ),
    ),
    where: "m.two.b invoke w",
    good: machine(
      regions(
        { invoke: { id: "v", src: "work", systemId: "s" } },
        { invoke: { id: "w", src: "work", systemId: "t" } },
      ),
    ),
  },
];

checkCases(cases);
