// What has changed between two shapes is told in sentences, each naming the state.
import { describe, expect, test } from "vitest";
import type { AnyStateMachine } from "xstate";
import { readShape } from "../../../src/blueprint/shape.ts";
import { shapeDifference } from "../../../src/blueprint/shape-difference.ts";
import { machineOf } from "../../support/actor-job.ts";

const work = { id: "w", src: "task", onDone: "b", onError: "b" };
const machine = (a: object, others: object = { b: {} }): AnyStateMachine =>
  machineOf({ id: "m", initial: "a", states: { a, ...others } });
const between = (before: object, after: object, others?: object) =>
  shapeDifference(readShape(machine(before)), readShape(machine(after, others)));

describe("it is told", () => {
  test.each<[string, object, object, readonly string[]]>([
    ["nothing, of the same shape", { on: { X: "b" } }, { on: { X: "b" } }, []],
    [
      "an event that is new",
      {},
      { on: { X: "b" } },
      ['State "m.a" takes the event X now: it leads to m.b.'],
    ],
    [
      "an event that is gone",
      { on: { X: "b" } },
      {},
      ['State "m.a" does not take the event X any more.'],
    ],
    [
      "an event that leads elsewhere",
      { on: { X: "b" } },
      { on: { X: "a" } },
      ['In state "m.a" the event X leads to m.a now, and led to m.b.'],
    ],
    [
      "a delay of another length",
      { after: { 1000: "b" } },
      { after: { 2000: "b" } },
      ['State "m.a" waits for the delay of 2000 ms now, in place of the delay of 1000 ms.'],
    ],
    [
      "a delay of another name that leads elsewhere",
      { after: { 1000: "b" } },
      { after: { 5: "a" } },
      [
        'State "m.a" does not take the delay of 1000 ms any more.',
        'State "m.a" takes the delay of 5 ms now: it leads to m.a.',
      ],
    ],
    [
      "an invocation that is new",
      {},
      { invoke: { id: "w", src: "task" } },
      ['State "m.a" invokes task as "w" now.'],
    ],
    [
      "an invocation that is gone",
      { invoke: work },
      {},
      [
        'State "m.a" does not invoke task as "w" any more.',
        'State "m.a" does not take the end of "w" any more.',
        'State "m.a" does not take a failure of "w" any more.',
      ],
    ],
    [
      "an invocation of something else",
      { invoke: work },
      { invoke: { ...work, src: "xstate.invoke.0" } },
      ['State "m.a" invokes (inline) as "w" now, in place of task.'],
    ],
    [
      "an eventless transition",
      {},
      { always: "b" },
      ['State "m.a" takes an eventless transition now: it leads to m.b.'],
    ],
    [
      "states inside a state",
      {},
      { initial: "c", states: { c: {} } },
      ['State "m.a" was atomic; now it is compound, begins in m.a.c.', 'State "m.a.c" is new.'],
    ],
  ])("%s", (_, before, after, sentences) => expect(between(before, after)).toEqual(sentences));

  test("a state that is gone, and one that is new", () =>
    expect(between({}, {}, { c: {} })).toEqual(['State "m.b" is gone.', 'State "m.c" is new.']));

  test("another order, where nothing else has changed", () => {
    const [one, other] = [
      { X: "b", Y: "b" },
      { Y: "b", X: "b" },
    ];
    expect(between({ on: one }, { on: other })).toEqual([
      "States or transitions stand in another order.",
    ]);
  });
});
