// Job ids: unique, ordered by the time they were made, and open about their shard.
import { expect, test } from "vitest";
import { randomIds } from "../../src/id.ts";
import { eventually } from "../support/eventually.ts";

test("no two ids are the same", () => {
  const ids = Array.from({ length: 20_000 }, () => randomIds.job(0));
  expect(new Set(ids).size).toBe(ids.length);
});

test("an id says which shard it belongs to", () => {
  expect(randomIds.job(0)).toMatch(/^0_[0-9a-f]{32}$/);
  expect(randomIds.job(63)).toMatch(/^1r_[0-9a-f]{32}$/);
});

test("an id made in a later millisecond sorts behind", async () => {
  const first = randomIds.job(0);
  const made = Date.now();
  await eventually(() => Date.now() > made);
  expect(randomIds.job(0) > first).toBe(true);
});
