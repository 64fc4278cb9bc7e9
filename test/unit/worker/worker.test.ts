// A worker runs what it is given: results, failures, progress and cancellation, through a real gateway.
import { task } from "avtomatika";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  defineTask,
  InvalidInputError,
  PermanentError,
  TransientError,
  withStatus,
  type TaskContext,
} from "../../../worker/index.ts";
import { eventually } from "../../support/eventually.ts";
import { gate, openWorkerWorld, type WorkerWorld } from "./worker-world.ts";

let world: WorkerWorld;
beforeEach(async () => {
  world = await openWorkerWorld();
});
afterEach(() => world.close());

describe("a task", () => {
  test("is accepted, run with all that is known about it, and answered with what its handler returns", async () => {
    const seen = gate<TaskContext>();
    const worker = world.make().task("echo", (context) => {
      seen.open(context as TaskContext);
      return { said: context.params["n"] };
    });
    await worker.start();
    world.push("t1", { attempt: 2, runTimeoutMs: 60_000, priority: 7 });
    expect(await world.outcome("t1")).toEqual({
      outcome: "ok",
      status: "success",
      output: { said: 1 },
    });
    expect(world.calls("accept t1#2")).toBe(1);
    const { params, taskId, jobId, attempt, attemptsMax, idempotencyKey, priority, ...rest } =
      await seen.opened.then((context) => ({
        params: context.params,
        taskId: context.taskId,
        jobId: context.jobId,
        attempt: context.attempt,
        attemptsMax: context.attemptsMax,
        idempotencyKey: context.idempotencyKey,
        priority: context.priority,
        workerId: context.workerId,
        deadline: context.deadline?.toISOString(),
      }));
    expect({ params, taskId, jobId, attempt, attemptsMax, idempotencyKey, priority }).toEqual({
      params: { n: 1 },
      taskId: "t1",
      jobId: "0_job",
      attempt: 2,
      attemptsMax: 3,
      idempotencyKey: "t1",
      priority: 7,
    });
    expect(rest).toEqual({ workerId: "w1", deadline: "2026-01-01T00:01:00.000Z" });
  });

  test("may end with a status of its own", async () => {
    const worker = world.make().task("echo", () => withStatus("needs_review", { score: 3 }));
    await worker.start();
    world.push("t1");
    expect(await world.outcome("t1")).toEqual({
      outcome: "ok",
      status: "needs_review",
      output: { score: 3 },
    });
  });

  const circle: { self?: unknown } = {};
  circle.self = circle;
  test.each([
    [
      "TransientError",
      () => new TransientError("later", { retryAfterMs: 250.4 }),
      "TRANSIENT_ERROR",
    ],
    ["PermanentError", () => new PermanentError("never", { details: { n: 1 } }), "PERMANENT_ERROR"],
    ["InvalidInputError", () => new InvalidInputError("what?"), "INVALID_INPUT_ERROR"],
    ["any other exception", () => new RangeError("odd"), "TRANSIENT_ERROR"],
    ["a string", () => "just text", "TRANSIENT_ERROR"],
    [
      "details that can't be sent",
      () => new PermanentError("x", { details: circle }),
      "PERMANENT_ERROR",
    ],
  ])("that throws %s fails with its class", async (_title, thrown, code) => {
    const worker = world.make().task("echo", () => {
      throw thrown();
    });
    await worker.start();
    world.push("t1");
    expect(await world.outcome("t1")).toMatchObject({ outcome: "error", error: { code } });
  });

  test("tells what its exception knows about the next try", async () => {
    const worker = world.make().task("echo", () => {
      throw new TransientError("later", { retryAfterMs: 250.4, details: { queue: 9 } });
    });
    await worker.start();
    world.push("t1");
    expect(await world.outcome("t1")).toEqual({
      outcome: "error",
      error: { code: "TRANSIENT_ERROR", message: "later", details: { queue: 9 } },
      retryAfterMs: 250,
    });
  });

  test.each([
    ["a BigInt", { n: 1n }],
    ["a cycle", circle],
    ["more than 1 MiB", { text: "x".repeat(1024 * 1024) }],
    ["more than 1 MiB in bytes, not in characters", { text: "ж".repeat(600_000) }],
    ["too many keys", Array(10_001).fill(0)],
    ["a key that reaches a prototype", JSON.parse('{"__proto__":1}')],
    ["an empty status", withStatus("")],
  ])("whose output is %s fails for good, and costs no connection", async (_title, output) => {
    const worker = world.make().task("echo", ({ params }) => (params["n"] === 1 ? output : "fine"));
    await worker.start();
    world.push("bad");
    world.push("good", { params: { n: 2 } });
    expect(await world.outcome("bad")).toMatchObject({
      outcome: "error",
      error: { code: "PERMANENT_ERROR" },
    });
    expect(await world.outcome("good")).toMatchObject({ output: "fine" });
    expect(world.calls("connect")).toBe(1);
  });

  test("of a shared definition gets params as its schema makes them", async () => {
    const shared = task("echo", {
      input: z.object({ n: z.number(), times: z.number().default(3) }),
      output: z.object({ product: z.number() }),
    });
    const worker = world
      .make()
      .task(shared, ({ params: { n, times } }) => ({ product: n * times }));
    await worker.start();
    world.push("t1", { params: { n: 5 } });
    world.push("t2", { params: { n: "five" } });
    expect(await world.outcome("t1")).toMatchObject({ output: { product: 15 } });
    expect(await world.outcome("t2")).toMatchObject({ error: { code: "INVALID_INPUT_ERROR" } });
  });

  test("that runs already is not run twice", async () => {
    const { open, opened } = gate();
    let runs = 0;
    const worker = world.make().task("echo", async () => {
      runs++;
      await opened;
    });
    await worker.start();
    world.push("t1");
    world.push("t1");
    await eventually(() => world.calls("accept t1#1") === 2);
    open();
    await world.outcome("t1");
    expect(runs).toBe(1);
  });

  test.each([
    ["of a type that nobody registered", { type: "other" }, "release t9#1 5000"],
    ["beyond the type's limit", { type: "single" }, "release t9#1 1000"],
  ])("%s is given back", async (_title, more, release) => {
    const { open, opened } = gate();
    const worker = world.make().task("single", () => opened, { limit: 1 });
    await worker.start();
    expect([...world.runtime.session.types]).toEqual([["single", 1]]);
    world.push("t1", { type: "single" });
    world.push("t9", more);
    await eventually(() => world.runtime.calls.includes(release));
    open();
  });

  test("beyond the worker's slots is given back", async () => {
    const { open, opened } = gate();
    const worker = world.make({ maxConcurrentTasks: 2 }).task("echo", () => opened);
    await worker.start();
    for (const id of ["t1", "t2", "t3"]) world.push(id);
    await eventually(() => world.runtime.calls.includes("release t3#1 1000"));
    open();
    await world.outcome("t2");
    world.push("t4");
    await world.outcome("t4");
  });
});

describe("registering", () => {
  test("refuses a second handler of a type", () => {
    const worker = world.make().task("echo", () => 1);
    expect(() => worker.task("echo", () => 2)).toThrow(/"echo" has two handlers/);
  });

  test("takes what defineTask made", async () => {
    const worker = world.make().task(defineTask("echo", () => "hello"));
    await worker.start();
    world.push("t1");
    expect(await world.outcome("t1")).toMatchObject({ output: "hello" });
  });

  test("refuses what is no task", () => {
    expect(() => defineTask({}, () => undefined)).toThrow(TypeError);
  });
});

describe("progress", () => {
  test("reaches the runtime: the first at once, then the latest, and the last before the result", async () => {
    const { open, opened } = gate();
    const worker = world.make().task("echo", async ({ progress }) => {
      for (let step = 0; step <= 50; step++) progress(step / 100, `step ${step}`);
      await opened;
      progress(2, "x".repeat(2000), { frames: 7 });
    });
    await worker.start();
    world.push("t1");
    await eventually(() => world.runtime.reports.length === 1);
    await world.clock.advance(100);
    await world.server.clock.advance(100);
    await eventually(async () => {
      await world.server.clock.advance(100);
      return world.runtime.reports.length === 2;
    });
    open();
    await world.outcome("t1");
    expect(world.runtime.reports.map(({ progress }) => progress)).toEqual([
      { ratio: 0, message: "step 0" },
      { ratio: 0.5, message: "step 50" },
      { ratio: 1, message: "x".repeat(1024), data: { frames: 7 } },
    ]);
  });

  test("goes without data that can't be sent or does not fit the task's schema", async () => {
    const shared = task("echo", {
      input: z.object({ n: z.number() }),
      output: z.object({}),
      progress: z.object({ frames: z.number() }),
    });
    const worker = world.make().task(shared, ({ params: { n }, progress }) => {
      progress(NaN, "odd", (n === 1 ? { frames: 1n } : { frames: "many" }) as never);
      return {};
    });
    await worker.start();
    world.push("t1", { params: { n: 1 } });
    world.push("t2", { params: { n: 2 } });
    await world.outcome("t1");
    await world.outcome("t2");
    expect(world.runtime.reports.map(({ progress }) => progress)).toEqual([
      { message: "odd" },
      { message: "odd" },
    ]);
  });
});

describe("cancellation", () => {
  test("reaches the handler's signal, and is answered when the handler ends", async () => {
    const reason = gate<unknown>();
    const worker = world.make().task("echo", ({ signal }) => {
      return new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => {
          reason.open(signal.reason);
          reject(signal.reason as Error);
        }),
      );
    });
    await worker.start();
    world.push("t1");
    await eventually(() => world.calls("accept t1") > 0);
    world.runtime.session.cancel({ taskId: "t1", attempt: 1 }, "the job was cancelled", 5_000);
    expect(await world.outcome("t1")).toEqual({ outcome: "cancelled" });
    expect(await reason.opened).toMatchObject({
      name: "TaskCancelled",
      message: "the job was cancelled",
    });
  });

  test("that a handler ignores leaves its slot taken until it ends", async () => {
    const { open, opened } = gate();
    const worker = world.make({ maxConcurrentTasks: 1 }).task("echo", async ({ params }) => {
      if (params["n"] === 1) await opened;
      return "all the same";
    });
    await worker.start();
    world.push("t1");
    await eventually(() => world.calls("accept t1") > 0);
    world.runtime.session.cancel({ taskId: "t1", attempt: 1 }, "changed my mind", 0);
    world.push("t2");
    await eventually(() => world.calls("release t2") > 0);
    open();
    expect(await world.outcome("t1")).toEqual({ outcome: "cancelled" });
    world.push("t3", { params: { n: 2 } });
    expect(await world.outcome("t3")).toMatchObject({ outcome: "ok" });
  });

  test("of an attempt that runs longer than it may makes it fail as transient", async () => {
    const worker = world
      .make()
      .task(
        "echo",
        ({ signal }) =>
          new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason as Error)),
          ),
      );
    await worker.start();
    world.push("t1", { runTimeoutMs: 1_000 });
    await eventually(() => world.calls("accept t1") > 0);
    await world.clock.advance(1_000);
    expect(await world.outcome("t1")).toEqual({
      outcome: "error",
      error: { code: "TRANSIENT_ERROR", message: "The attempt ran longer than its 1000 ms." },
    });
  });
});
