// Every rule of the linter about invocations, actions, delays and transitions.
import { expect, test } from "vitest";
import { and, assign, not, raise, sendTo, spawnChild, stateIn } from "xstate";
import { flow } from "../../../src/blueprint/flow.ts";
import { lint } from "../../../src/blueprint/lint.ts";
import {
  checkCases,
  invoking,
  machine,
  named,
  on,
  promise,
  ranksOf,
  regions,
  type Case,
} from "./lint-machines.ts";

const cases: readonly Case[] = [
  {
    code: "lint.inline_action",
    severity: "warning",
    title: "an action that is a function in place",
    bad: machine(on({ actions: () => {} })),
    where: "m.a on GO",
    good: machine(on({ actions: ["note", assign({})] })),
  },
  {
    code: "lint.unimplemented_action",
    severity: "warning",
    title: "an action without code",
    bad: machine(on({ target: "b" }, { entry: "nope" })),
    where: "m.a entry",
    good: machine(on({ target: "b" }, { entry: { type: "note" } })),
  },
  {
    code: "lint.unknown_delay",
    severity: "error",
    title: "an `after` whose delay is not declared",
    bad: machine(on("b", { after: { son: "b" } })),
    where: "m.a after son",
    good: machine(on("b", { after: { soon: "b" } })),
  },
  {
    code: "lint.unknown_delay",
    severity: "error",
    title: "a raise whose delay is not declared",
    bad: machine(on({ actions: raise({ type: "X" }, named("son")) })),
    where: "m.a on GO",
    good: machine(on({ actions: raise({ type: "X" }, named("soon")) })),
  },
  {
    code: "lint.unknown_delay",
    severity: "error",
    title: "a delay that is not declared in an action with a name",
    bad: machine(on({ actions: "later" }), {
      actions: { later: raise({ type: "X" }, named("son")) },
    }),
    where: 'action "later"',
    good: machine(on({ actions: "later" }), {
      actions: { later: raise({ type: "X" }, named("soon")) },
    }),
  },
  {
    code: "lint.numeric_after",
    severity: "info",
    title: "an `after` with a number",
    bad: machine(on("b", { after: { 1000: "b" } })),
    where: "m.a after 1000",
    good: machine(on("b", { after: { soon: "b" } })),
  },
  {
    code: "lint.delayed_send_without_id",
    severity: "info",
    title: "a delayed event without an id",
    bad: machine(on({ actions: sendTo("w", { type: "X" }, { delay: 10 }) })),
    where: "m.a on GO",
    good: machine(on({ actions: sendTo("w", { type: "X" }, { delay: 10, id: "x" }) })),
  },
  {
    code: "lint.unknown_guard",
    severity: "error",
    title: "a guard that is not declared",
    bad: machine(on({ target: "b", guard: "redy" })),
    where: "m.a on GO",
    good: machine(on({ target: "b", guard: "ready" })),
  },
  {
    code: "lint.unknown_guard",
    severity: "error",
    title: "a guard inside others that is not declared",
    bad: machine(on({ target: "b", guard: and(["ready", not({ type: "redy" })]) })),
    where: "m.a on GO",
    good: machine(on({ target: "b", guard: and(["ready", not({ type: "ready" })]) })),
  },
  {
    code: "lint.unknown_state_in",
    severity: "error",
    title: "a guard that asks for a state by an id that none has",
    bad: machine(on({ target: "b", guard: stateIn("#nowhere") })),
    where: "m.a on GO",
    good: machine(on({ target: "b", guard: stateIn("#m.a") })),
  },
  {
    code: "lint.unknown_state_in",
    severity: "error",
    title: "a guard with a name that asks for a state that is nowhere, among others",
    bad: machine(on("b"), { guards: { there: and(["ready", not(stateIn("#m.c"))]) } }),
    where: 'guard "there"',
    good: machine(on("b"), { guards: { there: and(["ready", not(stateIn("#m"))]) } }),
  },
  {
    code: "lint.unknown_state_in",
    severity: "warning",
    title: "a guard that asks for the value of a state that is nowhere",
    bad: machine(on({ target: "b", guard: stateIn({ a: "x" }) })),
    where: "m.a on GO",
    good: machine(on({ target: "b", guard: stateIn("a") })),
  },
  {
    code: "lint.unknown_actor",
    severity: "error",
    title: "an actor that is not declared",
    bad: machine(invoking({ src: "wrok" })),
    where: "m.a invoke w",
    good: machine(invoking({ src: "work" })),
  },
  {
    code: "lint.inline_actor",
    severity: "error",
    title: "logic in place of an actor's name",
    bad: machine(invoking({ src: promise })),
    where: "m.a invoke w",
    good: machine(invoking({ src: "promise" })),
  },
  {
    code: "lint.inline_actor",
    severity: "error",
    title: "logic in place of a spawned actor's name",
    bad: machine(on({ actions: spawnChild(promise, { id: "p" }) })),
    where: "m.a on GO",
    good: machine(on({ actions: spawnChild("promise", { id: "p" }) })),
  },
  {
    code: "lint.unsupported_actor",
    severity: "error",
    title: "a callback actor",
    bad: machine(invoking({ src: "callback" })),
    where: "m.a invoke w",
    good: machine(invoking({ src: "promise" })),
  },
  {
    code: "lint.unsupported_actor",
    severity: "error",
    title: "a spawned actor that lives in memory only",
    bad: machine(on({ actions: spawnChild("counter", { id: "c" }) })),
    where: "m.a on GO",
    good: machine(on({ actions: spawnChild("work", { id: "c" }) })),
  },
  {
    code: "lint.spawn_without_id",
    severity: "error",
    title: "a spawned actor without an id",
    bad: machine(on({ actions: spawnChild("work") })),
    where: "m.a on GO",
    good: machine(on({ actions: spawnChild("work", { id: "w" }) })),
  },
  {
    code: "lint.spawn_in_assign",
    severity: "info",
    title: "spawn() inside assign",
    bad: machine(on({ actions: assign({ w: ({ spawn }) => spawn("work", { id: "w" }) }) })),
    where: "m.a on GO",
    good: machine(on({ actions: assign({ w: () => "spawned" }) })),
  },
  {
    code: "lint.positional_invoke_id",
    severity: "warning",
    title: "an invocation without an id",
    bad: machine(invoking({ id: undefined, src: "work" })),
    where: "m.a invoke 0.m.a",
    good: machine(invoking({ src: "work" })),
  },
  {
    code: "lint.shared_invoke_id",
    severity: "error",
    title: "one id for invocations of two regions",
    bad: machine(
      regions({ invoke: { id: "w", src: "work" } }, { invoke: { id: "w", src: "work" } }),
    ),
    where: "m.two.b invoke w",
    good: machine(
      regions({ invoke: { id: "w", src: "work" } }, { invoke: { id: "v", src: "work" } }),
    ),
  },
  {
    code: "lint.shared_invoke_id",
    severity: "error",
    title: "one id for invocations of a state and one inside it",
    bad: machine({ invoke: { id: "w", src: "work" }, ...invoking({ src: "work" }) }),
    where: "m.a invoke w",
    good: machine({ initial: "a", states: twoInARow() }),
  },
  {
    code: "lint.shared_invoke_id",
    severity: "error",
    title: "one id for two invocations of one state",
    bad: machine(on("b", { invoke: twoChildren("w", "w") })),
    where: "m.a invoke w",
    good: machine(on("b", { invoke: twoChildren("w", "v") })),
  },
  {
    code: "lint.missing_on_error",
    severity: "warning",
    title: "an invocation without onError",
    bad: machine(invoking({ src: "work", onError: undefined })),
    where: "m.a invoke w",
    good: machine(invoking({ src: "work", onError: undefined }, { on: { "*": ".b" } })),
  },
  {
    code: "lint.cross_region_target",
    severity: "error",
    title: "a transition from one region into another",
    bad: machine(regions({ on: { GO: "#m.two.c" } }, {})),
    where: "m.one.a on GO",
    good: machine({ ...regions({}, {}), on: { GO: "#m.two.c" } }),
  },
  {
    code: "lint.history_from_inside",
    severity: "error",
    title: "a transition to the history of a state that it does not leave",
    bad: machine(withHistory({ on: { GO: "past" } }, {})),
    where: "m.p.x on GO",
    good: machine(withHistory({}, { on: { GO: "p.past" } })),
  },
  {
    code: "lint.dotted_key",
    severity: "error",
    title: "a state with a dot in its name",
    bad: machine({ initial: "a.b", states: { "a.b": {} } }),
    where: "m.a.b",
    good: machine({ initial: "a", states: { a: { initial: "b", states: { b: {} } } } }),
  },
  {
    code: "lint.internal_event",
    severity: "error",
    title: "a transition for an event of XState",
    bad: machine(on("b", { on: { "xstate.stop": "b" } })),
    where: "m.a on xstate.stop",
    good: machine(on("b")),
  },
  {
    code: "lint.internal_event",
    severity: "warning",
    title: "a transition for the completion of a child",
    bad: machine(on("b", { on: { "xstate.done.actor.w": "b" } })),
    where: "m.a on xstate.done.actor.w",
    good: machine(invoking({ src: "work", onDone: "b" })),
  },
  {
    code: "lint.eventless_loop",
    severity: "error",
    title: "eventless transitions in a circle",
    bad: machine({ initial: "a", states: { a: { always: "b" }, b: { always: "a" } } }),
    where: "m.a on always",
    good: machine({
      initial: "a",
      states: { a: { always: "b" }, b: { always: { guard: "ready", target: "a" } } },
    }),
  },
  {
    code: "lint.eventless_loop",
    severity: "error",
    title: "an eventless transition that only assigns",
    bad: machine({ always: { actions: assign({ n: 1 }) } }),
    where: "m on always",
    good: machine({ always: { actions: "note" } }),
  },
  {
    code: "lint.clock_or_random",
    severity: "warning",
    title: "a guard that reads the clock",
    bad: machine(on({ target: "b", guard: () => Date.now() > 5 })),
    where: "m.a on GO",
    good: machine(on({ target: "b", guard: ({ context }: { context: unknown }) => !!context })),
  },
  {
    code: "lint.clock_or_random",
    severity: "warning",
    title: "an assign that makes something random",
    bad: machine(on({ actions: assign({ n: () => Math.random() }) })),
    where: "m.a on GO",
    good: machine(on({ actions: assign({ n: () => 4 }) })),
  },
  {
    code: "lint.clock_or_random",
    severity: "warning",
    title: "a context that reads the clock",
    bad: machine({ context: () => ({ at: new Date().toISOString() }) }),
    where: "m context",
    good: machine({ context: () => ({ at: new Date(0).toISOString() }) }),
  },
  {
    code: "lint.static_context",
    severity: "warning",
    title: "a context that all jobs share",
    bad: machine({ context: { tries: 0 } }),
    where: "m context",
    good: machine({ context: () => ({ tries: 0 }) }),
  },
  {
    code: "lint.context_not_json",
    severity: "error",
    title: "a context that JSON cannot hold",
    bad: machine({ context: { at: { since: new Date(0) } } }),
    where: "m context",
    good: machine({ context: { at: { since: "1970" } } }),
  },
  {
    code: "lint.unreachable_state",
    severity: "warning",
    title: "a state that nothing leads to",
    bad: machine({ initial: "a", states: { a: {}, b: {} } }),
    where: "m.b",
    good: machine({ initial: "a", states: { a: {}, b: {} }, on: { GO: ".b" } }),
  },
];

function twoInARow(): object {
  const invoke = { id: "w", src: "work", onError: "b" };
  return { a: { invoke: { ...invoke, onDone: "b" } }, b: { invoke } };
}

function twoChildren(...ids: readonly string[]): object {
  return ids.map((id) => ({ id, src: "work", onDone: "b", onError: "b" }));
}

function withHistory(inside: object, outside: object): object {
  return {
    initial: "p",
    states: {
      p: { initial: "x", states: { x: inside, past: { type: "history" } }, on: { OUT: "q" } },
      q: outside,
    },
  };
}

checkCases(cases);

test("errors come before warnings, and warnings before the rest", () => {
  const mixed = machine({ ...on("b", { after: { 5: "b", son: "b" } }), context: { n: 1 } });
  const ranks = ranksOf(mixed);
  expect(new Set(ranks)).toEqual(new Set([0, 1, 2]));
  expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
});

test("a compiled flow has no findings", () => {
  const bp = flow("clean", { version: "1" });
  bp.state("start", { isStart: true, to: ["start", "completed", "failed"] }, (ctx) =>
    ctx.actions.dispatchTask({ type: "work", transitions: { success: "completed" } }),
  );
  bp.state("failed", {}, (ctx) => {
    ctx.stateHistory["end"] = true;
  });
  expect(lint(bp.build().machine, { style: "flow" })).toEqual([]);
});

test("a flow that asks a person is to say for how long", () => {
  const asking = (name: string) =>
    flow(name, { version: "1" }).state("failed", {}, (ctx) => {
      ctx.stateHistory["asked"] = true;
    });
  const patient = asking("patient").state("start", { isStart: true, to: ["failed"] }, (ctx) =>
    ctx.actions.awaitHumanApproval({ transitions: { no: "failed", timeout: "failed" } }),
  );
  const hurried = asking("hurried").state("start", { isStart: true, to: ["failed"] }, (ctx) =>
    ctx.actions.awaitHumanApproval({
      transitions: { no: "failed", timeout: "failed" },
      timeoutMs: 5000,
    }),
  );
  const [found, ...others] = lint(patient.build().machine, { style: "flow" });
  expect(found).toMatchObject({
    code: "lint.wait_without_timeout",
    severity: "warning",
    where: "patient.start",
  });
  expect(others).toEqual([]);
  expect(lint(hurried.build().machine, { style: "flow" })).toEqual([]);
});
