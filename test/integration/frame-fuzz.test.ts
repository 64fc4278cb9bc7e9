// Broken frames and requests of both worker dialects, by the ten thousand: each is refused as the tables say, and nothing grows.
import { expect, test } from "vitest";
import { fuzzFrames, heapGrowthMax } from "../support/frame-fuzz.ts";

test("50,000 broken frames and requests harm nobody", async () => {
  const seed = 1;
  const found = await fuzzFrames({ frames: 50_000, seed });
  expect(found.problems, `npm run fuzz:frames -- --frames 50000 --seed ${seed}`).toEqual([]);
  expect(found.heapGrowth).toBeLessThan(heapGrowthMax);
  // It reached what it is meant to reach.
  expect(Object.keys(found.closes)).toEqual(
    expect.arrayContaining(["1003", "1007", "1009", "4010"]),
  );
  expect(Object.keys(found.statuses)).toEqual(
    expect.arrayContaining(["200", "204", "400", "401", "404", "405"]),
  );
}, 300_000);
