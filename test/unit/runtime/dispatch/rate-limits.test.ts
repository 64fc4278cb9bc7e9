// What each of several nodes may begin of the tasks of a key: all of them together as many as the rate says.
import { describe, expect, test } from "vitest";
import { RateLimits } from "../../../../src/runtime/dispatch/rate-limits.ts";

const perMs = 1000;
const limitOf = (count: number) => ({ key: "k", rate: { count, perMs } });

/** How many each of so many nodes may begin at once. */
function shares(count: number, size: number): readonly number[] {
  return Array.from({ length: size }, (_, rank) =>
    new RateLimits(() => ({ rank, size })).room(limitOf(count), 0),
  );
}

describe("the shares of a rate", () => {
  test.each([
    [6, 3, [2, 2, 2]],
    [5, 3, [2, 2, 1]],
    [3, 2, [2, 1]],
    [7, 1, [7]],
    [3, 3, [1, 1, 1]],
  ])("of %i over %i nodes are all of it", (count, size, each) => {
    expect(shares(count, size)).toEqual(each);
  });

  test.each([
    [1, 3],
    [2, 3],
    [5, 8],
  ])("of %i over %i nodes are one each, within a longer time", (count, size) => {
    expect(shares(count, size)).toEqual(Array.from({ length: size }, () => 1));
    const rates = new RateLimits(() => ({ rank: 0, size }));
    const limit = limitOf(count);
    rates.take(limit, 1, 0);
    expect(rates.opensAt(limit, 0)).toBe((perMs * size) / count);
    expect(rates.room(limit, (perMs * size) / count - 1)).toBe(0);
    expect(rates.room(limit, (perMs * size) / count)).toBe(1);
  });

  test("change with the nodes", () => {
    let size = 1;
    const rates = new RateLimits(() => ({ rank: 0, size }));
    const limit = limitOf(4);
    rates.take(limit, 2, 0);
    expect(rates.room(limit, 10)).toBe(2);
    size = 2;
    expect(rates.room(limit, 10)).toBe(0);
    expect(rates.opensAt(limit, 10)).toBe(perMs);
    size = 1;
    expect(rates.room(limit, 10)).toBe(2);
  });
});

test("a rate over a long time remembers what began, though tasks of its key name one over a shorter time", () => {
  const rates = new RateLimits(() => ({ rank: 0, size: 1 }));
  const slow = { key: "k", rate: { count: 3, perMs: 60_000 } };
  const quick = { key: "k", rate: { count: 3, perMs: 100 } };
  rates.take(slow, 2, 0);
  rates.take(quick, 1, 1_000);
  expect(rates.room(slow, 1_000)).toBe(0);
  expect(rates.room(quick, 1_000)).toBe(2);
  expect(rates.room(slow, 60_000)).toBe(2);
});
