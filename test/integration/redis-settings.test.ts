// A real server over a real Redis whose settings change under it, and which goes away: what clients and probes are told.
import { Writable } from "node:stream";
import { createClient } from "redis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createLogger } from "../../src/logger.ts";
import { eventually } from "../support/eventually.ts";
import { startLiveServer, type LiveServer } from "../support/live-server.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";

interface LogLine {
  readonly level: string;
  readonly code?: string;
  readonly msg: string;
}

let redis: RedisServer;
let admin: ReturnType<typeof newAdmin>;
let live: LiveServer;
let lines: LogLine[] = [];

const newAdmin = () => {
  const client = createClient({ socket: { host: "127.0.0.1", port: redis.port } });
  client.on("error", () => {});
  return client;
};
const log = createLogger({
  level: "info",
  format: "json",
  destination: new Writable({
    write(line, _encoding, done) {
      lines.push(JSON.parse(String(line)) as LogLine);
      done();
    },
  }),
});
const patience = { timeoutMs: 20_000, intervalMs: 50 };

beforeAll(async () => {
  redis = await startRedisServer();
  admin = newAdmin();
  await admin.connect();
  const server = { host: "127.0.0.1", port: redis.port };
  live = await startLiveServer({
    redis: {
      deployment: { kind: "single", server },
      access: {},
      prefix: "settings",
      durability: "durable",
      replicas: 1,
    },
    log,
  });
});
beforeEach(() => {
  lines = [];
});
afterAll(async () => {
  await live.close();
  admin.destroy();
  await redis.close();
});

interface Ready {
  readonly store: {
    readonly servers: readonly {
      readonly eviction_policy: string;
      readonly min_replicas_to_write: number | null;
      readonly problems: readonly { readonly code: string }[];
    }[];
  };
}
const ready = () => live.call("GET", "/readyz");
const problems = async () => {
  const { store } = (await ready()).body as Ready;
  return store.servers.flatMap((one) => one.problems.map(({ code }) => code));
};
const start = () => live.call("POST", "/api/v1/jobs/test", { initial_data: {} });

test.each([
  ["maxmemory-policy", "allkeys-lru", "noeviction", "store.evicting"],
  ["appendfsync", "everysec", "always", "store.durability_unmet"],
  ["appendonly", "no", "yes", "store.durability_unmet"],
])(
  "starts are refused while %s is %s, which is logged once and shown, and goes on by itself",
  async (name, bad, good, code) => {
    expect(await problems()).toEqual([]);
    expect((await start()).status).toBe(202);
    await admin.configSet(name, bad);
    await eventually(async () => (await problems()).includes(code), patience);
    const { status, body, headers } = await start();
    expect([status, body]).toMatchObject([503, { code }]);
    expect(headers.get("retry-after")).toBe("10");
    // The server works for what runs, so a load balancer leaves its workers and clients to it.
    expect((await ready()).status).toBe(200);
    await admin.configSet(name, good);
    await eventually(async () => (await problems()).length === 0, patience);
    expect((await start()).status).toBe(202);
    const told = lines.filter((line) => line.code === code);
    expect(told.map(({ level, msg }) => [level, msg])).toEqual([
      ["error", "Redis is not as it should be"],
      ["info", "Redis is as it should be again"],
    ]);
  },
);

test.each([["-evalsha"], ["-info"]])(
  "readiness says 503 and why while the user may do all but %s, and goes on by itself",
  async (rule) => {
    await admin.aclSetUser("default", rule);
    await eventually(async () => (await ready()).status === 503, patience);
    const message = expect.stringContaining(rule.slice(1));
    expect((await ready()).body).toMatchObject({ code: "server.not_ready", error: message });
    const { status, body, headers } = await start();
    expect([status, body]).toMatchObject([503, { code: "store.access_denied" }]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    await admin.aclSetUser("default", `+${rule.slice(1)}`);
    await eventually(async () => (await ready()).status === 200, patience);
    expect((await start()).status).toBe(202);
    expect(lines.filter(({ code }) => code === "store.access_denied")).toMatchObject([
      { level: "error" },
      { level: "info" },
    ]);
  },
);

test("readiness tells what Redis is set to, and says 503 and why while it is away", async () => {
  expect((await ready()).body).toMatchObject({
    store: { servers: [{ eviction_policy: "noeviction", min_replicas_to_write: 0 }] },
  });
  await redis.kill();
  await eventually(async () => (await ready()).status === 503, patience);
  const { body, headers } = await ready();
  expect(body).toMatchObject({ code: "server.not_ready" });
  expect(JSON.stringify(body)).toMatch(/Redis cannot be reached/);
  expect(JSON.stringify(body)).not.toContain(String(redis.port));
  expect(headers.get("retry-after")).toBe("1");
  await redis.start();
  await eventually(async () => (await ready()).status === 200, patience);
  expect(((await ready()).body as Ready).store.servers).toHaveLength(1);
});
