// The six strategies: who is to do a task among those that may.
import { describe, expect, test } from "vitest";
import type { Strategy } from "../../../../src/blueprint/placement.ts";
import { compareBy, type Candidate } from "../../../../src/runtime/dispatch/choose.ts";
import { noOutcomes, noted, reputationOf } from "../../../../src/runtime/dispatch/reputation.ts";

type Named = Candidate & { readonly name: string };

function candidate(name: string, facts: Partial<Candidate> = {}): Named {
  return { name, slots: 10, free: 10, cost: 0, reputation: 1, warmth: 0, turn: 0, ...facts };
}

const cases: readonly [Strategy, string, readonly Named[]][] = [
  ["default", "warm before cheap", [candidate("a", { warmth: 1, cost: 9 }), candidate("b")]],
  [
    "default",
    "cheap before idle",
    [candidate("a", { cost: 1, free: 1 }), candidate("b", { cost: 2 })],
  ],
  [
    "default",
    "more free, as a share",
    [candidate("a", { slots: 4, free: 3 }), candidate("b", { slots: 10, free: 5 })],
  ],
  ["default", "in turn among equals", [candidate("a", { turn: 3 }), candidate("b", { turn: 4 })]],
  [
    "round_robin",
    "in turn, whatever the load",
    [candidate("a", { free: 1, turn: 1 }), candidate("b", { turn: 2 })],
  ],
  [
    "least_connections",
    "fewest running",
    [candidate("a", { slots: 2, free: 1 }), candidate("b", { free: 8 })],
  ],
  [
    "cheapest",
    "cheap before warm",
    [candidate("a", { cost: 1 }), candidate("b", { cost: 2, warmth: 3 })],
  ],
  [
    "best_value",
    "a better name makes up for a price",
    [candidate("a", { cost: 1.5, reputation: 1 }), candidate("b", { cost: 1, reputation: 0.5 })],
  ],
  [
    "best_value",
    "the better name where nothing costs",
    [candidate("a", { reputation: 0.9 }), candidate("b", { reputation: 0.8 })],
  ],
  [
    "overflow",
    "cheap while few run there",
    [candidate("a", { cost: 1, free: 8 }), candidate("b", { cost: 2 })],
  ],
  [
    "overflow",
    "dearer where the cheap one has as many running as the limit allows",
    [candidate("a", { cost: 2, free: 8 }), candidate("b", { cost: 1, free: 7 })],
  ],
  [
    "overflow",
    "fewest running where all have reached the limit, whatever they cost",
    [candidate("a", { cost: 2, free: 6 }), candidate("b", { cost: 1, free: 5 })],
  ],
];
test.each(cases)("%s: %s", (strategy, _, candidates) => {
  for (const order of [candidates, candidates.toReversed()])
    expect(order.toSorted(compareBy(strategy)).map(({ name }) => name)).toEqual(["a", "b"]);
});

test("overflow goes by the limit that it is given", () => {
  const cheap = candidate("cheap", { cost: 1, free: 6 });
  const dear = candidate("dear", { cost: 2 });
  const chosen = (softLimit: number) =>
    [dear, cheap].toSorted(compareBy("overflow", softLimit))[0]!.name;
  expect([chosen(4), chosen(5)]).toEqual(["dear", "cheap"]);
});

describe("a worker's reputation", () => {
  test("is 1 for a newcomer and for who never failed", () => {
    expect(reputationOf(noOutcomes, 0)).toBe(1);
    expect(reputationOf(noted(noOutcomes, true, 0), 0)).toBe(1);
  });
  test("falls with failures, never to 0, and is the share of good outcomes in the long run", () => {
    let outcomes = noOutcomes;
    for (let n = 0; n < 1000; n++) outcomes = noted(outcomes, n % 4 !== 0, 0);
    expect(reputationOf(outcomes, 0)).toBeCloseTo(0.75, 2);
    for (let n = 0; n < 1000; n++) outcomes = noted(outcomes, false, 0);
    expect(reputationOf(outcomes, 0)).toBeGreaterThan(0);
  });
  test("is forgotten by half in an hour", () => {
    let outcomes = noOutcomes;
    for (let n = 0; n < 5; n++) outcomes = noted(outcomes, false, 0);
    expect(reputationOf(outcomes, 0)).toBe(0.5);
    expect(reputationOf(outcomes, 3_600_000)).toBeCloseTo(5 / 7.5, 3);
  });
});
