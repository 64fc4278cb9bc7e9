// Names of configurations.
import { expect, test } from "vitest";
import { currentState } from "../../../src/actor/current-state.ts";

test.each([
  ["a", "a"],
  [{ a: "b" }, "a.b"],
  [{ p: { left: "x", right: { y: "z" } } }, "p.left.x,p.right.y.z"],
  [{ left: {}, right: {} }, "left,right"],
  [{}, ""],
] as const)("%j is called %s", (value, name) => {
  expect(currentState(value)).toBe(name);
});
