// The store keeps every promise on a real Redis Cluster, all servers of which are killed wherever it is opened again.
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { clusterBackend, openRedis, type StoreBackend } from "../support/redis-backend.ts";
import { startRedisCluster, type RedisCluster } from "../support/redis-cluster.ts";
import { exerciseStore } from "../store/conformance.ts";

let cluster: RedisCluster;
let backend: StoreBackend;
beforeAll(async () => {
  cluster = await startRedisCluster();
  backend = clusterBackend(cluster);
});
afterAll(() => backend.close());

test("a server of a cluster that is named as if there were no other is refused", async () => {
  const prefix = "alone";
  const { primary } = await cluster.serving(`{${prefix}}:meta`);
  const another = cluster.servers.find(({ port }) => port !== primary.port)!;
  const opening = openRedis(another.port, { clock: systemClock, prefix });
  await expect(opening).rejects.toMatchObject({
    code: "config.invalid",
    message: expect.stringContaining("REDIS_CLUSTER") as string,
  });
});

exerciseStore({ name: "cluster", open: (clock) => backend.open(clock) });
