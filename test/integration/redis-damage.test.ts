// A key that comes to hold something else under a running store, and rows that are gone: refused, and nothing is half done.
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Op } from "../../src/store/commit.ts";
import type { JobDump } from "../../src/store/dump.ts";
import type { RedisStore } from "../../src/store/redis/redis-store.ts";
import { openRedis } from "../support/redis-backend.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { addTasks, claimOf, extend, newTask, offerTo, putBack, turn } from "../store/sample.ts";

let server: RedisServer;
let admin: Awaited<ReturnType<typeof connected>>;
let store: RedisStore;
let given: JobDump;
let prefixes = 0;
let prefix = "";

async function connected(port: number) {
  const client = createClient({ socket: { host: "127.0.0.1", port } });
  client.on("error", () => {});
  return client.connect();
}
const keyOf = (name: string) => `{${prefix}.0}:${name}`;

beforeAll(async () => {
  server = await startRedisServer(["--appendfsync", "no"]);
  admin = await connected(server.port);
});
beforeEach(async () => {
  prefix = `types${prefixes++}`;
  store = await openRedis(server.port, { clock: systemClock, prefix, durability: "relaxed" });
  const message = { id: "j1:1.0", jobId: "j1", body: 1 };
  await store.commit(
    turn("j1", 1, {
      ops: [
        { op: "add_task", task: newTask("j1", "leased"), offer: offerTo("h1") },
        { op: "add_task", task: newTask("j1", "queued") },
        { op: "add_message", message, due: 5 },
        { op: "set_timer", timerId: "t", due: store.now() + 60_000 },
      ],
    }),
  );
  await addTasks(store, "j2", ["late"], { queue: "late" });
  await store.claimTasks(claimOf("late", 1));
  await putBack(store, "j2:late", 1, true, 1);
  await store.commit(turn("j3", 1, { status: "finished", ops: [{ op: "keep_until", due: 5 }] }));
  await store.nodes.follow("j1");
  given = (await store.exportJob("j1"))!;
});
afterEach(() => store.close());
afterAll(async () => {
  admin.destroy();
  await server.close();
});

/** Everything that the shard holds, but for its time and for what holders claimed. */
async function held(): Promise<unknown> {
  const names = (await admin.keys(`{${prefix}.0}:*`)).filter((name) => !name.endsWith(":meta"));
  const rows = names.toSorted().map(async (name) => [name, await admin.dump(name)]);
  return Promise.all(rows);
}

const ending: readonly Op[] = [
  { op: "finish_task", taskId: "j1:leased", attempt: 1 },
  { op: "remove_task", taskId: "j1:queued" },
  { op: "add_task", task: newTask("j1", "next") },
  { op: "set_timer", timerId: "t2", due: 7 },
  { op: "add_message", message: { id: "j1:2.0", jobId: "j1", body: 2 }, due: 7 },
];
const calls: Readonly<Record<string, () => Promise<unknown>>> = {
  "a start": () =>
    store.commit(turn("j9", 1, { ops: [{ op: "add_task", task: newTask("j9", "a") }] })),
  "a commit": () => store.commit(turn("j1", 2, { status: "failed", ops: ending })),
  "a claim": () => store.claimTasks(claimOf("echo", 1)),
  "an extension": () => extend(store, "j1:leased", 1, "h1"),
  "putting a task back": () => putBack(store, "j1:leased", 1),
  "what is due": () => store.due(9),
  "claiming a message": () => store.claimMessage("j1:1.0", 5, 6),
  "delaying a message": () => store.delayMessage("j1:1.0", 6),
  "removing messages": () => store.removeMessages(["j1:1.0"]),
  "removing a job": () => store.removeJob("j3"),
  "taking in a job": () =>
    store.importJob(JSON.parse(JSON.stringify(given).replaceAll('"j1', '"j8')) as JobDump),
};

describe("a key that comes to hold something else while servers run", () => {
  test.each(["meta", "list", "task", "open", "queue", "due", "message", "follow"])(
    "(%s) is refused, and nothing is half written",
    async (name) => {
      const aside = `aside${prefix}`;
      await admin.rename(keyOf(name), aside);
      await admin.set(keyOf(name), "something else");
      const before = await held();
      for (const [what, call] of Object.entries(calls)) {
        const outcome = await call().then(
          () => "done",
          (error: { code?: string; message: string }) => [error.code, error.message.includes(name)],
        );
        expect([what, outcome]).toEqual([what, ["store.corrupt", true]]);
        expect([what, await held()]).toEqual([what, before]);
      }
      // All goes on once the key is what it was.
      await admin.del(keyOf(name));
      await admin.rename(aside, keyOf(name));
      expect(await calls["a commit"]!()).toMatchObject({ outcome: "committed" });
    },
  );
});

describe("a row that is gone though an index names it", () => {
  const outcomeOf = (call: () => Promise<unknown>) =>
    call().then(
      () => "done",
      (error: { code?: string }) => error.code,
    );

  test("is damage to whoever reads it, and to nobody else", async () => {
    const listing = () => store.listTasks("j1");
    const exporting = () => store.exportJob("j1");
    expect(await admin.hDel(keyOf("task"), "j1:queued")).toBe(1);
    for (const call of [listing, exporting, () => store.queuedSince()])
      expect(await outcomeOf(call)).toBe("store.corrupt");
    expect(await store.listTasks("j2")).toHaveLength(1);
    expect(await store.commit(turn("j4", 1))).toMatchObject({ outcome: "committed" });
  });

  test("costs a claim nothing that it has taken before it", async () => {
    await addTasks(store, "j5", ["behind"]);
    await admin.hDel(keyOf("task"), "j5:behind");
    const { tasks } = await store.claimTasks(claimOf("echo", 5));
    expect(tasks.map(({ taskId }) => taskId)).toEqual(["j1:queued"]);
    const before = await held();
    expect(await outcomeOf(() => store.claimTasks(claimOf("echo", 5)))).toBe("store.corrupt");
    expect(await held()).toEqual(before);
  });

  test("stops no task of another priority, where claims count how long tasks have waited", async () => {
    await addTasks(store, "j5", ["lower"], { priority: 2 });
    await admin.hDel(keyOf("task"), "j5:lower");
    const { tasks } = await store.claimTasks({ ...claimOf("echo", 5), ageMs: 1000 });
    expect(tasks.map(({ taskId }) => taskId)).toEqual(["j1:queued"]);
  });

  test("is told, and not overtaken, where its priority is the highest", async () => {
    await addTasks(store, "j5", ["higher"], { priority: 9 });
    await admin.hDel(keyOf("task"), "j5:higher");
    const claim = { ...claimOf("echo", 5), ageMs: 1000 };
    expect(await outcomeOf(() => store.claimTasks(claim))).toBe("store.corrupt");
  });

  test.each(["j2:late", "j1:leased"])("(%s) is said before anything due is moved", async (id) => {
    await addTasks(store, "j6", ["ready"], { queue: "late" });
    await store.claimTasks(claimOf("late", 1));
    await putBack(store, "j6:ready", 1, true, 1);
    await admin.zAdd(keyOf("due"), { score: 9, value: "lj1:leased" });
    await admin.hDel(keyOf("task"), id);
    const before = await held();
    expect(await outcomeOf(() => store.due(99))).toBe("store.corrupt");
    expect(await held()).toEqual(before);
  });

  test("is said of messages, too", async () => {
    await admin.hDel(keyOf("message"), "j1:1.0");
    expect(await outcomeOf(() => store.due(99))).toBe("store.corrupt");
  });
});
