// Nodes and workers over a real Redis Cluster whose slots move, while jobs run.
import { afterAll, beforeAll, expect, test } from "vitest";
import { Keys } from "../../src/store/redis/keys.ts";
import { campaign } from "../support/chaos/campaign.ts";
import { chaosStore } from "../support/chaos/party.ts";
import { startRedisCluster, type RedisCluster } from "../support/redis-cluster.ts";

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster.close());

test("moving the slots of all shards under load loses no job and no step", async () => {
  const shards = 8;
  const { seeds } = cluster;
  const keys = new Keys("chaos");
  const moved = [
    keys.system[0],
    ...Array.from({ length: shards }, (_, shard) => keys.shard(shard).tag),
    ...keys.keySpaces.slice(0, 8),
  ];
  const { jobs, violations } = await campaign({
    redis: { ...chaosStore({ kind: "cluster", seeds }), shards },
    jobs: 300,
    async hit() {
      for (const key of moved) await cluster.moveSlot(key);
    },
  });
  expect(violations).toEqual([]);
  expect(jobs).toBeGreaterThanOrEqual(300);
});
