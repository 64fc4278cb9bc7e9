// Primaries of a real cluster are killed under load, and their replicas take over.
import { expect, test } from "vitest";
import { failover } from "../support/chaos/failover.ts";

test("with replicated, nothing that was acknowledged is lost", async () => {
  const { violations, lost, wentBack } = await failover({ rounds: 2, durability: "replicated" });
  expect({ violations, lost, wentBack }).toEqual({ violations: [], lost: [], wentBack: [] });
});

test("with durable, what a promoted replica lacks is noticed, said, and leaves no job stuck", async () => {
  const { violations, lost, lostOutside, unsaid, wentBack, told } = await failover({
    rounds: 3,
    durability: "durable",
  });
  expect({ violations, lostOutside, unsaid }).toEqual({
    violations: [],
    lostOutside: [],
    unsaid: [],
  });
  // That something was lost at all is what the test is about.
  expect(told.lost + told.rewound).toBeGreaterThan(0);
  expect(told.lost).toBeGreaterThanOrEqual(lost.length);
  expect(told.rewound).toBeGreaterThanOrEqual(
    wentBack.filter((jobId) => !lost.includes(jobId)).length,
  );
});
