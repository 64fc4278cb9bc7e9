// A Redis whose memory runs short: what runs goes on for as long as it can, and what is refused at the end is not lost.
import { pino } from "pino";
import { createClient as createRedisClient } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createClient } from "../../src/client/client.ts";
import { systemClock } from "../../src/clock.ts";
import { startServer } from "../../src/server.ts";
import type { RedisStore } from "../../src/store/redis/redis-store.ts";
import { createWorker } from "../../worker/worker.ts";
import { eventually } from "../support/eventually.ts";
import { openRedis } from "../support/redis-backend.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { work } from "../support/work-world.ts";
import { claimOf, extend, newTask, offerTo, putBack, turn } from "../store/sample.ts";

let redis: RedisServer;
let admin: ReturnType<typeof newAdmin>;
let store: RedisStore;
let prefixes = 0;
const newAdmin = () => createRedisClient({ socket: { host: "127.0.0.1", port: redis.port } });
const patience = { timeoutMs: 20_000, intervalMs: 50 };

beforeAll(async () => {
  redis = await startRedisServer();
  admin = newAdmin();
  await admin.connect();
});
beforeEach(async () => {
  store = await openRedis(redis.port, { clock: systemClock, prefix: `memory${prefixes++}` });
});
afterEach(async () => {
  await admin.configSet("maxmemory", "0");
  await store.close();
});
afterAll(async () => {
  admin.destroy();
  await redis.close();
});

const outcomeOf = (call: Promise<unknown>) =>
  call.then(
    () => "done",
    (error: { code?: string }) => error.code,
  );
async function usedBytes(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await admin.info("memory"))![1]);
}
const runningJobs = Array.from({ length: 50 }, (_, n) => `j${n}`);
/** Of each job the tasks a and b are leased, and c waits. */
async function startJobs(): Promise<void> {
  for (const jobId of runningJobs) {
    const names = ["a", "b", "c"] as const;
    const ops = names.map((name, n) => ({
      op: "add_task" as const,
      task: newTask(jobId, name, { queue: `q${n}` }),
      ...(name !== "c" && { offer: offerTo("h1") }),
    }));
    await store.commit(turn(jobId, 1, { ops }));
  }
}
const ended = (jobId: string, name: string, revision = 2) =>
  turn(jobId, revision, { ops: [{ op: "finish_task", taskId: `${jobId}:${name}`, attempt: 1 }] });

describe("from nine tenths of its memory on", () => {
  test("no job is started, and jobs that run go on to their ends", async () => {
    await startJobs();
    // Full to the tenth that is kept for what runs.
    await admin.configSet("maxmemory", String(Math.ceil((await usedBytes()) / 0.91)));
    await eventually(
      async () => (await outcomeOf(store.commit(turn(`new${Math.random()}`, 1)))) === "store.full",
      patience,
    );
    for (const jobId of runningJobs) {
      expect(await extend(store, `${jobId}:a`, 1, "h1")).toBe("kept");
      expect(await putBack(store, `${jobId}:b`, 1)).toBe("requeued");
      expect(await store.commit(ended(jobId, "a"))).toMatchObject({ outcome: "committed" });
      const last = turn(jobId, 3, {
        status: "finished",
        ops: [
          { op: "remove_task", taskId: `${jobId}:b` },
          { op: "remove_task", taskId: `${jobId}:c` },
        ],
      });
      expect(await store.commit(last)).toMatchObject({ outcome: "committed" });
    }
    expect((await store.countJobs()).finished).toBe(runningJobs.length);
  });
});

describe("where it is full", () => {
  test("leases go on, tasks are put back, and what is refused is whole and is done later", async () => {
    await startJobs();
    await admin.configSet("maxmemory", "1mb");
    const before = await store.exportJob("j0");
    expect(await outcomeOf(store.commit(ended("j0", "a")))).toBe("store.full");
    expect(await outcomeOf(store.claimTasks(claimOf("q2", 1)))).toBe("store.full");
    expect(await store.exportJob("j0")).toEqual(before);
    expect(await extend(store, "j0:a", 1, "h1")).toBe("kept");
    expect(await putBack(store, "j1:a", 1)).toBe("requeued");
    await admin.configSet("maxmemory", "0");
    expect(await store.commit(ended("j0", "a"))).toMatchObject({ outcome: "committed" });
    const { tasks } = await store.claimTasks(claimOf("q2", 1));
    expect(tasks).toHaveLength(1);
  });

  test(
    "a worker keeps its result, and the job goes on when there is memory again",
    { timeout: 120_000 },
    async () => {
      const log = pino({ level: "silent" });
      const [clientToken, workerToken] = ["client-token-of-tests", "worker-token-of-tests"];
      const server = await startServer({
        dataDirectory: "./unused",
        redis: {
          deployment: { kind: "single", server: { host: "127.0.0.1", port: redis.port } },
          access: {},
          prefix: `memory${prefixes++}`,
          replicas: 0,
        },
        blueprints: [work("plain")],
        clientToken,
        workerToken,
        log,
      });
      const worker = createWorker({ url: server.url, token: workerToken, id: "w", log });
      let begun = 0;
      let letGo = () => {};
      const gate = new Promise<void>((resolve) => (letGo = resolve));
      worker.task("work", async () => {
        begun += 1;
        await gate;
        return "kept";
      });
      await worker.start();
      const client = createClient({ url: server.url, token: clientToken });
      const { job_id: jobId } = await client.start("plain", {});
      await eventually(() => begun === 1, patience);
      await admin.configSet("maxmemory", "1mb");
      const refused = async () => {
        const stats = await admin.info("errorstats");
        return Number(/errorstat_OOM:count=(\d+)/.exec(stats)?.[1] ?? 0);
      };
      const refusedBefore = await refused();
      letGo();
      await eventually(async () => (await refused()) > refusedBefore, patience);
      expect((await client.get(jobId)).status).not.toBe("finished");
      await admin.configSet("maxmemory", "0");
      // A worker says its result again within half a minute.
      const longer = { ...patience, timeoutMs: 60_000 };
      await eventually(async () => (await client.get(jobId)).status === "finished", longer);
      expect(begun).toBe(1);
      await worker.stop({ graceMs: 1000 });
      await server.close(200);
    },
  );
});
