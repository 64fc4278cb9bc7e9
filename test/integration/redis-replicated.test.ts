// With `replicated`, nothing is acknowledged of which there is no copy, whatever became of the first try of a call.
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { examineRedis } from "../../src/store/redis/examine.ts";
import type { RedisStore } from "../../src/store/redis/redis-store.ts";
import { eventually } from "../support/eventually.ts";
import { openRedis } from "../support/redis-backend.ts";
import { startRedisProxy, type RedisProxy } from "../support/redis-proxy.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { turn } from "../store/sample.ts";

let primary: RedisServer;
let replica: RedisServer;
let proxy: RedisProxy;
let store: RedisStore;
let admin: ReturnType<typeof newAdmin>;
let prefixes = 0;
let prefix = "";

const newAdmin = () => createClient({ socket: { host: "127.0.0.1", port: primary.port } });

beforeAll(async () => {
  primary = await startRedisServer();
  replica = await startRedisServer(["--replicaof", `127.0.0.1 ${primary.port}`]);
  proxy = await startRedisProxy(primary.port);
  admin = newAdmin();
  await admin.connect();
});
beforeEach(async () => {
  prefix = `copies${prefixes++}`;
  const options = { clock: systemClock, durability: "replicated", patienceMs: 1500 } as const;
  // Until the replica is in step, the store is refused.
  store = await eventually(
    () => openRedis(proxy.port, { ...options, prefix }).catch(() => undefined),
    { timeoutMs: 20_000 },
  );
});
afterEach(async () => {
  replica.process.kill("SIGCONT");
  await store.close();
});
afterAll(async () => {
  admin.destroy();
  await proxy.close();
  await Promise.all([replica.close(), primary.close()]);
});

const outcomeOf = (call: Promise<unknown>) =>
  call.then(
    () => "acknowledged",
    (error: { code?: string }) => error.code,
  );

const calls: Readonly<Record<string, () => Promise<unknown>>> = {
  "an idempotency key": () => store.claimKey("k", "j1", 1000),
  "a version's shape": () => store.shapes.swap("order@1", undefined, "shape"),
  "a job that is taken in": async () => {
    const text = JSON.stringify(await store.exportJob("j1"));
    return store.importJob(JSON.parse(text.replaceAll('"j1"', '"j2"')) as never);
  },
};

/** The replica says that it has everything, and then says nothing more. */
async function stopReplica(): Promise<void> {
  await eventually(async () => {
    const info = await admin.info("replication");
    const [, written] = /master_repl_offset:(\d+)/.exec(info) ?? [];
    return info.includes(`offset=${written},lag=`);
  });
  replica.process.kill("SIGSTOP");
}

describe("without a copy, nothing is acknowledged", () => {
  beforeEach(async () => {
    await store.commit(turn("j1", 1));
  });

  test("of a script that the server has forgotten and is told again", async () => {
    await stopReplica();
    await admin.scriptFlush();
    expect(await outcomeOf(store.commit(turn("j1", 2)))).toBe("store.unavailable");
    replica.process.kill("SIGCONT");
    expect(await outcomeOf(store.commit(turn("j1", 3)))).toBe("acknowledged");
  });

  test("of an idempotency key that an earlier call has claimed without one", async () => {
    await stopReplica();
    expect(await outcomeOf(store.claimKey("k", "j1", 1000))).toBe("store.unavailable");
    const claim = async (): Promise<unknown> => {
      const options = { clock: systemClock, durability: "replicated", patienceMs: 1500 } as const;
      const other = await openRedis(primary.port, { ...options, prefix });
      try {
        return await other.claimKey("k", "j2", 1000);
      } finally {
        await other.close();
      }
    };
    expect(await outcomeOf(claim())).toBe("store.unavailable");
  });

  test.each(Object.keys(calls))(
    "of %s that is sent again over another connection",
    async (name) => {
      await stopReplica();
      proxy.loseNextAnswer();
      expect(await outcomeOf(calls[name]!())).toBe("store.unavailable");
    },
  );
});

test("a primary without an append-only file is warned of: its replicas would follow it into nothing", async () => {
  const server = { host: "127.0.0.1", port: primary.port };
  const examine = async () => {
    const settings = { deployment: { kind: "single", server }, access: {}, prefix } as const;
    const found = await examineRedis({ ...settings, durability: "replicated", replicas: 1 });
    return found.findings.map(({ severity, code }) => [severity, code]);
  };
  expect(await examine()).toEqual([]);
  await admin.configSet("appendonly", "no");
  expect(await examine()).toEqual([["warning", "store.durability_unmet"]]);
  await admin.configSet("appendonly", "yes");
});
