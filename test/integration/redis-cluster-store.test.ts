// The store keeps every promise on a real Redis Cluster, all servers of which are killed wherever it is opened again.
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { openRedisStore } from "../../src/store/redis/open-redis-store.ts";
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

test("a seed may lead to another node at each connection", async () => {
  const ports = cluster.servers.map(({ port }) => port);
  const sockets = new Set<{ destroy(): void }>();
  let taken = 0;
  const balancer = createServer((client) => {
    const server = connect(ports[taken++ % ports.length]!, "127.0.0.1");
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    client.on("close", () => server.destroy()).pipe(server);
    server.on("close", () => client.destroy()).pipe(client);
  }).listen(0, "127.0.0.1");
  await once(balancer, "listening");
  try {
    const { port } = balancer.address() as AddressInfo;
    const store = await openRedisStore({
      deployment: { kind: "cluster", seeds: [{ host: "127.0.0.1", port }] },
      access: {},
      prefix: "balanced",
      replicas: 1,
      nodeId: "balanced",
      clock: systemClock,
      startPatienceMs: 5000,
    });
    await store.close();
  } finally {
    balancer.close();
    for (const socket of sockets) socket.destroy();
  }
});

exerciseStore({ name: "cluster", open: (clock) => backend.open(clock) });
