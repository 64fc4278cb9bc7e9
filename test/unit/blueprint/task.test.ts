// Tasks as declared: their defaults, and what cannot be meant.
import { createActor } from "xstate";
import { expect, test } from "vitest";
import { z } from "zod";
import { task, taskDefinition, type TaskOptions } from "../../../src/blueprint/task.ts";

const declared = (options: TaskOptions = {}, type = "work") =>
  task(type, { input: z.object({ n: z.number() }), output: z.object({}), ...options });

test("has doubling pauses and the middle priority unless told otherwise", () => {
  expect(declared()[taskDefinition]).toMatchObject({
    type: "work",
    priority: 5,
    retry: { initialMs: 1000, factor: 2, maxMs: 60_000 },
  });
});

test("keeps what it is told", () => {
  const options = { priority: 9, retry: { maxAttempts: 1 }, runTimeoutMs: 5, queueTimeoutMs: 6 };
  expect(declared(options)[taskDefinition]).toMatchObject({
    ...options,
    retry: { maxAttempts: 1, initialMs: 1000 },
  });
});

test.each<[string, TaskOptions, string?]>([
  ["priority", { priority: 10 }],
  ["priority", { priority: 1.5 }],
  ["maxAttempts", { retry: { maxAttempts: 0 } }],
  ["factor", { retry: { factor: 0.5 } }],
  ["maxMs", { retry: { initialMs: 10, maxMs: 5 } }],
  ["runTimeoutMs", { runTimeoutMs: 0 }],
  ["queueTimeoutMs", { queueTimeoutMs: -1 }],
  ["strategy", { strategy: "random" as never }],
  ["maxCost", { maxCost: -1 }],
  ["slots", { slots: 0 }],
  ["gpu_info", { requirements: { gpu_info: { name: "A100" } as never } }],
  ["vram_gb", { requirements: { gpu_info: { vram_gb: "40" } as never } }],
  ["installed_models", { requirements: { installed_models: "llama" as never } }],
  ['"zone" compares by "like"', { requirements: { labels: { zone: { like: "eu" } as never } } }],
  ['"cpu_cores" compares by gte', { requirements: { cpu_cores: { gte: "8" } } }],
  ["limit.key", { limit: { key: "" } }],
  ["limit.concurrency", { limit: { key: "k", concurrency: 0 } }],
  ["limit.rate", { limit: { key: "k", rate: { count: 1, perMs: 0 } } }],
  ["bytes as JSON", { requirements: { labels: { x: "y".repeat(1000) } } }],
  ["line break", {}, "a\nb"],
  ["task type", {}, ""],
  ["task type", {}, "local:work"],
])("refuses a wrong %s: %j %j", (what, options, type) => {
  expect(() => declared(options, type)).toThrow(
    expect.objectContaining({ code: "blueprint.invalid", message: expect.stringContaining(what) }),
  );
});

test("keeps no input in its snapshot", () => {
  const logic = declared();
  expect(JSON.stringify(logic.getInitialSnapshot(undefined as never, { n: 1 }))).toBe(
    '{"status":"active"}',
  );
});

test("cannot be started in this process", () => {
  const errors: unknown[] = [];
  const actor = createActor(declared(), { input: { n: 1 } });
  actor.subscribe({ error: (error) => errors.push(error) });
  actor.start();
  expect(errors).toEqual([
    expect.objectContaining({ message: expect.stringContaining("runs on a worker") }),
  ]);
});
