// What a program tells its worker beside handlers: limits, room, middleware, and what is loaded.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { gate, openWorkerWorld, type WorkerWorld } from "./worker-world.ts";

let world: WorkerWorld;
beforeEach(async () => {
  world = await openWorkerWorld();
});
afterEach(() => world.close());

describe("limits by type", () => {
  test("are told to the server, win over the task's own, and are kept", async () => {
    const { open, opened } = gate();
    const worker = world
      .make({ taskTypeLimits: { render: 1 } })
      .task("render", () => opened, { limit: 3 })
      .task("echo", () => "said");
    await worker.start();
    expect([...world.runtime.session.types]).toEqual([
      ["render", 1],
      ["echo", undefined],
    ]);
    for (const id of ["t1", "t2"]) world.push(id, { type: "render" });
    await eventually(() => world.runtime.calls.includes("release t2#1 1000"));
    world.push("t3");
    await world.outcome("t3");
    open();
  });
});

describe("a capacity checker", () => {
  test("is asked before the worker connects and every second, and lowers what it takes", async () => {
    let room: number | boolean = 2.7;
    const worker = world.make({ capacity: () => room }).task("echo", () => 1);
    await worker.start();
    expect(world.runtime.introductions[0]?.credits).toBe(2);
    for (const [answer, credits] of [
      [false, 0],
      [true, 4],
      [100, 4],
      [1, 1],
    ] as const) {
      room = answer;
      await world.clock.advance(1_000);
      await eventually(() => world.runtime.credits.at(-1) === credits);
    }
    expect(world.runtime.credits).toEqual([0, 4, 1]);
  });

  test("that fails leaves its last answer standing, and is asked again", async () => {
    let asked = 0;
    const answers = [3, new Error("no idea"), Number.NaN, 2];
    const worker = world.make({
      capacity: async () => {
        const answer = answers[Math.min(asked++, 3)]!;
        if (answer instanceof Error) throw answer;
        return answer;
      },
    });
    await worker.start();
    expect(world.runtime.introductions[0]?.credits).toBe(3);
    for (let second = 0; second < 3; second++) await world.clock.advance(1_000);
    await eventually(() => world.runtime.credits.length > 0);
    expect(world.runtime.credits).toEqual([2]);
    await worker.stop();
    const before = asked;
    await world.clock.advance(5_000);
    expect(asked).toBe(before);
  });
});

describe("middleware", () => {
  test("runs around every handler in the order of registration, and may change what comes out", async () => {
    const order: string[] = [];
    const worker = world
      .make()
      .use(async ({ taskType, attempt }, next) => {
        order.push(`in ${taskType}#${attempt}`);
        const output = await next();
        order.push("out");
        return { output };
      })
      .use((_context, next) => {
        order.push("inner");
        return next();
      })
      .task("echo", ({ params }) => {
        order.push("handler");
        return params;
      });
    await worker.start();
    world.push("t1", { params: { n: 7 } });
    expect(await world.outcome("t1")).toMatchObject({ output: { output: { n: 7 } } });
    expect(order).toEqual(["in echo#1", "inner", "handler", "out"]);
  });

  test("may end a task without its handler, and sees what the handler throws", async () => {
    const seen: unknown[] = [];
    const worker = world
      .make()
      .use(async ({ params }, next) => {
        if ((params as { n: number }).n === 2) return "from a cache";
        try {
          return await next();
        } catch (error) {
          seen.push(error);
          throw error;
        }
      })
      .task("echo", () => {
        throw new Error("broken");
      });
    await worker.start();
    world.push("t1");
    world.push("t2", { params: { n: 2 } });
    expect(await world.outcome("t1")).toMatchObject({ error: { message: "broken" } });
    expect(await world.outcome("t2")).toMatchObject({ output: "from a cache" });
    expect(seen).toMatchObject([{ message: "broken" }]);
  });

  test("that calls next twice fails the task rather than doing it twice", async () => {
    let runs = 0;
    const worker = world
      .make()
      .use(async (_context, next) => [await next(), await next()])
      .task("echo", () => runs++);
    await worker.start();
    world.push("t1");
    expect(await world.outcome("t1")).toMatchObject({
      error: { message: expect.stringMatching(/next\(\) twice/) as string },
    });
    expect(runs).toBe(1);
  });
});

describe("the hot cache", () => {
  test("is told at once, and again with every connection", async () => {
    const worker = world.make().task("echo", ({ addToHotCache, removeFromHotCache }) => {
      addToHotCache("llama-7b");
      addToHotCache("llama-7b");
      removeFromHotCache("mistral");
    });
    worker.addToHotCache("mistral");
    worker.addToHotCache("whisper");
    await worker.start();
    expect(world.runtime.introductions[0]?.hotCache).toEqual(["mistral", "whisper"]);
    world.push("t1");
    await world.outcome("t1");
    expect(world.runtime.descriptions.map(({ hotCache }) => hotCache)).toEqual([
      ["mistral", "whisper", "llama-7b"],
      ["whisper", "llama-7b"],
    ]);
    world.server.drop();
    await world.whileTimePasses(() => world.calls("connect") === 2);
    expect(world.runtime.introductions[1]?.hotCache).toEqual(["whisper", "llama-7b"]);
  });

  test("takes no name that the server would refuse, and no more than it notes", async () => {
    const worker = world.make().task("echo", () => 1);
    expect(() => worker.addToHotCache("")).toThrow(TypeError);
    expect(() => worker.addToHotCache("x".repeat(257))).toThrow(TypeError);
    for (let n = 0; n < 1_100; n++) worker.addToHotCache(`model-${n}`);
    await worker.start();
    expect(world.runtime.introductions[0]?.hotCache).toHaveLength(1_024);
  });
});
