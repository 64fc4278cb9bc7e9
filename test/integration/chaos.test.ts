// Real nodes, workers and a real Redis, struck one after the other while jobs run: nothing that was promised is broken.
import { expect, test } from "vitest";
import { hasRedisServer } from "../support/redis-server.ts";
import { storm } from "../support/chaos/storm.ts";
import { strikeNames } from "../support/chaos/strikes.ts";

test.skipIf(!hasRedisServer)(
  "two thousand jobs survive every strike, and nothing is lost, doubled or left over (needs redis-server)",
  { timeout: 400_000 },
  async () => {
    const report = await storm({ seed: 1, jobs: 2000, strikes: strikeNames.length });
    expect(report.violations).toEqual([]);
    expect(report.jobs).toBeGreaterThanOrEqual(2000);
    expect(Object.keys(report.struck).toSorted()).toEqual([...strikeNames].toSorted());
  },
);
