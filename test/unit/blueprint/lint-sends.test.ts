// Every rule of the linter about events that a machine sends.
import { assign, cancel, enqueueActions, raise, sendParent, sendTo, spawnChild } from "xstate";
import { checkCases, invoking, machine, on, regions, type Case } from "./lint-machines.ts";

const later = (id: string) => raise({ type: "X" }, { id, delay: 10 });
const take = (event: string, transition: object): object => ({
  initial: "a",
  states: { a: { on: { [event]: transition } }, b: {} },
});

/** `a` and `b` raise `X` on entry, which leads from `a` to `b`. */
const circle = (onB: object, entryB: unknown = raise({ type: "X" })): object => ({
  initial: "a",
  states: {
    a: { entry: raise({ type: "X" }), on: { X: "b" } },
    b: { entry: entryB, on: onB },
    c: {},
  },
});
const pingPong = (later: object): object => ({
  X: { actions: raise({ type: "Y" }) },
  Y: { actions: raise({ type: "X" }, later) },
});
const through = (inner: unknown): object => ({
  initial: "a",
  states: {
    a: { exit: "note", entry: raise({ type: "X" }), on: { X: "p" } },
    p: { initial: "x", states: { x: { entry: inner } }, on: { X: "a" } },
  },
});

/** Each region raises what the other one takes. */
const answering = (guarded: object): object =>
  regions(
    { on: { X: { actions: raise({ type: "Y" }) } } },
    { on: { Y: { actions: raise({ type: "X" }), ...guarded } } },
  );
/** The region `one` takes `X` in `c`, to which GO leads, and `two` answers it in `a`. */
const together = (inTwo: object): object => ({
  type: "parallel",
  states: {
    one: {
      initial: "a",
      states: { a: { on: { GO: "c" } }, c: { on: { X: { actions: raise({ type: "Y" }) } } } },
    },
    two: {
      initial: "a",
      states: { a: { on: { Y: { actions: raise({ type: "X" }) }, ...inTwo } }, b: {} },
    },
  },
});
const passing = (always: unknown): object => ({
  initial: "a",
  states: { a: { on: { X: "b" } }, b: { entry: raise({ type: "X" }), always } },
});
const behindGuards = (guarded: object): object => ({
  initial: "a",
  states: {
    a: { on: { GO: [{ guard: "ready", target: "b" }, { target: "a" }] } },
    b: { always: [{ guard: "ready", target: "a" }, { target: "c" }] },
    c: { on: { X: { actions: raise({ type: "X" }), ...guarded } } },
  },
});

const cases: readonly Case[] = [
  {
    code: "lint.unknown_send_target",
    severity: "error",
    title: "an event for a child that is nowhere",
    bad: machine(on({ actions: sendTo("w", { type: "X" }) })),
    where: "m.a on GO",
    good: machine(
      invoking({ src: "work" }, { on: { GO: { actions: sendTo("w", { type: "X" }) } } }),
    ),
  },
  {
    code: "lint.unknown_send_target",
    severity: "error",
    title: "an event for a child that is called otherwise",
    bad: machine(on({ actions: [spawnChild("work", { id: "w" }), sendTo("#_v", { type: "X" })] })),
    where: "m.a on GO",
    good: machine(on({ actions: [spawnChild("work", { id: "w" }), sendTo("#_w", { type: "X" })] })),
  },
  {
    code: "lint.unknown_send_target",
    severity: "error",
    title: "an event for a child, where none is made at run time",
    bad: machine(on({ actions: [enqueueActions(() => {}), sendTo("w", { type: "X" })] })),
    where: "m.a on GO",
    good: machine(
      on({
        actions: [
          enqueueActions(({ enqueue }) => enqueue.spawnChild("work" as never, { id: "w" })),
          sendTo("w", { type: "X" }),
        ],
      }),
    ),
  },
  {
    code: "lint.send_to_system",
    severity: "warning",
    title: "an event for an actor that the system is asked for",
    bad: machine(on({ actions: sendTo(({ system }) => system.get("w"), { type: "X" }) })),
    where: "m.a on GO",
    good: machine(on({ actions: sendTo(({ self }) => self, { type: "X" }) })),
  },
  {
    code: "lint.send_parent",
    severity: "info",
    title: "an event for the parent",
    bad: machine(on({ actions: sendParent({ type: "X" }) })),
    where: "m.a on GO",
    good: machine(on({ actions: raise({ type: "X" }) })),
  },
  {
    code: "lint.shared_send_id",
    severity: "info",
    title: "two delayed events with one id",
    bad: machine(on({ actions: later("x") }, { entry: later("x") })),
    where: "m.a on GO",
    good: machine(on({ actions: later("x") }, { entry: later("y") })),
  },
  {
    code: "lint.unknown_cancel",
    severity: "warning",
    title: "taking back an event that nothing sends",
    bad: machine(on({ actions: cancel("y") }, { entry: later("x") })),
    where: "m.a on GO",
    good: machine(on({ actions: cancel("x") }, { entry: later("x") })),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "an event that raises itself",
    bad: machine(take("X", { actions: raise({ type: "X" }) })),
    where: "m.a on X",
    good: machine(take("X", { actions: raise({ type: "X" }), guard: "ready" })),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "an event that raises itself by the name of an action",
    bad: machine(take("X", { actions: "again" }), {
      actions: { again: raise({ type: "X" }) },
    }),
    where: "m.a on X",
    good: machine(take("X", { actions: "again", target: "b" }), {
      actions: { again: raise({ type: "X" }) },
    }),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "an event that enters a state which raises it",
    bad: machine({
      initial: "a",
      states: {
        a: { entry: raise({ type: "X" }), on: { X: { target: "a", reenter: true } } },
      },
    }),
    where: "m.a on X",
    good: machine({
      initial: "a",
      states: { a: { entry: raise({ type: "X" }), on: { X: { actions: assign({ n: 1 }) } } } },
    }),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "two states that raise each other's event on entry",
    bad: machine(circle({ X: "a" })),
    where: "m.a on X",
    good: machine(circle({ X: { target: "a", guard: "ready" } })),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "two events that raise each other",
    bad: machine({ initial: "a", states: { a: { on: pingPong({}) } } }),
    where: "m.a on X",
    good: machine({ initial: "a", states: { a: { on: pingPong({ id: "x", delay: 1 }) } } }),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "a circle through a state with states in it",
    bad: machine(through(raise({ type: "X" }))),
    where: "m.a on X",
    good: machine(through(raise({ type: "Y" }))),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "a circle that ends where another event comes first",
    bad: machine(circle({ X: "a", Y: "c" })),
    where: "m.a on X",
    good: machine(circle({ X: "a", Y: "c" }, [raise({ type: "Y" }), raise({ type: "X" })])),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "regions that raise each other's events",
    bad: machine(answering({})),
    where: "m.one.a on X",
    good: machine(answering({ guard: "ready" })),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "regions that would raise each other's events in states that they are in together",
    bad: machine(together({ NEXT: "b" })),
    where: "m.one.c on X",
    good: machine(together({ GO: "b" })),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "regions that begin with it",
    bad: machine(
      regions(
        { entry: raise({ type: "X" }), on: { Y: { actions: raise({ type: "X" }) } } },
        { on: { X: { actions: raise({ type: "Y" }) } } },
      ),
    ),
    where: "m.one.a on Y",
    good: machine(
      regions(
        { entry: raise({ type: "X" }), on: { Z: { actions: raise({ type: "X" }) } } },
        { on: { X: { actions: raise({ type: "Y" }) } } },
      ),
    ),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "a circle through an eventless transition",
    bad: machine(passing("a")),
    where: "m.a on X",
    good: machine(passing({ guard: "ready", target: "a" })),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "an eventless transition that raises the event which leads to it",
    bad: machine({
      initial: "a",
      states: {
        a: { on: { X: "b" } },
        b: { always: { target: "a", actions: raise({ type: "X" }) } },
      },
    }),
    where: "m.a on X",
    good: machine({
      initial: "a",
      states: {
        a: { on: { X: "b" } },
        b: { always: { target: "c", actions: raise({ type: "X" }) } },
        c: {},
      },
    }),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "a circle in a state that two guards lead to which disagree",
    bad: machine(behindGuards({})),
    where: "m.c on X",
    good: machine(behindGuards({ guard: "ready" })),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "a circle by a wildcard",
    bad: machine({
      initial: "a",
      states: {
        a: { on: { X: { actions: raise({ type: "Y" }) }, "*": { actions: raise({ type: "X" }) } } },
      },
    }),
    where: "m.a on X",
    good: machine({
      initial: "a",
      states: {
        a: {
          on: { X: { actions: raise({ type: "Y" }) }, "Z.*": { actions: raise({ type: "X" }) } },
        },
      },
    }),
  },
  {
    code: "lint.raise_loop",
    severity: "error",
    title: "a circle that code may end",
    bad: machine(circle({ X: "a" })),
    where: "m.b on X",
    good: machine(circle({ X: { target: "a", actions: enqueueActions(() => {}) } })),
  },
];

checkCases(cases);
