// What may be stored: JSON values and undefined. All else is refused with its path.
import { expect, test } from "vitest";
import { toData } from "../../../src/actor/data.ts";

class Money {
  amount = 1;
}

test.each([
  ["a date", new Date(0)],
  ["a map", new Map()],
  ["a set", new Set()],
  ["a function", () => 1],
  ["a bigint", 1n],
  ["a symbol", Symbol("s")],
  ["not a number", Number.NaN],
  ["an infinity", -Infinity],
  ["an instance", new Money()],
  ["an error", new Error("e")],
  ["bytes", new Uint8Array(1)],
])("refuses %s and names the path", (_, value) => {
  expect(() => toData({ list: [{ bad: value }] }, "context")).toThrow(/^context\.list\.0\.bad is /);
});

test("refuses a value that contains itself", () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = { loop };
  expect(() => toData(loop, "context")).toThrow(/a cycle/);
});

test("takes JSON values and undefined as they are", () => {
  const value = { a: [1, "x", null, true, undefined], b: { c: undefined } };
  expect(toData(value, "context")).toBe(value);
});

test("negative zero becomes zero, as it does in JSON", () => {
  expect(toData({ n: -0 }, "context")).toStrictEqual({ n: 0 });
});
