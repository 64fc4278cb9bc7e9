// What a store refuses of a real Redis, by which code, and what goes on where it has no memory left.
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { examineRedis } from "../../src/store/redis/examine.ts";
import type { RedisOptions } from "../../src/store/redis/open-redis-store.ts";
import type { RedisStore } from "../../src/store/redis/redis-store.ts";
import { eventually } from "../support/eventually.ts";
import { openRedis } from "../support/redis-backend.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { turn } from "../store/sample.ts";

let server: RedisServer;
let admin: Awaited<ReturnType<typeof connected>>;
let prefix = "";
let prefixes = 0;
const opened: RedisStore[] = [];

async function connected(port: number) {
  const client = createClient({ socket: { host: "127.0.0.1", port } });
  client.on("error", () => {});
  return client.connect();
}

async function open(options: Partial<RedisOptions> = {}): Promise<RedisStore> {
  const store = await openRedis(server.port, { clock: systemClock, prefix, ...options });
  opened.push(store);
  return store;
}

const refusal = (options: Partial<RedisOptions> = {}) =>
  open({ startPatienceMs: 10_000, ...options }).then(
    () => "none",
    (error: { code?: string }) => error.code,
  );

const doctorFinds = async (settings: Partial<RedisOptions>) => {
  const deployment = { kind: "single", server: { host: "127.0.0.1", port: server.port } } as const;
  const examined = { deployment, access: {}, prefix, replicas: 1, ...settings };
  return (await examineRedis(examined)).findings.map(({ code }) => code);
};

beforeAll(async () => {
  server = await startRedisServer();
  admin = await connected(server.port);
  await admin.aclSetUser("scriptless", ["on", ">secret", "~*", "&*", "+@all", "-@scripting"]);
});
beforeEach(() => {
  prefix = `refusals${prefixes++}`;
});
afterEach(async () => {
  await admin.configSet({
    maxmemory: "0",
    "maxmemory-policy": "noeviction",
    appendfsync: "always",
  });
  await Promise.all(opened.splice(0).map((store) => store.close()));
});
afterAll(async () => {
  admin.destroy();
  await server.close();
});

describe("a Redis is refused at the start", () => {
  test("that deletes jobs when memory is short", async () => {
    await admin.configSet("maxmemory-policy", "allkeys-lru");
    expect(await refusal({ durability: "relaxed" })).toBe("store.evicting");
  });

  test("that is less durable than asked for, unless that is what was asked for", async () => {
    await admin.configSet("appendfsync", "everysec");
    expect(await refusal()).toBe("store.durability_unmet");
    expect(await refusal({ durability: "replicated" })).toBe("store.durability_unmet");
    expect(await refusal({ durability: "relaxed" })).toBe("none");
  });

  test("that does not know the password, or forbids scripts", async () => {
    const stranger = { username: "scriptless", password: "wrong" };
    expect(await refusal({ access: stranger })).toBe("store.access_denied");
    const scriptless = { username: "scriptless", password: "secret" };
    expect(await refusal({ access: scriptless })).toBe("store.access_denied");
  });

  test("that does not say what it is set to", async () => {
    const rules = ["on", ">secret", "~*", "&*", "+@all", "-info"];
    await admin.aclSetUser("uninformed", rules);
    const access = { username: "uninformed", password: "secret" };
    expect(await refusal({ access })).toBe("store.access_denied");
    expect(await doctorFinds({ access })).toEqual(["store.access_denied"]);
  });

  test("that has no database of the number", async () => {
    expect(await refusal({ access: { database: 99 } })).toBe("config.invalid");
  });

  test("that is no cluster where one is named", async () => {
    const seeds = [{ host: "127.0.0.1", port: server.port }];
    const deployment = { kind: "cluster", seeds } as const;
    expect(await refusal({ deployment })).toBe("config.invalid");
    expect(await doctorFinds({ deployment })).toEqual(["config.invalid"]);
  });

  test("that is a replica", async () => {
    const replica = await startRedisServer(["--replicaof", `127.0.0.1 ${server.port}`]);
    try {
      const deployment = {
        kind: "single",
        server: { host: "127.0.0.1", port: replica.port },
      } as const;
      const short = { deployment, startPatienceMs: 300, patienceMs: 300 };
      await eventually(async () => (await refusal(short)) === "store.unavailable");
      const found = await examineRedis({ deployment, access: {}, prefix, replicas: 1 });
      expect(found.findings.map(({ message }) => message).join()).toContain("is a replica");
    } finally {
      await replica.close();
    }
  });

  test("whose store is of a newer format, which is left as it is", async () => {
    await admin.hSet(`{${prefix}}:meta`, { format: "9", shards: "1" });
    expect(await refusal()).toBe("store.format_newer");
    expect(await admin.hGetAll(`{${prefix}}:meta`)).toEqual({ format: "9", shards: "1" });
  });

  test.each(["meta", "list", "task", "open", "queue", "due", "message", "follow"])(
    "whose key %s holds something else",
    async (name) => {
      await admin.set(`{${prefix}.0}:${name}`, "something else");
      expect(await refusal()).toBe("store.corrupt");
    },
  );
});

describe("doctor tells of a key that holds something else", () => {
  const found = async () => {
    const deployment = {
      kind: "single",
      server: { host: "127.0.0.1", port: server.port },
    } as const;
    const { findings } = await examineRedis({ deployment, access: {}, prefix, replicas: 0 });
    return findings.map(({ code, message }) => ({
      code,
      key: /WRONGTYPE (\S+)/.exec(message)?.[1],
    }));
  };

  test("in any shard, and for each shard", async () => {
    await (await open({ shards: 3 })).close();
    expect(await found()).toEqual([]);
    const wrong = [`{${prefix}.0}:due`, `{${prefix}.2}:list`];
    for (const key of wrong) await admin.set(key, "something else");
    expect(await found()).toEqual(wrong.map((key) => ({ code: "store.corrupt", key })));
  });

  test.each(["nodes", "paused", "shapes"])("of the system: %s", async (name) => {
    const key = `{${prefix}}:${name}`;
    await admin.lPush(key, "something else");
    expect(await found()).toEqual([{ code: "store.corrupt", key }]);
  });

  test("without writing anything", async () => {
    await found();
    expect(await admin.keys(`{${prefix}*`)).toEqual([]);
  });
});

describe("where Redis has no memory left", () => {
  test("starts are refused, and told when to come back", async () => {
    const store = await open();
    await admin.configSet("maxmemory", "100kb");
    await eventually(() =>
      store.commit(turn("j1", 1)).then(
        () => false,
        (error: { details?: object }) => "retryAfterSeconds" in (error.details ?? {}),
      ),
    );
  });

  test("ended jobs leave, and nodes start: that is what makes room", async () => {
    const store = await open();
    await store.commit(turn("j1", 1, { status: "finished", ops: [{ op: "keep_until", due: 1 }] }));
    await admin.configSet("maxmemory", "100kb");
    const { outlived } = await store.due(10);
    expect(outlived).toEqual(["j1"]);
    expect(await store.claimOutlived(outlived, 1000)).toEqual(["j1"]);
    await store.removeJob("j1");
    expect(await store.loadJob("j1")).toBeUndefined();
    expect(await refusal()).toBe("none");
  });
});
