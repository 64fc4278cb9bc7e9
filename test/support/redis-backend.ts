// Stores in a real Redis, on the time of a fake clock: what it says stands in the data, where scripts look first.
import { createClient } from "redis";
import type { Clock } from "../../src/clock.ts";
import { Keys } from "../../src/store/redis/keys.ts";
import { openRedisStore, type RedisOptions } from "../../src/store/redis/open-redis-store.ts";
import type { RedisStore } from "../../src/store/redis/redis-store.ts";
import type { Store } from "../../src/store/store.ts";
import { FakeClock } from "./fake-clock.ts";
import { startRedisServer, type RedisServer } from "./redis-server.ts";

export interface RedisBackend {
  readonly server: RedisServer;
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

/** @param settings of redis-server */
export async function startRedisBackend(settings: readonly string[] = []): Promise<RedisBackend> {
  const server = await startRedisServer(settings);
  let client = await connected(server.port);
  const joined: Store[] = [];
  let prefixes = 0;

  return {
    server,
    async open(clock, options = {}) {
      const prefix = `test${prefixes++}`;
      await follow(clock, prefix, options.shards);
      let store = await openRedis(server.port, { clock, prefix, ...options });
      return {
        store,
        async join(nodeId) {
          const other = await openRedis(server.port, { clock, prefix, nodeId });
          joined.push(other);
          return other;
        },
        async reopen(next) {
          await store.close();
          client.destroy();
          await server.kill();
          await server.start();
          client = await connected(server.port);
          await follow(next, prefix, options.shards);
          return (store = await openRedis(server.port, { clock: next, prefix, ...options }));
        },
      };
    },
    async close() {
      await Promise.all(joined.map((store) => store.close()));
      client.destroy();
      await server.close();
    },
  };

  async function follow(clock: Clock, prefix: string, shards = 1): Promise<void> {
    if (!(clock instanceof FakeClock)) throw new Error("The clock must be a fake one.");
    const keys = new Keys(prefix);
    const metas = Array.from({ length: shards }, (_, shard) => keys.shard(shard).all[0]!);
    clock.moved = async () => {
      const now = String(clock.steady());
      await Promise.all([...metas, keys.system[0]].map((meta) => client.hSet(meta, "clock", now)));
    };
    await clock.moved();
  }
}

/** Open the store of a Redis at a port of loopback. */
export function openRedis(
  port: number,
  options: Pick<RedisOptions, "clock"> & Partial<RedisOptions>,
): Promise<RedisStore> {
  return openRedisStore({
    deployment: { kind: "single", server: { host: "127.0.0.1", port } },
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
