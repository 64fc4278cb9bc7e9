// Native blueprints: names, versions, addresses and what clients see of a job.
import { describe, expect, test } from "vitest";
import { setup, type AnyStateMachine } from "xstate";
import { z } from "zod";
import { blueprint, isBlueprint } from "../../../src/blueprint/blueprint.ts";
import { jobData } from "../../../src/blueprint/job-data.ts";
import { machineOf } from "../../support/actor-job.ts";

const machine = setup({}).createMachine({ id: "m" });

test("carries what it was made of, and a fingerprint", () => {
  const input = z.object({});
  const made = blueprint("order", { version: "1.2", machine, input, endpoint: "jobs/order" });
  expect(made).toMatchObject({
    name: "order",
    version: "1.2",
    style: "native",
    machine,
    input,
    endpoint: "/jobs/order",
    fingerprint: {
      shape: expect.stringMatching(/^[0-9a-f]{16}$/),
      logic: expect.stringMatching(/^[0-9a-f]{16}$/),
    },
  });
  expect(made).not.toHaveProperty("apiVersion");
  expect(isBlueprint(made)).toBe(true);
});

test("is not mistaken for anything else", () => {
  expect(isBlueprint({ name: "order", version: "1", machine })).toBe(false);
  expect(isBlueprint(undefined)).toBe(false);
});

describe("is refused", () => {
  test.each<[string, string, object]>([
    ["name", "no spaces", {}],
    ["name", "", {}],
    ["version", "order", { version: "" }],
    ["version", "order", { version: 1 }],
    ["endpoint", "order", { endpoint: "/jobs/{id}" }],
    ["endpoint", "order", { endpoint: "/jobs//a" }],
    ["endpoint", "order", { endpoint: "/jobs/a?b" }],
    ["apiVersion", "order", { apiVersion: "v1/x" }],
    ["retentionMs", "order", { retentionMs: 999 }],
    ["retentionMs", "order", { retentionMs: Number.POSITIVE_INFINITY }],
    ["machine", "order", { machine: { states: {} } }],
    ["input", "order", { input: { type: "object" } }],
  ])("for its %s: %j %j", (what, name, definition) => {
    const given = { version: "1", machine: machine as AnyStateMachine, ...definition };
    expect(() => blueprint(name, given)).toThrow(
      expect.objectContaining({
        code: "blueprint.invalid",
        message: expect.stringContaining(`${what}: `),
      }),
    );
  });
});

describe("is refused where its machine aims at what is no state", () => {
  test.each<[string, object]>([
    ["at first", { initial: "nowhere", states: { a: {} } }],
    ["at first, by a name that every object has", { initial: "valueOf", states: { a: {} } }],
    ["later, by such a name", { initial: "a", states: { a: { always: "toString" } } }],
  ])("%s", (_, config) => {
    const aimless = machineOf(config);
    expect(() => blueprint("order", { version: "1", machine: aimless })).toThrow(
      expect.objectContaining({
        code: "blueprint.invalid",
        message: expect.stringMatching(/machine: the state .* no state/) as string,
      }),
    );
  });
});

describe("clients see", () => {
  test("the context of a native job", () => {
    expect(jobData({ style: "native" }, { total: 5 })).toEqual({ data: { total: 5 } });
  });
  test("the input and the history of a flow's job, and nothing of its machinery", () => {
    const context = { initialData: 1, stateHistory: { a: 2 }, transitions: {}, handlerFailures: 3 };
    expect(jobData({ style: "flow" }, context)).toEqual({ initialData: 1, data: { a: 2 } });
  });
});
