// A worker and its connection: heartbeats, reconnection, refusal, and an orderly end.
import { once } from "node:events";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { gate, openWorkerWorld, type WorkerWorld } from "./worker-world.ts";

let world: WorkerWorld;
beforeEach(async () => {
  world = await openWorkerWorld();
});
afterEach(() => world.close());

describe("heartbeats", () => {
  test("list the attempts that run, as often as the server asks", async () => {
    const { open, opened } = gate();
    const worker = world.make().task("echo", () => opened);
    await worker.start();
    world.push("t1");
    world.push("t2");
    await eventually(() => world.calls("accept") === 2);
    await world.clock.advance(9_999);
    expect(world.calls("heartbeat")).toBe(0);
    await world.clock.advance(1);
    await eventually(() => world.runtime.calls.includes("heartbeat t1,t2"));
    open();
  });

  test("that call an attempt lost make its handler stop, and its result is not sent", async () => {
    const stopped = gate<unknown>();
    const worker = world.make().task("echo", ({ signal, params }) => {
      if (params["n"] === 2) return "second";
      return new Promise((resolve) =>
        signal.addEventListener("abort", () => {
          stopped.open(signal.reason);
          resolve("too late");
        }),
      );
    });
    await worker.start();
    world.push("t1");
    await eventually(() => world.calls("accept t1") > 0);
    world.runtime.onHeartbeat = async (running) =>
      running.map((attempt) => ({ ...attempt, reason: "fenced" }));
    await world.clock.advance(10_000);
    expect(await stopped.opened).toMatchObject({ message: "fenced" });
    world.push("t2", { params: { n: 2 } });
    await world.outcome("t2");
    expect(world.runtime.results.map(({ attempt }) => attempt.taskId)).toEqual(["t2"]);
  });

  test("send a result again that was not acknowledged", async () => {
    world.runtime.onResult = () => Promise.reject(new Error("the store is full"));
    const worker = world.make().task("echo", () => "done");
    await worker.start();
    world.push("t1");
    await eventually(() => world.runtime.results.length === 1);
    world.runtime.onResult = async () => ({ status: "applied" });
    await world.whileTimePasses(() => world.runtime.results.length === 2, 1_000);
    expect(world.runtime.calls).toContain("heartbeat t1");
    await world.whileTimePasses(() => world.runtime.calls.at(-1) === "heartbeat ", 1_000);
    expect(world.runtime.results).toHaveLength(2);
  });
});

describe("a lost connection", () => {
  test("leaves running tasks alone, and the next one delivers their results", async () => {
    const gates = [gate(), gate()];
    const worker = world.make().task("echo", ({ params }) => gates[params["n"] as number]!.opened);
    await worker.start();
    world.push("t0", { params: { n: 0 } });
    world.push("t1", { params: { n: 1 } });
    await eventually(() => world.calls("accept") === 2);
    const { holder } = world.runtime.session;
    world.server.drop();
    await eventually(() => world.calls("disconnect") === 1);
    gates[0]!.open();
    world.runtime.onConnect = async () => ({
      keep: [{ taskId: "t1", attempt: 1 }],
      drop: [],
      want: [{ taskId: "t0", attempt: 1 }],
    });
    await world.whileTimePasses(() => world.calls("connect") === 2);
    expect(world.runtime.session.holder).toBe(holder);
    expect(world.runtime.introductions[1]).toMatchObject({
      running: [{ taskId: "t1", attempt: 1 }],
      outbox: [{ taskId: "t0", attempt: 1 }],
    });
    await world.outcome("t0");
    gates[1]!.open();
    await world.outcome("t1");
    expect(world.runtime.results).toHaveLength(2);
  });

  test("costs what the server drops at the next welcome", async () => {
    const stopped = gate();
    const worker = world.make().task("echo", ({ signal, params }) => {
      if (params["n"] === 2) return "finished meanwhile";
      signal.addEventListener("abort", () => stopped.open());
      return stopped.opened;
    });
    await worker.start();
    world.runtime.onResult = () => new Promise(() => undefined);
    world.push("t1");
    world.push("t2", { params: { n: 2 } });
    await world.outcome("t2");
    world.runtime.onConnect = async () => ({
      keep: [],
      drop: [
        { taskId: "t1", attempt: 1, reason: "fenced" },
        { taskId: "t2", attempt: 1, reason: "unknown" },
      ],
      want: [],
    });
    world.server.drop();
    await world.whileTimePasses(() => world.calls("connect") === 2);
    await stopped.opened;
    await world.whileTimePasses(() => world.calls("heartbeat") >= 2, 1_000);
    expect(world.runtime.calls.at(-1)).toBe("heartbeat ");
    expect(world.runtime.results).toHaveLength(1);
  });

  test("is noticed when nothing is heard from the server for three heartbeats", async () => {
    // A server whose machine has gone: it takes connections, and never says a word.
    const worker = world.make().task("echo", () => 1);
    await worker.start();
    world.server.mute();
    for (let beat = 0; beat < 3; beat++) await world.clock.advance(10_000);
    world.server.unmute();
    await world.whileTimePasses(() => world.calls("connect") === 2);
  });
});

describe("a server", () => {
  test("that says goaway is left as soon as nothing is under way, and alone for as long as it asks", async () => {
    const { open, opened } = gate();
    const worker = world.make().task("echo", () => opened);
    await worker.start();
    world.push("t1");
    await eventually(() => world.calls("accept t1") > 0);
    const closed = world.server.gateway.close(3_600_000);
    await eventually(() => world.calls("drain") > 0);
    open();
    await closed;
    expect(world.runtime.results).toHaveLength(1);
    // Only the next try is left to wait for: the gateway of these tests asks for one second.
    await eventually(() => world.clock.pending === 1);
    await world.clock.advance(999);
    expect(world.server.upgrades()).toBe(1);
    await world.clock.advance(1);
    await eventually(() => world.server.upgrades() === 2);
  });

  test("that never answers the hello is given up after ten seconds, for another try", async () => {
    world.runtime.onConnect = () => new Promise(() => undefined);
    const worker = world.make().task("echo", () => 1);
    void worker.start();
    await eventually(() => world.calls("connect") === 1);
    await world.clock.advance(10_000);
    await world.whileTimePasses(() => world.server.upgrades() === 2);
  });

  test("that is not there yet is tried until it is", async () => {
    const taken = createTcpServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    taken.close();
    const lines: string[] = [];
    const { pino } = await import("pino");
    const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
    const worker = world.make({ url: `http://127.0.0.1:${port}`, log, random: () => 0.5 });
    void worker.task("echo", () => 1).start();
    await eventually(async () => {
      await world.clock.advance(60_000);
      return lines.length >= 9;
    });
    const delays = lines.map((line) => (JSON.parse(line) as { delayMs: number }).delayMs);
    expect(delays.slice(0, 9)).toEqual([250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  });

  test.each([{ token: "wrong" }])(
    "that refuses the worker is asked once more, then the worker gives up with what it said",
    async (options) => {
      const worker = world.make(options).task("echo", () => 1);
      const failed = worker.run().catch((error: unknown) => error);
      await world.whileTimePasses(() => world.server.upgrades() === 2);
      expect(await failed).toMatchObject({
        code: "worker.refused",
        message: "The server refuses this worker (401): Unauthorized: Invalid token",
      });
      await world.clock.advance(3_600_000);
      expect(world.server.upgrades()).toBe(2);
    },
  );
});

describe("a worker that stops", () => {
  test("takes no more tasks, finishes what runs, and says goodbye", async () => {
    const { open, opened } = gate();
    const worker = world.make().task("echo", () => opened);
    await worker.start();
    const running = worker.run();
    world.push("t1");
    await eventually(() => world.calls("accept t1") > 0);
    const stopped = worker.stop();
    await eventually(() => world.calls("drain") > 0);
    world.push("t2");
    await eventually(() => world.runtime.calls.includes("release t2#1 0"));
    open();
    await stopped;
    await running;
    expect(world.runtime.results).toHaveLength(1);
    await eventually(() => world.calls("disconnect") === 1);
    expect(world.clock.pending).toBe(0);
  });

  test("gives back what does not finish within the grace, and does not answer it any more", async () => {
    const { open, opened } = gate();
    const worker = world.make().task("echo", () => opened);
    await worker.start();
    world.push("t1");
    await eventually(() => world.calls("accept t1") > 0);
    const stopped = worker.stop({ graceMs: 5_000 });
    await world.clock.advance(4_999);
    expect(world.calls("release")).toBe(0);
    await world.clock.advance(1);
    await stopped;
    await eventually(() => world.runtime.calls.includes("release t1#1 0"));
    open();
    await opened;
    expect(world.runtime.results).toEqual([]);
  });

  test("has the grace that it was made with, however it is told to end", async () => {
    const worker = world.make({ graceMs: 7_000 }).task("echo", () => new Promise(() => undefined));
    await worker.start();
    world.push("t1");
    await eventually(() => world.calls("accept t1") > 0);
    const stopped = worker.stop();
    await world.clock.advance(6_999);
    expect(world.calls("release")).toBe(0);
    await world.clock.advance(1);
    await stopped;
    await eventually(() => world.runtime.calls.includes("release t1#1 0"));
  });

  test.each([-1, Number.NaN])("can't be made with a grace of %d ms", (graceMs) => {
    expect(() => world.make({ graceMs })).toThrow("graceMs");
  });

  test("waits for its results to be acknowledged", async () => {
    const durable = gate<{ status: "applied" }>();
    world.runtime.onResult = () => durable.opened;
    const worker = world.make().task("echo", () => 1);
    await worker.start();
    world.push("t1");
    await world.outcome("t1");
    let isStopped = false;
    const stopped = worker.stop().then(() => (isStopped = true));
    await eventually(() => world.calls("drain") > 0);
    expect(isStopped).toBe(false);
    durable.open({ status: "applied" });
    await stopped;
  });

  test("stops at once when it is told to before it has connected", async () => {
    const worker = world.make().task("echo", () => 1);
    const started = worker.start();
    await worker.stop();
    await started;
    expect(world.clock.pending).toBe(0);
  });
});
