// Stores in a real Redis, on the time of a fake clock: what it says stands in the data, where scripts look first.
import { createClient } from "redis";
import type { Clock } from "../../src/clock.ts";
import type { Durability } from "../../src/store/redis/durability.ts";
import { Keys } from "../../src/store/redis/keys.ts";
import { openRedisStore, type RedisOptions } from "../../src/store/redis/open-redis-store.ts";
import type { RedisStore } from "../../src/store/redis/redis-store.ts";
import type { Deployment } from "../../src/store/redis/servers.ts";
import type { Store } from "../../src/store/store.ts";
import { FakeClock } from "./fake-clock.ts";
import type { RedisCluster } from "./redis-cluster.ts";
import { startRedisInJs } from "./redis-in-js.ts";
import { hasRedisServer, startRedisServer } from "./redis-server.ts";

export interface RedisBackend extends StoreBackend {
  readonly port: number;
}

export interface StoreBackend {
  /** Open an empty store. Its time is that of the clock. */
  open(clock: Clock, options?: Partial<RedisOptions>): Promise<OpenedRedis>;
  close(): Promise<void>;
}

export interface OpenedRedis {
  readonly store: RedisStore;
  /** Open it as another node, which is closed together with the backend, or before. */
  join(nodeId: string): Promise<Store>;
  /** Close it, kill Redis, start it again, and open what it has kept. */
  reopen(clock: Clock): Promise<RedisStore>;
}

/** A Redis of the test's own: one in this process where there is no redis-server, which then goes on living. */
export async function startRedisBackend(): Promise<RedisBackend> {
  if (!hasRedisServer) return startBackendInJs();
  const server = await startRedisServer();
  let client = await connected(server.port);
  const backend = backendOver({
    deployment: { kind: "single", server: { host: "127.0.0.1", port: server.port } },
    shards: 1,
    setClock: async (meta, now) => void (await client.hSet(meta, "clock", now)),
    async restart() {
      client.destroy();
      await server.kill();
      await server.start();
      client = await connected(server.port);
    },
    async close() {
      client.destroy();
      await server.close();
    },
  });
  return { port: server.port, ...backend };
}

async function startBackendInJs(): Promise<RedisBackend> {
  const redis = await startRedisInJs();
  const client = await connected(redis.port);
  const backend = backendOver({
    deployment: { kind: "single", server: { host: "127.0.0.1", port: redis.port } },
    shards: 1,
    durability: "relaxed",
    setClock: async (meta, now) => void (await client.hSet(meta, "clock", now)),
    restart: () => Promise.resolve(),
    async close() {
      client.destroy();
      await redis.close();
    },
  });
  return { port: redis.port, ...backend };
}

/** The same over a cluster, all servers of which are killed wherever the store is opened again. */
export function clusterBackend(cluster: RedisCluster): StoreBackend {
  return backendOver({
    deployment: { kind: "cluster", seeds: cluster.seeds.slice(0, 2) },
    shards: 4,
    async setClock(meta, now) {
      const { primary } = await cluster.serving(meta);
      await cluster.ask(primary, "HSET", meta, "clock", now);
    },
    async restart() {
      await Promise.all(cluster.servers.map((server) => server.kill()));
      await Promise.all(cluster.servers.map((server) => server.start()));
      await cluster.healthy();
    },
    close: () => cluster.close(),
  });
}

interface Place {
  readonly deployment: Deployment;
  /** How many shards a store has where the test does not say. */
  readonly shards: number;
  /** What it can promise; that it is durable where absent. */
  readonly durability?: Durability;
  readonly setClock: (meta: string, now: string) => Promise<void>;
  readonly restart: () => Promise<void>;
  readonly close: () => Promise<void>;
}

function backendOver(place: Place): StoreBackend {
  const { deployment, durability = "durable" } = place;
  const joined: Store[] = [];
  let prefixes = 0;

  return {
    async open(clock, options = {}) {
      const prefix = `test${prefixes++}`;
      const { shards = place.shards } = options;
      const settings = { deployment, durability, prefix, ...options, shards };
      await follow(clock, prefix, shards);
      let store = await openRedisAt({ clock, ...settings });
      return {
        store,
        async join(nodeId) {
          const other = await openRedisAt({ clock, deployment, durability, prefix, nodeId });
          joined.push(other);
          return other;
        },
        async reopen(next) {
          await store.close();
          await place.restart();
          await follow(next, prefix, shards);
          return (store = await openRedisAt({ clock: next, ...settings }));
        },
      };
    },
    async close() {
      await Promise.all(joined.map((store) => store.close()));
      await place.close();
    },
  };

  async function follow(clock: Clock, prefix: string, shards: number): Promise<void> {
    if (!(clock instanceof FakeClock)) throw new Error("The clock must be a fake one.");
    const keys = new Keys(prefix);
    const metas = Array.from({ length: shards }, (_, shard) => keys.shard(shard).all[0]!);
    clock.moved = async () => {
      const now = String(clock.steady());
      await Promise.all([...metas, keys.system[0]].map((meta) => place.setClock(meta, now)));
    };
    await clock.moved();
  }
}

/** Open the store of a Redis at a port of loopback. */
export function openRedis(
  port: number,
  options: Pick<RedisOptions, "clock"> & Partial<RedisOptions>,
): Promise<RedisStore> {
  const server = { host: "127.0.0.1", port };
  return openRedisAt({ deployment: { kind: "single", server }, ...options });
}

/** Open the store of a Redis of the tests, wherever it is. */
export function openRedisAt(
  options: Pick<RedisOptions, "clock" | "deployment"> & Partial<RedisOptions>,
): Promise<RedisStore> {
  return openRedisStore({
    access: {},
    prefix: "avtomatika",
    replicas: 1,
    nodeId: "node",
    ...options,
  });
}

async function connected(port: number) {
  const client = createClient({ socket: { host: "127.0.0.1", port } });
  client.on("error", () => {});
  return client.connect();
}
