// Which sets of active states are legal, and what they are called.
import { expect, test } from "vitest";
import { readConfiguration } from "../../../src/actor/configuration.ts";
import { machineOf } from "../../support/actor-job.ts";

const { root } = machineOf({
  id: "m",
  type: "parallel",
  states: {
    left: { initial: "a", states: { a: {}, b: { initial: "c", states: { c: {} } } } },
    right: {},
  },
});
const left = root.states["left"]!;
const right = root.states["right"]!;
const a = left.states["a"]!;
const b = left.states["b"]!;
const c = b.states["c"]!;

test("a legal set has a value in document order, whatever the order of the set", () => {
  const value = readConfiguration(root, [right, a, left, root]);
  expect(JSON.stringify(value)).toBe('{"left":"a","right":{}}');
});

test.each([
  ["two active children of a compound state", [root, left, right, a, b]],
  ["no active child of a compound state", [root, left, right]],
  ["a region that is not active", [root, left, a]],
  ["a state whose parent is not active", [root, left, right, a, c]],
  ["no root", [left, right, a]],
])("%s are no legal set", (_, nodes) => {
  expect(readConfiguration(root, nodes)).toBeUndefined();
});
