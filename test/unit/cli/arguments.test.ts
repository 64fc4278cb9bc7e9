// What stands on a command line: numbers, JSON in its places, names with versions.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidArgumentError } from "commander";
import { describe, expect, test } from "vitest";
import { blueprintName, jsonArgument, wholeNumber } from "../../../src/cli/arguments.ts";

describe("a whole number", () => {
  test.each(["1", "20", "999999999"])("may be %s", (text) => {
    expect(wholeNumber(1)(text)).toBe(Number(text));
  });
  test.each(["0", "-1", "1.5", "1e3", "", " 1", "many"])("is not %j", (text) => {
    expect(() => wholeNumber(1)(text)).toThrow(InvalidArgumentError);
  });
});

describe("JSON", () => {
  test("may stand as it is, or in a file", () => {
    const file = join(mkdtempSync(join(tmpdir(), "avtomatika-cli-")), "data.json");
    writeFileSync(file, '{"a":[1]}');
    expect(jsonArgument('{"a":[1]}')).toEqual({ a: [1] });
    expect(jsonArgument(`@${file}`)).toEqual({ a: [1] });
  });
  test.each(["{a:1}", "", "@/nowhere/data.json"])("is not %j", (text) => {
    expect(() => jsonArgument(text)).toThrow(InvalidArgumentError);
  });
});

test("a blueprint is a name, with a version where one is wanted", () => {
  expect(blueprintName("order")).toEqual({ name: "order" });
  expect(blueprintName("order@1.2")).toEqual({ name: "order", version: "1.2" });
});
