// The processes of the chaos tests: a Redis that writes before it answers, nodes behind proxies of their own, and workers.
import type { RedisSettings } from "../../../src/store/redis/open-redis-store.ts";
import { startRedisServer, type RedisServer } from "../redis-server.ts";
import { chaosStore, openParty, type Party, type PartyNode, type PartySize } from "./party.ts";
import { startWeatherProxy, type WeatherProxy } from "./weather.ts";

export interface ChaosWorld extends Party {
  readonly redis: RedisServer;
  readonly nodes: readonly (PartyNode & { readonly proxy: WeatherProxy })[];
}

export async function openChaosWorld({ nodes, workers }: PartySize): Promise<ChaosWorld> {
  const redis = await startRedisServer();
  const proxies = await Promise.all(
    Array.from({ length: nodes }, () => startWeatherProxy(redis.port)),
  );
  const party = await openParty({
    nodes,
    workers,
    redis: (index) => chaosRedis(proxies[index]!.port),
  });
  return {
    ...party,
    redis,
    nodes: party.nodes.map((node, index) => ({ ...node, proxy: proxies[index]! })),
    async close() {
      await party.close();
      for (const proxy of proxies) await proxy.close();
      await redis.close();
    },
  };
}

/** The store of the chaos tests in a single Redis at a port of loopback. */
export function chaosRedis(port: number): RedisSettings {
  return chaosStore({ kind: "single", server: { host: "127.0.0.1", port } });
}
