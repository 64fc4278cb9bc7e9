// A Redis that real Sentinels watch: one that says nothing is passed over, and jobs go on where the primary is killed.
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { openRedisStore } from "../../src/store/redis/open-redis-store.ts";
import { campaign } from "../support/chaos/campaign.ts";
import { chaosStore } from "../support/chaos/party.ts";
import { eventually } from "../support/eventually.ts";
import { startWatchedRedis, type WatchedRedis } from "../support/redis-sentinel.ts";

let redis: WatchedRedis;
beforeAll(async () => {
  redis = await startWatchedRedis();
});
afterAll(() => redis.close());

test("the next Sentinel is asked where one takes connections and says nothing", async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => void sockets.add(socket)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  try {
    const store = await openRedisStore({
      ...chaosStore({
        ...redis.deployment,
        sentinels: [{ host: "127.0.0.1", port }, ...redis.deployment.sentinels],
      }),
      nodeId: "n1",
      clock: systemClock,
      startPatienceMs: 8000,
    });
    expect(sockets.size).toBeGreaterThan(0);
    await store.close();
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});

test("jobs go on at the server that Sentinels promote, and nothing that was acknowledged is lost", async () => {
  const { violations } = await campaign({
    redis: { ...chaosStore(redis.deployment), durability: "replicated" },
    jobs: 200,
    async hit({ accepted }) {
      await eventually(() => accepted() > 60, { timeoutMs: 60_000 });
      await redis.primary.kill();
      await redis.named(redis.replica);
      // It comes back as a replica, without which nothing is acknowledged.
      await redis.primary.start();
      await redis.leads(redis.replica);
    },
  });
  expect(violations).toEqual([]);
});
