// Names of queues: the same for tasks that ask for the same, and readable by every node.
import { expect, test } from "vitest";
import { queueOf, specOf, type QueueSpec } from "../../../../src/runtime/dispatch/queue.ts";

test("a task that asks for nothing is in the queue of its type", () => {
  expect(queueOf({ type: "resize" })).toBe("resize");
  expect(queueOf({ type: "resize", strategy: "default", slots: 1 })).toBe("resize");
});

test("tasks that ask for the same are in one queue, in whatever order they say it", () => {
  const one = { type: "t", maxCost: 1, requirements: { labels: { a: "1", b: "2" }, cpu_cores: 2 } };
  const other = {
    type: "t",
    requirements: { cpu_cores: 2, labels: { b: "2", a: "1" } },
    maxCost: 1,
  };
  expect(queueOf(one)).toBe(queueOf(other));
  expect(queueOf(one)).not.toBe(queueOf({ ...one, maxCost: 2 }));
});

test("the name tells all that the tasks ask for", () => {
  const spec: QueueSpec = {
    type: "a type, with {signs}",
    strategy: "best_value",
    requirements: { labels: { zone: { in: ["a\nb", "c"] } } },
    slots: 3,
    limit: { key: "customer 7", concurrency: 2 },
  };
  expect(specOf(queueOf(spec))).toEqual(spec);
  expect(specOf("plain")).toEqual({ type: "plain" });
});
