// What frames make the runtime do, and what the runtime makes of frames, over real sockets.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { frameBytesMax } from "../../../src/protocol/worker-frames.ts";
import { eventually } from "../../support/eventually.ts";
import { openGateway, plainHello } from "./gateway-world.ts";
import { leasedTask } from "./recording-workers.ts";

let world: Awaited<ReturnType<typeof openGateway>>;
beforeEach(async () => {
  world = await openGateway();
});
afterEach(() => world.close());

const ref = (task_id: string, attempt = 1) => ({ task_id, attempt });

describe("the handshake", () => {
  test("introduces the worker to the runtime and tells it what the runtime decided", async () => {
    world.workers.onConnect = async () => ({
      keep: [{ taskId: "a", attempt: 2 }],
      drop: [{ taskId: "b", attempt: 1, reason: "fenced" }],
      want: [{ taskId: "c", attempt: 3 }],
    });
    const peer = await world.connect();
    const running = [ref("a", 2), ref("b", 1)];
    peer.send({ ...plainHello, running, outbox: [ref("c", 3)], labels: { zone: "x" } });
    expect(await peer.next("welcome")).toMatchObject({
      protocol: 1,
      heartbeat_ms: 10_000,
      heartbeats_missed_max: 3,
      frame_bytes_max: 1024 * 1024,
      keep: [ref("a", 2)],
      drop: [{ ...ref("b"), reason: "fenced" }],
      want: [ref("c", 3)],
    });
    expect(world.workers.session).toMatchObject({ holder: "w1:i1", workerId: "w1" });
    expect([...world.workers.session.types]).toEqual([["echo", undefined]]);
    expect(world.workers.introductions[0]).toMatchObject({
      credits: 4,
      labels: { zone: "x" },
      running: [
        { taskId: "a", attempt: 2 },
        { taskId: "b", attempt: 1 },
      ],
      outbox: [{ taskId: "c", attempt: 3 }],
    });
  });

  test("is over when no hello comes in time", async () => {
    const peer = await world.connect();
    await world.clock.advance(5_000);
    expect(await peer.next("error")).toMatchObject({ code: "protocol.hello_timeout", fatal: true });
    expect((await peer.closed).code).toBe(4010);
    expect(world.workers.calls).toEqual([]);
  });

  test("keeps what the runtime pushes at once behind the welcome", async () => {
    world.workers.onConnect = async (session) => {
      session.push(leasedTask("early"), 1000);
      await Promise.resolve();
      return { keep: [], drop: [], want: [] };
    };
    const peer = await world.welcomed();
    await peer.next("task");
    expect(peer.messages.join("")).toMatch(/"welcome".*"early"/);
  });

  test("asks the worker to come back where the runtime fails", async () => {
    world.workers.onConnect = () => Promise.reject(new Error("the store is closed"));
    const peer = await world.connect();
    peer.send(plainHello);
    expect((await peer.closed).code).toBe(4012);
  });

  test("forgets a worker that left while the runtime took it in", async () => {
    let finish = (): void => undefined;
    world.workers.onConnect = () =>
      new Promise((resolve) => (finish = () => resolve({ keep: [], drop: [], want: [] })));
    const peer = await world.connect();
    peer.send(plainHello);
    await eventually(() => world.workers.sessions.length === 1);
    peer.socket.terminate();
    await eventually(() => world.workers.calls.includes("disconnect w1:i1"));
    finish();
    await eventually(() => world.workers.calls.length === 3);
    expect(world.workers.calls.at(-1)).toBe("disconnect w1:i1");
  });
});

describe("a worker that breaks the protocol is told so and closed with 4010", () => {
  const accept = { type: "accept", ...ref("a") };
  test.each([
    ["a frame before hello", [accept], "protocol.frame_unexpected"],
    ["a frame before the welcome", [[plainHello, accept]], "protocol.frame_unexpected"],
    ["two hellos", [[plainHello, plainHello]], "protocol.frame_unexpected"],
    [
      "a version from the future",
      [{ ...plainHello, protocols: [2] }],
      "protocol.version_unsupported",
    ],
    ["a type that does not exist", [{ type: "toString" }], "protocol.frame_unknown"],
    ["a frame of the other side", [{ type: "cancel", ...ref("a") }], "protocol.frame_unknown"],
    ["a field of the wrong kind", [{ ...plainHello, credits: "4" }], "protocol.frame_invalid"],
    ["a missing field", [{ type: "hello" }], "protocol.frame_invalid"],
    ["no object", [[null]], "protocol.frame_invalid"],
    ["more than 256 frames at once", [Array(257).fill(accept)], "protocol.frame_invalid"],
  ])("%s", async (_title, messages, code) => {
    // The runtime never answers, so that "before the welcome" is a fact and not a race.
    world.workers.onConnect = () => new Promise(() => undefined);
    const peer = await world.connect();
    for (const message of messages) peer.send(message);
    expect(await peer.next("error")).toMatchObject({ code, fatal: true });
    expect(await peer.closed).toEqual({ code: 4010, reason: code });
  });

  test.each([
    ["text that is not JSON", "{"],
    [
      "a prototype key",
      '{"type":"result","task_id":"a","attempt":1,"outcome":"ok","output":{"__proto__":{}}}',
    ],
    [
      "65 levels",
      `{"type":"result","task_id":"a","attempt":1,"outcome":"ok","output":${"[".repeat(64)}${"]".repeat(64)}}`,
    ],
    ["a binary message", Buffer.from("{}")],
  ])("%s", async (_title, data) => {
    const peer = await world.welcomed();
    peer.socket.send(data);
    expect(await peer.next("error")).toMatchObject({ code: "protocol.frame_invalid" });
    expect((await peer.closed).code).toBe(4010);
    expect(world.workers.results).toEqual([]);
  });

  test("but a message of more than 1 MiB is refused by its size alone, with 1009", async () => {
    const peer = await world.welcomed();
    peer.socket.send("x".repeat(frameBytesMax));
    expect(await peer.next("error")).toMatchObject({ code: "protocol.frame_invalid" });
    const other = await world.welcomed();
    other.socket.send("x".repeat(frameBytesMax + 1));
    expect((await other.closed).code).toBe(1009);
  });
});

describe("a session", () => {
  test("ignores members of frames that it does not know", async () => {
    const peer = await world.welcomed({ hat: "red" });
    peer.send({ type: "accept", ...ref("a"), mood: "fine" });
    await eventually(() => world.workers.calls.includes("accept a#1"));
  });

  test("pushes tasks and cancellations of one turn as one message", async () => {
    const peer = await world.welcomed();
    const before = peer.messages.length;
    const { session } = world.workers;
    session.push(leasedTask("a", { runTimeoutMs: 500 }), 45_000);
    session.push(leasedTask("b"), 45_000);
    session.cancel({ taskId: "c", attempt: 2 }, "no longer wanted", 5_000);
    expect(await peer.next("task")).toEqual({
      type: "task",
      ...ref("a"),
      job_id: "0_job",
      task_type: "echo",
      params: { n: 1 },
      priority: 5,
      lease_ms: 45_000,
      run_timeout_ms: 500,
      attempts_max: 3,
    });
    expect(await peer.next("task")).toMatchObject(ref("b"));
    expect(await peer.next("cancel")).toEqual({
      type: "cancel",
      ...ref("c", 2),
      reason: "no longer wanted",
      grace_ms: 5_000,
    });
    expect(peer.messages.length - before).toBe(1);
  });

  test("pushes a thousand tasks in messages that the other side may take", async () => {
    const peer = await world.welcomed();
    for (let n = 0; n < 1000; n++) world.workers.session.push(leasedTask(`t${n}`), 1);
    await eventually(() => peer.count("task") === 1000);
    for (const text of peer.messages.slice(1))
      expect((JSON.parse(text) as unknown[]).length).toBeLessThanOrEqual(256);
  });

  test("answers in the worker's place where a task does not fit into a frame", async () => {
    await world.welcomed();
    world.workers.session.push(leasedTask("big", { params: "ж".repeat(frameBytesMax / 2) }), 1);
    expect(world.workers.results).toMatchObject([
      {
        attempt: { taskId: "big", attempt: 1 },
        outcome: { outcome: "error", error: { code: "INVALID_INPUT_ERROR" } },
      },
    ]);
  });

  test.each([
    [
      { outcome: "ok", output: { a: 1 } },
      { outcome: "ok", status: "success", output: { a: 1 } },
    ],
    [
      { outcome: "ok", status: "partial" },
      { outcome: "ok", status: "partial", output: undefined },
    ],
    [
      { outcome: "error", error: { message: "no" } },
      { outcome: "error", error: { code: "TRANSIENT_ERROR", message: "no" } },
    ],
    [
      {
        outcome: "error",
        error: { code: "X", message: "no", details: [1], retry_after_ms: 7 },
      },
      {
        outcome: "error",
        error: { code: "X", message: "no", details: [1] },
        retryAfterMs: 7,
      },
    ],
    [{ outcome: "cancelled" }, { outcome: "cancelled" }],
  ])("hands the result %j to the runtime", async (result, outcome) => {
    const peer = await world.welcomed();
    peer.send({ type: "result", ...ref("a", 2), ...result });
    expect(await peer.next("result_ack")).toEqual({
      type: "result_ack",
      ...ref("a", 2),
      status: "applied",
    });
    expect(world.workers.results).toEqual([{ attempt: { taskId: "a", attempt: 2 }, outcome }]);
  });

  test("acknowledges a result only when the runtime has made it durable, and with what it says", async () => {
    let settle = (): void => undefined;
    world.workers.onResult = () =>
      new Promise((resolve) => (settle = () => resolve({ status: "applied", code: "X" })));
    const peer = await world.welcomed();
    peer.send({ type: "result", ...ref("a"), outcome: "cancelled" });
    await eventually(() => world.workers.results.length === 1);
    peer.send({ type: "heartbeat", running: [] });
    await peer.next("heartbeat_ack");
    expect(peer.count("result_ack")).toBe(0);
    settle();
    expect(await peer.next("result_ack")).toMatchObject({ status: "applied", code: "X" });
  });

  test("leaves a result unanswered that the runtime could not take, and takes it again", async () => {
    world.workers.onResult = () => Promise.reject(new Error("the store is full"));
    const peer = await world.welcomed();
    const result = { type: "result", ...ref("a"), outcome: "cancelled" };
    peer.send(result);
    await eventually(() => world.workers.results.length === 1);
    world.workers.onResult = async () => ({ status: "applied" });
    peer.send(result);
    await peer.next("result_ack");
    expect(peer.count("result_ack")).toBe(0);
    expect(world.workers.results).toHaveLength(2);
  });

  test("logs who speaks of attempts that are not its own", async () => {
    world.workers.onResult = async () => ({ status: "fenced" });
    world.workers.onHeartbeat = async () => [{ taskId: "b", attempt: 1, reason: "fenced" }];
    const peer = await world.welcomed();
    peer.send({ type: "result", ...ref("a"), outcome: "cancelled" });
    await peer.next("result_ack");
    peer.send({ type: "heartbeat", running: [ref("b")] });
    await peer.next("heartbeat_ack");
    expect(world.logged.map((line) => JSON.parse(line) as object)).toMatchObject([
      { workerId: "w1", taskId: "a", attempt: 1, status: "fenced", msg: "result ignored" },
      { workerId: "w1", lost: [{ taskId: "b" }], msg: "attempts are not this worker's" },
    ]);
  });

  test("extends leases by heartbeats and says which attempts are lost", async () => {
    world.workers.onHeartbeat = async () => [{ taskId: "b", attempt: 1, reason: "unknown" }];
    const peer = await world.welcomed();
    peer.send({ type: "heartbeat", running: [ref("a"), ref("b")] });
    expect(await peer.next("heartbeat_ack")).toEqual({
      type: "heartbeat_ack",
      server_time: "2026-01-01T00:00:00.000Z",
      lost: [{ ...ref("b"), reason: "unknown" }],
    });
    expect(world.workers.calls).toContain("heartbeat a,b");
  });

  test("gives released and rejected attempts back, rejected ones after a while", async () => {
    const peer = await world.welcomed();
    peer.send([
      { type: "release", ...ref("a") },
      { type: "reject", ...ref("b"), reason: "busy" },
      { type: "reject", ...ref("c"), reason: "incompatible", retry_after_ms: 9 },
    ]);
    await eventually(() => world.workers.calls.length === 4);
    expect(world.workers.calls.slice(1)).toEqual([
      "release a#1 0",
      "release b#1 1000",
      "release c#1 9",
    ]);
  });

  test("passes credits and draining on", async () => {
    const peer = await world.welcomed();
    peer.send([{ type: "credit", credits: 9 }, { type: "drain" }]);
    await eventually(() => world.workers.calls.includes("drain w1:i1"));
    expect(world.workers.credits).toEqual([9]);
  });

  test("ends with bye", async () => {
    const peer = await world.welcomed();
    peer.send({ type: "bye" });
    expect((await peer.closed).code).toBe(4000);
    expect(world.workers.calls).toEqual(["connect w1:i1", "disconnect w1:i1"]);
  });
});

describe("progress", () => {
  test("goes on at most ten times a second per attempt: the first at once, then the latest", async () => {
    const peer = await world.welcomed();
    for (let n = 1; n <= 50; n++) peer.send({ type: "progress", ...ref("a"), ratio: n / 100 });
    peer.send({ type: "progress", ...ref("b"), message: "hi", data: { n: 1 } });
    await eventually(() => world.workers.reports.length === 2);
    expect(world.workers.reports).toEqual([
      { attempt: { taskId: "a", attempt: 1 }, progress: { ratio: 0.01 } },
      { attempt: { taskId: "b", attempt: 1 }, progress: { message: "hi", data: { n: 1 } } },
    ]);
    await world.clock.advance(100);
    expect(world.workers.reports.slice(2)).toEqual([
      { attempt: { taskId: "a", attempt: 1 }, progress: { ratio: 0.5 } },
    ]);
    await world.clock.advance(1000);
    expect(world.workers.reports).toHaveLength(3);
  });

  test("that is held back goes on before the result", async () => {
    const peer = await world.welcomed();
    peer.send({ type: "progress", ...ref("a"), ratio: 0.1 });
    peer.send({ type: "progress", ...ref("a"), ratio: 0.9 });
    peer.send({ type: "result", ...ref("a"), outcome: "cancelled" });
    await peer.next("result_ack");
    expect(world.workers.reports.map(({ progress }) => progress.ratio)).toEqual([0.1, 0.9]);
  });
});
