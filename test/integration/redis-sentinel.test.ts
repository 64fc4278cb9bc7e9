// Nodes and workers over a Redis that real Sentinels watch: its primary is killed, and the jobs go on at the other one.
import { expect, test } from "vitest";
import { campaign } from "../support/chaos/campaign.ts";
import { chaosStore } from "../support/chaos/party.ts";
import { eventually } from "../support/eventually.ts";
import { startWatchedRedis } from "../support/redis-sentinel.ts";

test("jobs go on at the server that Sentinels promote, and nothing that was acknowledged is lost", async () => {
  const redis = await startWatchedRedis();
  try {
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
  } finally {
    await redis.close();
  }
});
