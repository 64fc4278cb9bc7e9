// The store in Redis in bad weather: lost answers, late calls, a Redis that is gone, silent or restarted.
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { RedisOptions } from "../../src/store/redis/open-redis-store.ts";
import type { RedisStore } from "../../src/store/redis/redis-store.ts";
import { eventually } from "../support/eventually.ts";
import { openRedis } from "../support/redis-backend.ts";
import { startRedisProxy, type RedisProxy } from "../support/redis-proxy.ts";
import { freePort, startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { addTasks, claimOf, claimOne, newTask, offerTo, putBack, turn } from "../store/sample.ts";

let server: RedisServer;
let proxy: RedisProxy;
let store: RedisStore;
let prefixes = 0;
const opened: RedisStore[] = [];

const open = async (options: Partial<RedisOptions> = {}): Promise<RedisStore> => {
  const one = await openRedis(proxy.port, {
    clock: systemClock,
    prefix: `weather${prefixes}`,
    ...options,
  });
  opened.push(one);
  return one;
};

beforeAll(async () => {
  server = await startRedisServer();
  proxy = await startRedisProxy(server.port);
});
beforeEach(async () => {
  prefixes++;
  store = await open();
});
afterEach(async () => {
  proxy.swallow(false);
  await server.start();
  await Promise.all(opened.splice(0).map((one) => one.close()));
});
afterAll(async () => {
  await proxy.close();
  await server.close();
});

/** Make a call whose answer is lost; the call is sent again by the store. */
function unheard<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  proxy.loseNextAnswer();
  return call();
}

describe("a call whose answer is lost is made once, and answered as it was", () => {
  const offered = { op: "add_task", task: newTask("j1", "a"), offer: offerTo("h1") } as const;

  test("a commit", async () => {
    const queued = { op: "add_task", task: newTask("j1", "b") } as const;
    const committed = await unheard(() => store.commit(turn("j1", 1, { ops: [offered, queued] })));
    expect(committed).toMatchObject({ outcome: "committed", leased: ["j1:a"] });
    expect(await store.history("j1", 0, 10)).toHaveLength(1);
    expect(await store.countQueues()).toEqual({ echo: 1 });
    expect(await store.commit(turn("j1", 1))).toEqual({ outcome: "conflict", revision: 1 });
  });

  test("a commit that ends a task", async () => {
    await store.commit(turn("j1", 1, { ops: [offered] }));
    const ops = [{ op: "finish_task", taskId: "j1:a", attempt: 1 }] as const;
    const end = turn("j1", 2, { status: "finished", ops });
    expect(await unheard(() => store.commit(end))).toMatchObject({ outcome: "committed" });
    expect(await store.countJobs()).toEqual({ finished: 1 });
  });

  test("a claim", async () => {
    await addTasks(store, "j1", ["a", "b", "c"]);
    const { tasks } = await unheard(() => store.claimTasks(claimOf("echo", 2)));
    expect(tasks.map(({ child, attempt }) => [child, attempt])).toEqual([
      ["a", 1],
      ["b", 1],
    ]);
    expect(await store.countQueues()).toEqual({ echo: 1 });
  });

  test("putting a task back", async () => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    expect(await unheard(() => putBack(store, "j1:a", 1))).toBe("requeued");
    expect(await putBack(store, "j1:a", 1)).toBe("fenced");
  });

  test("claims and delays of messages", async () => {
    const message = { id: "m1", jobId: "j1", body: 1 };
    await store.commit(turn("j1", 1, { ops: [{ op: "add_message", message, due: 5 }] }));
    expect(await unheard(() => store.claimMessage("m1", 5, 6))).toBe(true);
    await unheard(() => store.delayMessage("m1", 7));
    expect((await store.due(10)).messages).toMatchObject([{ tries: 1, due: 7 }]);
  });

  test("an idempotency key", async () => {
    expect(await unheard(() => store.claimKey("k", "j1", 1000))).toBe("j1");
    expect(await store.claimKey("k", "j2", 1000)).toBe("j1");
  });
});

describe("a call that arrives after it was sent again changes nothing", () => {
  /** Hold a call up, let the store send it again, and let the held one arrive then. */
  async function late(call: () => Promise<unknown>): Promise<unknown> {
    const arrive = proxy.holdNextCall();
    const answer = await call();
    arrive();
    // What is asked over the same Redis is answered after what arrived there.
    await store.due(0);
    return answer;
  }

  test("a commit", async () => {
    expect(await late(() => store.commit(turn("j1", 1)))).toMatchObject({ outcome: "committed" });
    await store.commit(turn("j1", 2));
    expect((await store.history("j1", 0, 9)).map(({ revision }) => revision)).toEqual([1, 2]);
  });

  test("a claim", async () => {
    await addTasks(store, "j1", ["a", "b"]);
    expect(await late(() => store.claimTasks(claimOf("echo", 1)))).toMatchObject({
      tasks: [{ child: "a" }],
    });
    expect(await store.countQueues()).toEqual({ echo: 1 });
  });

  test("a claim, after fifteen others of its holder", async () => {
    await addTasks(
      store,
      "j1",
      Array.from({ length: 17 }, (_, n) => `t${n}`),
    );
    const claims = async () => {
      for (let n = 0; n < 16; n++) await claimOne(store);
    };
    await late(claims);
    expect(await store.countQueues()).toEqual({ echo: 1 });
  });
});

describe("a Redis that is gone", () => {
  test("fails a call in time, and serves the next one when it is back, under another epoch", async () => {
    await store.close();
    store = await open({ patienceMs: 300 });
    await store.commit(turn("j1", 1));
    const before = store.epoch();
    await server.kill();
    await expect(store.commit(turn("j2", 1))).rejects.toMatchObject({
      code: "store.unavailable",
      retryable: true,
    });
    await expect(store.loadJob("j1")).rejects.toMatchObject({ code: "store.unavailable" });
    await server.start();
    const again = () => store.commit({ ...turn("j1", 2), epoch: before });
    const conflict = { outcome: "conflict", revision: 1 };
    expect(await eventually(() => again().catch(() => undefined))).toEqual(conflict);
    expect(store.epoch()).not.toBe(before);
    const turned = { ...turn("j1", 2), epoch: store.epoch() };
    expect(await store.commit(turned)).toMatchObject({ outcome: "committed" });
  });

  test("loses nothing that was acknowledged, and makes nothing twice, when it is killed under load", async () => {
    const jobs = Array.from({ length: 40 }, (_, index) => `j${index}`);
    const reached = new Map<string, number>();
    let isOver = false;
    const drive = async (jobId: string) => {
      for (let revision = 1; !isOver; revision++) {
        const { outcome } = await store.commit(turn(jobId, revision));
        expect(outcome).toBe("committed");
        reached.set(jobId, revision);
      }
    };
    const drives = jobs.map(drive);
    for (let kills = 0; kills < 3; kills++) {
      const before = [...reached.values()].reduce((sum, one) => sum + one, 0);
      await eventually(
        () => [...reached.values()].reduce((sum, one) => sum + one, 0) > before + 200,
      );
      await server.kill();
      await server.start();
    }
    isOver = true;
    await Promise.all(drives);
    for (const jobId of jobs) {
      const entries = await store.history(jobId, 0, 100_000);
      const expected = Array.from({ length: reached.get(jobId)! }, (_, index) => index + 1);
      expect(entries.map(({ revision }) => revision)).toEqual(expected);
    }
  });

  test("is waited for at the start, but not for ever", async () => {
    const port = await freePort();
    const late = openRedis(port, { clock: systemClock, startPatienceMs: 300, patienceMs: 100 });
    await expect(late).rejects.toMatchObject({
      code: "store.unavailable",
      message: expect.stringContaining("ECONNREFUSED") as string,
    });
    await server.kill();
    const told: unknown[] = [];
    const report: RedisOptions["report"] = (found, mended) =>
      told.push([found, mended].map((findings) => findings.map(({ code }) => code)));
    const opening = open({ report, patienceMs: 100 });
    await eventually(() => told.length > 0);
    await server.start();
    await expect(opening).resolves.toBeDefined();
    expect(told).toEqual([
      [["store.unavailable"], []],
      [[], ["store.unavailable"]],
    ]);
  });

  test("is noticed when it falls silent, and its calls are made elsewhere", async () => {
    await store.commit(turn("j1", 1));
    proxy.swallow(true);
    const committing = store.commit(turn("j1", 2));
    await expect(
      store.nodes.announce({}, 1000).catch((error: { code?: string }) => error.code),
    ).resolves.toBe("store.unavailable");
    proxy.swallow(false);
    await committing.catch(() => {});
    expect(await store.commit(turn("j1", 3))).toMatchObject({ outcome: "conflict" });
  });

  test("tells who listens that hints may have been lost", async () => {
    const heard: unknown[] = [];
    await store.nodes.listen((hint) => heard.push(hint));
    proxy.cut();
    await eventually(() => heard.length === 1);
    expect(heard).toEqual([undefined]);
    const other = await open({ nodeId: "other" });
    other.nodes.tellAll({ kind: "queued", shard: 0, queues: [] });
    await eventually(() => heard.length === 2);
  });
});

test("scripts are sent again to a server that has forgotten them", async () => {
  await store.commit(turn("j1", 1));
  const direct = await openRedis(server.port, { clock: systemClock, prefix: "flush" });
  opened.push(direct);
  const { createClient } = await import("redis");
  const client = createClient({ socket: { host: "127.0.0.1", port: server.port } });
  await client.connect();
  await client.scriptFlush();
  client.destroy();
  expect(await store.commit(turn("j1", 2))).toMatchObject({ outcome: "committed" });
});
