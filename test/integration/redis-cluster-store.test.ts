// The store keeps every promise on a real Redis Cluster, all servers of which are killed wherever it is opened again.
import { afterAll, beforeAll } from "vitest";
import { clusterBackend, type StoreBackend } from "../support/redis-backend.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { exerciseStore } from "../store/conformance.ts";

let backend: StoreBackend;
beforeAll(async () => {
  backend = clusterBackend(await startRedisCluster());
});
afterAll(() => backend.close());

exerciseStore({ name: "cluster", open: (clock) => backend.open(clock) });
