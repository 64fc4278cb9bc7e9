// What becomes of connections: superseded, silent, slow, and told to go.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WorkerTokens } from "../../../src/gateway/worker-tokens.ts";
import { nodeHolder } from "../../../src/runtime/worker-pool.ts";
import { eventually } from "../../support/eventually.ts";
import { openGateway, plainHello, token } from "./gateway-world.ts";
import { leasedTask } from "./recording-workers.ts";

let world: Awaited<ReturnType<typeof openGateway>>;
beforeEach(async () => {
  world = await openGateway();
});
afterEach(() => world.close());

describe("the same worker process connecting again", () => {
  test("supersedes its older connection", async () => {
    const older = await world.welcomed();
    const newer = await world.welcomed();
    expect((await older.closed).code).toBe(4009);
    expect(world.workers.calls).toEqual(["connect w1:i1", "disconnect w1:i1", "connect w1:i1"]);
    world.workers.session.push(leasedTask("a"), 1);
    await newer.next("task");
  });

  test("is introduced only after an introduction that is still under way", async () => {
    const finish: (() => void)[] = [];
    world.workers.onConnect = () =>
      new Promise((resolve) => finish.push(() => resolve({ keep: [], drop: [], want: [] })));
    const older = await world.connect();
    older.send(plainHello);
    await eventually(() => finish.length === 1);
    const newer = await world.connect();
    newer.send(plainHello);
    await older.closed;
    expect(finish).toHaveLength(1);
    finish[0]!();
    await eventually(() => finish.length === 2);
    finish[1]!();
    await newer.next("welcome");
    expect(world.workers.calls.at(-1)).toBe("connect w1:i1");
  });

  test("leaves other processes of the same worker alone", async () => {
    const first = await world.welcomed();
    await world.welcomed({ instance_id: "i2" });
    first.send({ type: "heartbeat", running: [] });
    await first.next("heartbeat_ack");
  });

  test("is not taken for another worker, or for a node, whose names come to the same text", async () => {
    const first = await world.welcomed({ worker_id: "a:b", instance_id: "c" });
    await world.welcomed({ worker_id: "a", instance_id: "b:c" });
    await world.welcomed({ worker_id: "node", instance_id: "n1" });
    const holders = [...world.workers.sessions.map(({ holder }) => holder), nodeHolder("n1")];
    expect(new Set(holders).size).toBe(4);
    first.send({ type: "heartbeat", running: [] });
    await first.next("heartbeat_ack");
  });
});

describe("a token that is good for some task types", () => {
  const own = (taskTypes: readonly string[]) => new Map([["w1", { token, taskTypes }]]);
  const tokens = new WorkerTokens("of all others", own(["echo", "infer"]));

  test("lets its worker offer these, and refuses it with any other", async () => {
    await world.close();
    world = await openGateway({}, tokens);
    await world.welcomed();
    const peer = await world.connect();
    peer.send({ ...plainHello, types: [{ type: "echo" }, { type: "pay_out" }] });
    expect(await peer.next("error")).toMatchObject({
      code: "worker.refused",
      message: "The token is not good for tasks of the type pay_out.",
      fatal: true,
    });
    expect((await peer.closed).code).toBe(4003);
    expect(world.logged.join("")).toContain("pay_out");
    expect(world.workers.calls).toEqual(["connect w1:i1"]);
  });

  test("hangs up on a worker whose types are taken from it", async () => {
    await world.close();
    world = await openGateway({}, tokens);
    const peer = await world.welcomed();
    tokens.replace(own(["infer"]));
    world.gateway.recheckTokens();
    expect((await peer.closed).code).toBe(4001);
  });
});

describe("a connection", () => {
  test("is closed with 4008 when nothing is heard for three heartbeats", async () => {
    const peer = await world.welcomed();
    peer.socket.pause();
    for (let beat = 0; beat < 3; beat++) await world.clock.advance(10_000);
    await eventually(() => world.workers.calls.includes("disconnect w1:i1"));
    peer.socket.resume();
    expect((await peer.closed).code).toBe(4008);
  });

  test("lives on while the worker only answers pings", async () => {
    const peer = await world.welcomed();
    const other = await world.welcomed({ instance_id: "i2" });
    let pings = 0;
    peer.socket.on("ping", () => pings++);
    for (let beat = 1; beat <= 8; beat++) {
      await world.clock.advance(10_000);
      await eventually(() => pings === beat);
      // The pong is on its way already; a round trip that begins after it gives it the time to arrive.
      other.send({ type: "heartbeat", running: [] });
      await other.next("heartbeat_ack");
    }
    expect(world.workers.calls).not.toContain("disconnect w1:i1");
  });

  test("gets no tasks while too much of it is unread, and gets them again when it has caught up", async () => {
    const peer = await world.welcomed();
    peer.socket.pause();
    await fill();
    expect(world.workers.credits).toEqual([0]);
    peer.socket.resume();
    await eventually(() => world.workers.credits.length === 2);
    expect(world.workers.credits).toEqual([0, 4]);
    await world.clock.advance(30_000);
    expect(world.workers.calls).not.toContain("disconnect w1:i1");
  });

  test("is closed with 4013 when it stays unread for 30 s", async () => {
    const peer = await world.welcomed();
    peer.socket.pause();
    await fill();
    await world.clock.advance(29_999);
    expect(world.workers.calls).not.toContain("disconnect w1:i1");
    await world.clock.advance(1);
    expect(world.workers.calls).toContain("disconnect w1:i1");
    peer.socket.resume();
    expect((await peer.closed).code).toBe(4013);
  });

  /** Push until the kernel's buffers and ours are full. */
  async function fill(): Promise<void> {
    const params = "x".repeat(512 * 1024);
    await eventually(() => {
      if (world.workers.credits.length > 0) return true;
      world.workers.session.push(leasedTask("a", { params }), 1);
      return false;
    });
  }
});

describe("a gateway that closes", () => {
  test("tells workers to go, takes what they still deliver, and hangs up after the grace", async () => {
    const peer = await world.welcomed();
    const closed = world.gateway.close(5_000);
    expect(await peer.next("goaway")).toMatchObject({ reconnect_after_ms: 1_000 });
    expect(world.workers.calls).toContain("drain w1:i1");
    peer.send({ type: "result", task_id: "a", attempt: 1, outcome: "cancelled" });
    await peer.next("result_ack");
    await world.clock.advance(5_000);
    expect((await peer.closed).code).toBe(4012);
    await closed;
  });

  test("does not wait for workers that are gone", async () => {
    const peer = await world.welcomed();
    const closed = world.gateway.close(3_600_000);
    await peer.next("goaway");
    peer.socket.close();
    await closed;
  });

  test("cuts off a worker that does not answer the close", async () => {
    const peer = await world.welcomed();
    peer.socket.pause();
    const closed = world.gateway.close(0);
    await world.clock.advance(0);
    await world.clock.advance(1_000);
    await closed;
  });
});
