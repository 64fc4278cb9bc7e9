// The registry: versions, and the blueprints it refuses.
import { describe, expect, test } from "vitest";
import { setup, type AnyStateMachine } from "xstate";
import { blueprint, type BlueprintAddress } from "../../../src/blueprint/blueprint.ts";
import { BlueprintRegistry, compareVersions } from "../../../src/blueprint/registry.ts";

const made = (
  name: string,
  version: string,
  address: BlueprintAddress = {},
  config: object = {},
) => {
  const machine = setup({}).createMachine({ id: name, ...config }) as AnyStateMachine;
  return blueprint(name, { version, machine, ...address });
};
const registryOf = (...blueprints: readonly ReturnType<typeof made>[]) => {
  const registry = new BlueprintRegistry();
  for (const one of blueprints) registry.register(one);
  return registry;
};

describe("versions", () => {
  test("the newest is the one without a version, in whatever order they came", () => {
    const registry = registryOf(made("a", "10"), made("a", "9"), made("a", "2"));
    expect(registry.require("a").version).toBe("10");
    expect(registry.require("a", "9").version).toBe("9");
    expect(registry.get("a", "3")).toBeUndefined();
  });

  test.each([
    ["2", "10"],
    ["1.9", "1.10"],
    ["1.2", "1.2.1"],
    ["2024-12-31", "2025-01-01"],
  ])("%s is older than %s", (older, newer) => {
    expect(compareVersions(older, newer)).toBeLessThan(0);
    expect(compareVersions(newer, older)).toBeGreaterThan(0);
  });

  test("are listed by name, newest first", () => {
    const registry = registryOf(made("b", "1"), made("a", "1"), made("a", "2"));
    expect(registry.list().map(({ name, version }) => `${name}@${version}`)).toEqual([
      "a@2",
      "a@1",
      "b@1",
    ]);
  });
});

describe("a blueprint that is not there", () => {
  test("is answered with the names that are", () => {
    expect(() => registryOf(made("b", "1"), made("a", "1")).require("c")).toThrow(
      expect.objectContaining({
        code: "blueprint.not_found",
        message: 'There is no blueprint "c". Known: a, b.',
      }),
    );
  });
  test("in that version is answered with the versions that are", () => {
    expect(() => registryOf(made("a", "1"), made("a", "2")).require("a", "3")).toThrow(
      expect.objectContaining({
        code: "blueprint.not_found",
        message: 'Blueprint "a" has no version "3". Known: 2, 1.',
      }),
    );
  });
  test("of an empty registry is answered with none", () => {
    expect(() => new BlueprintRegistry().require("a")).toThrow("Known: none.");
  });
});

describe("registering", () => {
  test("the same blueprint twice changes nothing", () => {
    expect(registryOf(made("a", "1"), made("a", "1")).list()).toHaveLength(1);
  });

  test("another shape under a known version is refused, with the difference", () => {
    const states = { states: { one: {} } };
    expect(() =>
      registryOf(made("a", "1"), made("a", "1", {}, { initial: "one", ...states })),
    ).toThrow(
      expect.objectContaining({
        code: "blueprint.shape_changed",
        message: expect.stringContaining('State "a.one" is new.'),
        details: {
          blueprint: "a",
          version: "1",
          difference: [
            'State "a" was atomic; now it is compound, begins in a.one.',
            'State "a.one" is new.',
          ],
        },
      }),
    );
  });

  test("other code under a known version is refused", () => {
    expect(() =>
      registryOf(
        made("a", "1", {}, { context: () => ({ n: 1 }) }),
        made("a", "1", {}, { context: () => ({ n: 2 }) }),
      ),
    ).toThrow(expect.objectContaining({ code: "blueprint.duplicate" }));
  });

  test("two blueprints at one address is refused", () => {
    const address = { endpoint: "/jobs/test", apiVersion: "v1" };
    expect(() => registryOf(made("a", "1", address), made("b", "1", address))).toThrow(
      expect.objectContaining({
        code: "blueprint.duplicate",
        message: expect.stringContaining("POST /api/v1/jobs/test"),
      }),
    );
  });

  test("versions of one blueprint share an address, and so do API versions", () => {
    const endpoint = "/jobs/test";
    const registry = registryOf(
      made("a", "1", { endpoint }),
      made("a", "2", { endpoint }),
      made("b", "1", { endpoint, apiVersion: "v1" }),
    );
    expect(registry.list()).toHaveLength(3);
  });

  test("a machine with errors is refused, with what is wrong", () => {
    const broken = made("a", "1", {}, { initial: "x", states: { x: { after: { typo: "x" } } } });
    expect(() => registryOf(broken)).toThrow(
      expect.objectContaining({
        code: "blueprint.invalid",
        message: expect.stringContaining('a.x after typo: Delay "typo" is not declared'),
        details: expect.objectContaining({
          findings: [expect.objectContaining({ code: "lint.unknown_delay" })],
        }),
      }),
    );
  });

  test("tells what is merely doubtful", () => {
    const doubtful = made("a", "1", {}, { context: { n: 1 } });
    expect(new BlueprintRegistry().register(doubtful)).toContainEqual(
      expect.objectContaining({ code: "lint.static_context", severity: "warning" }),
    );
  });
});
