// Bugs that worker protocols of other systems have had, each by its name: none of them is here. Real sockets, virtual time.
import { createServer } from "node:net";
import { once } from "node:events";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { echoFlow } from "../../support/sample-blueprints.ts";
import { eventually } from "../../support/eventually.ts";
import { done, openWire, refOf, type Wire } from "../../support/wire-world.ts";
import { plainHello, type Peer } from "./gateway-world.ts";

let wire: Wire;
beforeEach(async () => {
  wire = await openWire([echoFlow]);
});
afterEach(() => wire.close());

/** Take the next task and accept it. */
async function accepted(peer: Peer) {
  const task = await peer.next("task");
  peer.send({ type: "accept", ...refOf(task) });
  return task;
}

/** Say a heartbeat every ten seconds of the server's time. @returns the attempts that were lost */
async function beatFor(peer: Peer, ms: number, running: readonly object[]) {
  const lost: object[] = [];
  for (let passed = 0; passed < ms; passed += 10_000) {
    await wire.clock.advance(10_000);
    peer.send({ type: "heartbeat", running });
    lost.push(...(await peer.next("heartbeat_ack")).lost);
  }
  return lost;
}

describe("bugs others shipped", () => {
  test("zombie-stream: a worker that tasks do not reach any more is not taken for alive", async () => {
    const { peer: deaf } = await wire.welcomed({ worker_id: "deaf" });
    deaf.socket.pause();
    for (let beat = 0; beat < 3; beat++) await wire.clock.advance(10_000);
    await eventually(() => wire.runtime.workers.list().length === 0);
    const jobId = await wire.start();
    const { peer } = await wire.welcomed({ worker_id: "well" });
    peer.send(done(await accepted(peer)));
    await wire.reaches(jobId, "completed");
    expect(deaf.count("task")).toBe(0);
  });

  test("hb-refused-on-reconnect: the first heartbeat of a new connection is as good as any", async () => {
    const jobId = await wire.start();
    const { peer: before } = await wire.welcomed();
    const task = await accepted(before);
    before.socket.terminate();
    const { peer, welcome } = await wire.welcomed({ running: [refOf(task)] });
    expect(welcome).toMatchObject({ keep: [refOf(task)], drop: [] });
    peer.send({ type: "heartbeat", running: [refOf(task)] });
    expect((await peer.next("heartbeat_ack")).lost).toEqual([]);
    expect(await beatFor(peer, 120_000, [refOf(task)])).toEqual([]);
    peer.send(done(task));
    expect((await peer.next("result_ack")).status).toBe("applied");
    await wire.reaches(jobId, "completed");
  });

  test("assigned-never-started: a task that its worker never takes goes to another, and the first is fenced", async () => {
    const { peer: dumb } = await wire.welcomed({ worker_id: "dumb" });
    const jobId = await wire.start();
    const first = await dumb.next("task");
    const { peer } = await wire.welcomed({ worker_id: "well" });
    await wire.clock.advance(5_000);
    const again = await accepted(peer);
    expect(again).toMatchObject({ task_id: first.task_id, attempt: 2 });
    dumb.send(done(first, { by: "dumb" }));
    expect((await dumb.next("result_ack")).status).toBe("fenced");
    peer.send(done(again, { by: "well" }));
    await wire.reaches(jobId, "completed");
    expect((await wire.runtime.jobs.get(jobId))?.data).toMatchObject({ by: "well" });
  });

  test("hb-during-drain: a draining worker's heartbeats extend its leases all the same", async () => {
    const { peer } = await wire.welcomed();
    const jobId = await wire.start();
    const task = await accepted(peer);
    peer.send({ type: "drain" });
    expect(await beatFor(peer, 240_000, [refOf(task)])).toEqual([]);
    const other = await wire.start();
    expect((await wire.store.loadTask(task.task_id))?.attempt).toBe(1);
    peer.send(done(task));
    expect((await peer.next("result_ack")).status).toBe("applied");
    await wire.reaches(jobId, "completed");
    expect(peer.count("task")).toBe(0);
    expect(await wire.state(other)).toBe("start");
  });

  test("deleted-lease-reconnect-loop: a worker that comes back for a task that is gone is told so once, and stays", async () => {
    const { peer: before } = await wire.welcomed();
    const jobId = await wire.start();
    const task = await accepted(before);
    before.socket.terminate();
    await wire.runtime.jobs.cancel(jobId, "not wanted");
    const { peer, welcome } = await wire.welcomed({ running: [refOf(task)] });
    expect(welcome).toMatchObject({ keep: [], drop: [{ ...refOf(task), reason: "unknown" }] });
    expect(await beatFor(peer, 60_000, [])).toEqual([]);
    const next = await wire.start();
    peer.send(done(await accepted(peer)));
    await wire.reaches(next, "completed");
    expect(peer.socket.readyState).toBe(peer.socket.OPEN);
    expect(wire.upgrades()).toBe(2);
  });

  test("lease-ack-lost: a worker that never hears of its extended lease goes on with the same attempt", async () => {
    const { peer: before } = await wire.welcomed();
    const jobId = await wire.start();
    const task = await accepted(before);
    const until = async () => (await wire.store.loadTask(task.task_id))?.lease?.until ?? 0;
    const first = await until();
    before.socket.pause();
    await wire.clock.advance(20_000);
    before.send({ type: "heartbeat", running: [refOf(task)] });
    await eventually(async () => (await until()) > first);
    before.socket.terminate();
    const { peer, welcome } = await wire.welcomed({ running: [refOf(task)] });
    expect(welcome.keep).toEqual([refOf(task)]);
    peer.send(done(task));
    expect((await peer.next("result_ack")).status).toBe("applied");
    await wire.reaches(jobId, "completed");
  });

  test("gateway-transient-kills-socket: a store that fails for a moment costs no connection and no attempt", async () => {
    const { peer } = await wire.welcomed();
    const jobId = await wire.start();
    const task = await accepted(peer);
    const extendLeases = wire.store.extendLeases.bind(wire.store);
    const commit = wire.store.commit.bind(wire.store);
    wire.store.extendLeases = () => Promise.reject(new Error("the store is away"));
    wire.store.commit = () => Promise.reject(new Error("the store is away"));
    peer.send({ type: "heartbeat", running: [refOf(task)] });
    peer.send({ type: "checkpoint", ...refOf(task), number: 1, data: 1 });
    peer.send(done(task));
    await eventually(() => wire.clock.advance(1).then(() => true));
    wire.store.extendLeases = extendLeases;
    wire.store.commit = commit;
    peer.send({ type: "heartbeat", running: [refOf(task)] });
    expect((await peer.next("heartbeat_ack")).lost).toEqual([]);
    peer.send(done(task));
    expect((await peer.next("result_ack")).status).toBe("applied");
    await wire.reaches(jobId, "completed");
    expect(peer.socket.readyState).toBe(peer.socket.OPEN);
  });

  test("reconnect-gives-up: a worker comes back, however often it has tried in vain", async () => {
    let failures = 0;
    const write = (line: string): void => void (failures += Number(line.includes("try again")));
    const worker = wire.make({ log: pino({ level: "warn" }, { write }) }).task("echo", () => ({}));
    await worker.start();
    await wire.deafen();
    await wire.whileTimePasses(() => failures >= 12);
    const jobId = await wire.start();
    await wire.listen();
    await wire.whileTimePasses(async () => (await wire.state(jobId)) === "completed");
  });

  test("half-open-hello: a connection that never introduces itself ends, and so does one that is never welcomed", async () => {
    const mute = await wire.connect();
    expect(wire.runtime.workers.list()).toEqual([]);
    await wire.clock.advance(5_000);
    expect(await mute.next("error")).toMatchObject({ code: "protocol.hello_timeout" });
    expect((await mute.closed).code).toBe(4010);
    // And the other way round: the server takes the connection, but can't say welcome.
    const connect = wire.runtime.workers.connect.bind(wire.runtime.workers);
    let fail!: (reason: Error) => void;
    wire.runtime.workers.connect = () => new Promise((_, reject) => (fail = reject));
    const worker = wire.make().task("echo", () => ({}));
    const started = worker.start();
    await eventually(() => fail !== undefined);
    const before = wire.upgrades();
    wire.runtime.workers.connect = connect;
    await wire.workerClock.advance(10_000);
    // In small steps: the next connection has ten seconds for its welcome, too.
    await wire.whileTimePasses(() => wire.upgrades() > before);
    fail(new Error("the store is away"));
    await started;
    expect(wire.runtime.workers.list()).toHaveLength(1);
  });

  test("lockstep-reconnect: workers that lose their server together come back one by one", async () => {
    const peers = await Promise.all(
      Array.from(
        { length: 20 },
        async (_, n) => (await wire.welcomed({ worker_id: `w${n}` })).peer,
      ),
    );
    const closed = wire.gateway.close(1_000);
    const goaways = await Promise.all(peers.map((peer) => peer.next("goaway")));
    const times = goaways.map(({ reconnect_after_ms }) => reconnect_after_ms);
    expect(new Set(times).size).toBeGreaterThan(10);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(500);
    for (const peer of peers) peer.socket.close();
    await closed;
  });

  test("result-lost-on-close: a result that is ready while the connection breaks counts, once", async () => {
    let finish!: () => void;
    const worker = wire
      .make()
      .task("echo", () => new Promise((resolve) => (finish = () => resolve({ kept: 1 }))));
    await worker.start();
    const jobId = await wire.start();
    await eventually(() => finish !== undefined);
    wire.drop();
    finish();
    await wire.whileTimePasses(async () => (await wire.state(jobId)) === "completed");
    expect((await wire.runtime.jobs.get(jobId))?.data).toMatchObject({ kept: 1 });
    // And where the acknowledgement is what is lost, the worker says it again, which changes nothing.
    await worker.stop();
    const { peer } = await wire.welcomed({ worker_id: "other" });
    const second = await wire.start();
    const task = await accepted(peer);
    peer.send(done(task));
    await wire.reaches(second, "completed");
    peer.socket.terminate();
    const { peer: next, welcome } = await wire.welcomed({
      worker_id: "other",
      outbox: [refOf(task)],
    });
    expect(welcome.want).toEqual([refOf(task)]);
    next.send(done(task));
    expect((await next.next("result_ack")).status).toBe("unknown");
  });

  test("listener-not-restored: tasks come over every connection that follows a lost one", async () => {
    const worker = wire.make().task("echo", () => ({}));
    await worker.start();
    for (let round = 0; round < 5; round++) {
      wire.drop();
      await eventually(() => wire.runtime.workers.list().length === 0);
      const jobId = await wire.start();
      await wire.whileTimePasses(async () => (await wire.state(jobId)) === "completed");
    }
  });

  test("push-bypasses-backlog: a new task does not overtake those that wait", async () => {
    const jobIds = [await wire.start(), await wire.start()];
    const { peer } = await wire.welcomed({ credits: 1 });
    jobIds.push(await wire.start());
    const order: string[] = [];
    for (let taken = 0; taken < 3; taken++) {
      const task = await accepted(peer);
      order.push(task.job_id);
      expect(peer.count("task")).toBe(0);
      peer.send(done(task));
    }
    expect(order).toEqual(jobIds);
  });

  test("repush-on-timeout-storm: a task whose lease ends is not thrown back at once at the worker that lost it", async () => {
    const { peer } = await wire.welcomed();
    await wire.start();
    const task = await accepted(peer);
    // The connection lives, since pings are answered; only the heartbeats stay away.
    const stored = await eventually(async () => {
      await wire.clock.advance(1_000);
      const one = await wire.store.loadTask(task.task_id);
      return one?.state === "leased" ? undefined : one;
    });
    expect(stored.state).toBe("delayed");
    expect(stored.availableAt! - stored.since).toBeGreaterThan(0);
    expect(peer.count("task")).toBe(0);
    // Ten minutes of a worker that loses everything: its attempts are bounded by the task's policy, not by the clock.
    for (let minute = 0; minute < 60; minute++) await wire.clock.advance(10_000);
    expect(peer.count("task")).toBeLessThanOrEqual(4);
  });

  test("budget-leak: slots of tasks that were rejected, released, cancelled or ignored are all there again", async () => {
    const { peer } = await wire.welcomed({ credits: 2 });
    for (let round = 0; round < 12; round++) {
      const jobId = await wire.start();
      const task = await peer.next("task");
      if (round % 4 === 0) {
        peer.send({ type: "reject", ...refOf(task), reason: "busy", retry_after_ms: 600_000 });
        await eventually(
          async () => (await wire.store.loadTask(task.task_id))?.state === "delayed",
        );
        await wire.runtime.jobs.cancel(jobId, "enough");
      } else if (round % 4 === 1) {
        peer.send({ type: "accept", ...refOf(task) });
        await wire.runtime.jobs.cancel(jobId, "enough");
        expect(await peer.next("cancel")).toMatchObject(refOf(task));
        peer.send({ type: "result", outcome: "cancelled", ...refOf(task) });
        await peer.next("result_ack");
      } else if (round % 4 === 2) {
        peer.send({ type: "release", ...refOf(task) });
        peer.send(done(await peer.next("task")));
        await wire.reaches(jobId, "completed");
      } else {
        await wire.clock.advance(5_000);
        peer.send({ type: "reject", ...refOf(task), reason: "busy" });
        const again = await accepted(peer);
        expect(again.task_id).toBe(task.task_id);
        peer.send(done(again));
        await wire.reaches(jobId, "completed");
      }
    }
    await wire.start();
    await wire.start();
    const both = [await accepted(peer), await accepted(peer)];
    expect(new Set(both.map(({ job_id }) => job_id)).size).toBe(2);
  });

  test("batch-deadline-burn: no more is pushed than there is room for, so no time limit runs in a worker's queue", async () => {
    const { peer } = await wire.welcomed({ credits: 2 });
    const jobIds = await Promise.all(Array.from({ length: 6 }, () => wire.start()));
    const running = [await accepted(peer), await accepted(peer)];
    // Nearly as long as an attempt may run.
    await beatFor(peer, 280_000, running.map(refOf));
    expect(peer.count("task")).toBe(0);
    for (const task of running) peer.send(done(task));
    for (let rest = 2; rest < 6; rest++) {
      const task = await accepted(peer);
      // Those that waited have all their time and all their attempts.
      expect(task.attempt).toBe(1);
      const stored = await wire.store.loadTask(task.task_id);
      expect(stored?.lease?.startedAt).toBeGreaterThan((stored?.createdAt ?? 0) + 270_000);
      peer.send(done(task));
    }
    for (const jobId of jobIds) await wire.reaches(jobId, "completed");
  });

  test("blocking-conn-terminal: a connection that ends in nonsense is only one more reason to connect again", async () => {
    const worker = wire.make().task("echo", () => ({}));
    await worker.start();
    await wire.deafen();
    const answers = [
      "nonsense\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
      "",
    ];
    let tries = 0;
    const impostor = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.end(answers[tries++ % answers.length]!));
    });
    await once(impostor.listen(wire.port(), "127.0.0.1"), "listening");
    await eventually(async () => {
      await wire.workerClock.advance(30_000);
      return tries >= 2 * answers.length;
    });
    impostor.close();
    await once(impostor, "close");
    await wire.listen();
    const jobId = await wire.start();
    await wire.whileTimePasses(async () => (await wire.state(jobId)) === "completed");
  });

  test("event-loop-block-loses-lock: a worker that could not say a word for longer than its lease finishes what nobody took", async () => {
    let finish!: () => void;
    let runs = 0;
    const worker = wire.make().task("echo", ({ progress }) => {
      runs++;
      progress(0.5);
      return new Promise((resolve) => (finish = () => resolve({ slow: true })));
    });
    await worker.start();
    const jobId = await wire.start();
    const { taskId } = (await wire.store.listTasks(jobId))[0]!;
    // It has said that it takes the task, too.
    await eventually(async () => {
      const job = await wire.runtime.jobs.get(jobId);
      return job?.waits.some((wait) => wait.kind === "task" && wait.progress !== undefined);
    });
    // Its time stands still, and it reads nothing: the server hangs up, and the lease ends.
    wire.mute();
    for (let second = 0; second < 35; second++) await wire.clock.advance(1_000);
    await eventually(() => wire.runtime.workers.list().length === 0);
    const isLeased = async () => (await wire.store.loadTask(taskId))?.state === "leased";
    for (let second = 0; second < 30 && (await isLeased()); second++)
      await wire.clock.advance(1_000);
    expect(await isLeased()).toBe(false);
    wire.drop();
    await wire.whileTimePasses(isLeased);
    expect(await wire.store.loadTask(taskId)).toMatchObject({ attempt: 1 });
    finish();
    await wire.reaches(jobId, "completed");
    expect(runs).toBe(1);
  });
});

test("the hello of these tests is one that a server welcomes", async () => {
  expect((await wire.welcomed(plainHello)).welcome.protocol).toBe(1);
});
