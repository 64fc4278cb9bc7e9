// What handlers tell while they run, over real sockets to a real runtime: checkpoints, log lines, streams, limits, tokens.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { JobEvent } from "../../../src/runtime/runtime.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { TransientError, type TaskContext } from "../../../worker/index.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { echoFlow } from "../../support/sample-blueprints.ts";
import { done, openWire, refOf, type Wire } from "../../support/wire-world.ts";
import { gate } from "./worker-world.ts";

let wire: Wire;
const open: Wire[] = [];
beforeEach(async () => {
  wire = await openWire([echoFlow]);
  open.push(wire);
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** Follow a job. @returns the events so far, growing */
function follow(runtime: Wire["runtime"], jobId: string) {
  const events: JobEvent[] = [];
  const stop = new AbortController();
  const ended = (async () => {
    for await (const event of runtime.jobs.watch(jobId, 0, stop.signal)) events.push(event);
  })();
  return { events, ended, stop: () => stop.abort() };
}
const textOf = (events: readonly JobEvent[], stream: string): string =>
  events
    .flatMap((event) =>
      event.type === "chunk" && event.chunk.stream === stream ? [event.chunk] : [],
    )
    .map(({ data, encoding }) =>
      encoding === "text" ? data : Buffer.from(data, "base64").toString("latin1"),
    )
    .join("");

describe("a checkpoint", () => {
  test("is handed to the next attempt, which goes on from it", async () => {
    const seen: unknown[] = [];
    const worker = wire.make().task("echo", async ({ lastCheckpoint, checkpoint, attempt }) => {
      seen.push(lastCheckpoint);
      if (attempt > 1) return { from: lastCheckpoint };
      await checkpoint({ page: 1 });
      void checkpoint({ page: 2 });
      void checkpoint({ page: 3 });
      throw new TransientError("once", { retryAfterMs: 1 });
    });
    await worker.start();
    const jobId = await wire.start();
    await eventually(async () => {
      await wire.clock.advance(10);
      return (await wire.state(jobId)) === "completed";
    });
    expect(seen).toEqual([undefined, { page: 3 }]);
  });

  test("goes with an attempt that is given back", async () => {
    let isAtTheLast = false;
    const worker = wire.make().task("echo", async ({ checkpoint, signal }) => {
      await checkpoint(1);
      void checkpoint("the last");
      isAtTheLast = true;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    await worker.start();
    await wire.start();
    await eventually(() => isAtTheLast);
    const stopped = worker.stop({ graceMs: 0 });
    await wire.workerClock.advance(0);
    await stopped;
    const { peer } = await wire.welcomed({ worker_id: "next" });
    expect(await peer.next("task")).toMatchObject({ attempt: 2, checkpoint: "the last" });
  });

  test("costs one write a second at most, and is acknowledged when it is durable", async () => {
    const { peer } = await wire.welcomed();
    await wire.start();
    const task = await peer.next("task");
    peer.send({ type: "accept", ...refOf(task) });
    let writes = 0;
    const extendLeases = wire.store.extendLeases.bind(wire.store);
    wire.store.extendLeases = (all) => {
      writes++;
      return extendLeases(all);
    };
    for (let number = 1; number <= 50; number++)
      peer.send({ type: "checkpoint", ...refOf(task), number, data: { number } });
    expect(await peer.next("checkpoint_ack")).toMatchObject({ number: 1, status: "kept" });
    // A question whose answer says that all before it has been taken.
    peer.send({ type: "heartbeat", running: [] });
    await peer.next("heartbeat_ack");
    expect(writes).toBe(1);
    await wire.clock.advance(1_000);
    expect(await peer.next("checkpoint_ack")).toMatchObject({ number: 50, status: "kept" });
    expect(writes).toBe(2);
    expect((await wire.store.loadTask(task.task_id))?.checkpoint).toEqual({ number: 50 });
  });

  test("that is too large, or of an attempt that is not the worker's, is refused in words", async () => {
    const { peer } = await wire.welcomed();
    await wire.start();
    const task = await peer.next("task");
    const large = "x".repeat(64 * 1024);
    peer.send({ type: "checkpoint", ...refOf(task), number: 1, data: large });
    expect(await peer.next("checkpoint_ack")).toMatchObject({ number: 1, status: "too_large" });
    peer.send({ type: "checkpoint", ...refOf(task), attempt: 2, number: 1, data: 1 });
    expect(await peer.next("checkpoint_ack")).toMatchObject({ attempt: 2, status: "fenced" });
    expect(await wire.store.loadTask(task.task_id)).not.toHaveProperty("checkpoint");
  });

  test("that can't be sent is the handler's mistake, and said at once", async () => {
    const worker = wire.make().task("echo", ({ checkpoint }) => {
      const circle: { self?: unknown } = {};
      circle.self = circle;
      expect(() => void checkpoint("x".repeat(64 * 1024))).toThrow(RangeError);
      expect(() => void checkpoint(circle)).toThrow(TypeError);
      return { said: true };
    });
    await worker.start();
    await wire.reaches(await wire.start(), "completed");
  });
});

describe("a log line", () => {
  test("reaches those who watch, with its fields and its level, and those above a rate are counted", async () => {
    const { open: go, opened } = gate();
    const worker = wire.make().task("echo", async ({ log }) => {
      await opened;
      log.info({ page: 7 }, "read %s", "a page");
      log.child({ part: "x" }).warn("of a child");
      log.debug("not for watchers, whose logger is silent");
      for (let n = 0; n < 500; n++) log.error(new Error(`no ${n}`));
      return {};
    });
    await worker.start();
    const jobId = await wire.start();
    const watch = follow(wire.runtime, jobId);
    await eventually(() => watch.events.length > 0);
    go();
    await watch.ended;
    const lines = watch.events.flatMap((event) => (event.type === "log" ? [event.line] : []));
    expect(lines[0]).toMatchObject({ level: "info", message: "read a page", fields: { page: 7 } });
    expect(lines[1]).toMatchObject({ level: "warn", message: "of a child" });
    expect(lines[2]).toMatchObject({ level: "error", message: "no 0" });
    expect(lines.length).toBeLessThanOrEqual(201);
  });

  test("says how many were dropped before it", async () => {
    const { peer } = await wire.welcomed();
    const jobId = await wire.start();
    const task = await peer.next("task");
    const watch = follow(wire.runtime, jobId);
    await eventually(() => watch.events.length > 0);
    const line = { type: "log", ...refOf(task), level: "info", message: "m" };
    for (let n = 0; n < 2_010; n++) peer.send({ ...line, dropped: n === 2_009 ? 5 : 0 });
    peer.send({ type: "heartbeat", running: [] });
    await peer.next("heartbeat_ack");
    await wire.clock.advance(1_000);
    peer.send(line);
    await eventually(() => {
      const last = watch.events.at(-1);
      return last?.type === "log" && last.line.dropped === 15;
    });
    watch.stop();
  });
});

describe("a stream", () => {
  test("reaches its readers whole, in order, over connections that break, before the job ends", async () => {
    const large = `é${"0123456789".repeat(60_000)}😀`;
    const worker = wire.make().task("echo", async ({ stream }) => {
      const out = stream("text");
      await out.write("begin ");
      wire.drop();
      void out.write(large);
      stream("bytes")
        .write(Buffer.from([0, 255, 10]))
        .catch(() => undefined);
      return {};
    });
    await worker.start();
    const jobId = await wire.start();
    const watch = follow(wire.runtime, jobId);
    await eventually(async () => {
      await wire.workerClock.advance(20);
      await wire.clock.advance(200);
      return (await wire.state(jobId)) === "completed";
    });
    await watch.ended;
    expect(textOf(watch.events, "text")).toBe(`begin ${large}`);
    expect(textOf(watch.events, "bytes")).toBe("\u0000\u00ff\n");
    expect(watch.events.at(-1)?.type).toBe("finished");
    const ends = watch.events.filter((event) => event.type === "chunk" && event.chunk.end);
    expect(ends).toHaveLength(2);
  });

  test("is written no faster than the server gives credit", async () => {
    let writes = 0;
    const worker = wire.make().task("echo", async ({ stream }) => {
      for (; writes < 100; writes++) await stream("out").write("x".repeat(16 * 1024));
      return {};
    });
    await worker.start();
    const jobId = await wire.start();
    // 256 KiB, and what the first credit acknowledges at once: no more without the server's time going by.
    await eventually(() => writes >= 16);
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes).toBeLessThanOrEqual(18);
    await eventually(async () => {
      await wire.clock.advance(100);
      return (await wire.state(jobId)) === "completed";
    });
    expect(writes).toBe(100);
  });

  test("is read from its tail by those who come late, and each attempt begins it anew", async () => {
    const { peer } = await wire.welcomed();
    const jobId = await wire.start();
    const chunk = (ref: object, offset: number, data: string, more: object = {}) =>
      peer.send({ type: "chunk", ...ref, stream: "s", offset, data, ...more });
    const first = refOf(await peer.next("task"));
    chunk(first, 0, "from the first ");
    peer.send({ type: "release", ...first });
    const second = refOf(await peer.next("task"));
    expect(second.attempt).toBe(2);
    const piece = "0123456789abcdef".repeat(2_000);
    for (let n = 0; n < 12; n++) {
      await wire.clock.advance(100);
      chunk(second, n * piece.length, piece);
      await peer.next("stream_credit");
    }
    chunk(first, 15, "a word of the fenced one");
    chunk(second, 11 * piece.length, piece);
    chunk(second, 12 * piece.length, "the end", { end: true });
    await eventually(async () => (await peer.next("stream_credit")).ended);
    const watch = follow(wire.runtime, jobId);
    await eventually(() => textOf(watch.events, "s").endsWith("the end"));
    const chunks = watch.events.flatMap((event) => (event.type === "chunk" ? [event] : []));
    expect(new Set(chunks.map(({ attempt }) => attempt))).toEqual(new Set([2]));
    // What is kept is the end of it, without a gap and without a repetition.
    const start = chunks[0]!.chunk.offset;
    expect(start).toBe(12 * piece.length + 7 - textOf(chunks, "s").length);
    expect(textOf(chunks, "s").length).toBeLessThanOrEqual(256 * 1024);
    peer.send(done(second));
    await watch.ended;
  });

  test("that is sent beyond its credit is a breach of the protocol", async () => {
    const { peer } = await wire.welcomed();
    await wire.start();
    const ref = refOf(await peer.next("task"));
    const data = "x".repeat(32 * 1024);
    for (let n = 0; n < 20; n++)
      peer.send({ type: "chunk", ...ref, stream: "s", offset: n * data.length, data });
    expect(await peer.next("error")).toMatchObject({
      code: "protocol.frame_invalid",
      message: expect.stringMatching(/has credit up to/),
    });
    expect((await peer.closed).code).toBe(4010);
  });

  test("and log lines reach readers at other nodes, the tail too", async () => {
    const clock = new FakeClock();
    const memory = new MemoryStore({ clock, shared: true });
    const here = await openWorld([echoFlow], { store: memory, clock, nodeId: "here" });
    const there = await openWorld([echoFlow], { store: memory, clock, nodeId: "there" });
    const node = await openWire([echoFlow], { world: here });
    open.push(node);
    const { peer } = await node.welcomed();
    const jobId = await node.start();
    const ref = refOf(await peer.next("task"));
    const chunk = { type: "chunk", ...ref, stream: "s" };
    peer.send({ ...chunk, offset: 0, data: "before " });
    await peer.next("stream_credit");
    const watch = follow(there.runtime, jobId);
    await eventually(() => textOf(watch.events, "s") === "before ");
    peer.send({ ...chunk, offset: 7, data: "after" });
    peer.send({ type: "log", ...ref, level: "info", message: "hello" });
    await eventually(() => textOf(watch.events, "s") === "before after");
    await eventually(() => watch.events.some(({ type }) => type === "log"));
    // A second reader there has the same tail.
    const second = follow(there.runtime, jobId);
    await eventually(() => textOf(second.events, "s") === "before after");
    watch.stop();
    second.stop();
    await there.runtime.stop();
  });
});

describe("limits", () => {
  test("of a type and of a pool bound what is pushed, and change at any time", async () => {
    const running: TaskContext[] = [];
    const release = gate();
    const worker = wire.make({ pools: { gpu: 0 } }).task(
      "echo",
      (context) => {
        running.push(context);
        return release.opened;
      },
      { pool: "gpu" },
    );
    await worker.start();
    const jobIds = [await wire.start(), await wire.start(), await wire.start()];
    const { peer } = await wire.welcomed({ worker_id: "probe", types: [{ type: "other" }] });
    const settle = async () => {
      peer.send({ type: "heartbeat", running: [] });
      await peer.next("heartbeat_ack");
    };
    await settle();
    expect(running).toHaveLength(0);
    worker.setLimits({ pools: { gpu: 2 } });
    await eventually(() => running.length === 2);
    await settle();
    expect(running).toHaveLength(2);
    worker.setLimits({ types: { echo: 1 }, pools: { gpu: 10 } });
    release.open();
    for (const jobId of jobIds) await wire.reaches(jobId, "completed");
    expect(() => worker.setLimits({ pools: { gpu: -1 } })).toThrow(RangeError);
  });
});

describe("labels", () => {
  test("are set and unset while the worker is connected, and said again in the next hello", async () => {
    const worker = wire.make({ labels: { zone: "a", old: "1" } }).task("echo", () => ({}));
    await worker.start();
    worker.setLabels({ model: "m1" }, ["old"]);
    const labels = () => wire.runtime.workers.list()[0]?.labels;
    await eventually(() => labels()?.["model"] === "m1");
    expect(labels()).toEqual({ zone: "a", model: "m1" });
    wire.drop();
    await eventually(() => labels() === undefined);
    await wire.whileTimePasses(() => labels() !== undefined);
    expect(labels()).toEqual({ zone: "a", model: "m1" });
  });
});
