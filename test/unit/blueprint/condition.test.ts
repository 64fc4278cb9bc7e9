// Conditions of handlers: the original's words, combinators and predicates, none of which ever throws over data.
import { describe, expect, test } from "vitest";
import { conditionOf, F, type Condition, type JobFacts } from "../../../src/blueprint/condition.ts";

const job: JobFacts = {
  initialData: {
    amount: 100,
    name: "Ann",
    user: { age: 17, tags: ["a", "b"] },
    none: null,
    ok: true,
  },
  stateHistory: { ratio: 0.5, empty: "", "with-dash": 1 },
};
const holds = (text: string): boolean =>
  conditionOf(text as `context.${string}`, "here").holds(job);

describe("words", () => {
  test.each([
    "context.initial_data.amount > 99",
    "context.initial_data.amount >= 100",
    "context.initial_data.amount == 100",
    "context.initial_data.amount != 1e2x",
    "context.initial_data.name == Ann",
    "context.initial_data.name == 'Ann'",
    'context.initial_data.name != "Bob"',
    "context.initial_data.name < 'B'",
    "context.initial_data.ok == True",
    "context.initial_data.none == null",
    "context.initial_data.user.age < 18",
    "context.state_history.ratio <= 0.5",
    "context.state_history.empty == ''",
    "context.state_history.with-dash == 1",
    "context.stateHistory.ratio > -1",
  ])("%s holds", (text) => expect(holds(text)).toBe(true));

  test.each([
    "context.initial_data.amount > 100",
    "context.initial_data.amount == '100'",
    "context.initial_data.missing == 1",
    "context.initial_data.missing != 1",
    "context.initial_data.missing > 1",
    "context.initial_data.none > 1",
    "context.initial_data.name > 1",
    "context.initial_data.ok == 'True'",
    "context.initial_data.ok > true",
    "context.initial_data.constructor == 1",
    "context.initial_data.user > 1",
    "context.state_history.amount == 100",
  ])("%s does not hold", (text) => expect(holds(text)).toBe(false));

  test.each([
    "initial_data.amount > 1",
    "context.amount > 1",
    "context.job_id.x == 1",
    "context.initial_data.amount",
    "context.initial_data.amount > 1 and context.initial_data.amount < 5",
    "context.initial_data.amount >",
    "0 < context.initial_data.amount < 5",
  ])("%s is no condition", (text) =>
    expect(() => holds(text)).toThrow(expect.objectContaining({ code: "blueprint.invalid" })),
  );
});

describe("combinators", () => {
  const amount = F.initialData("amount");
  test.each<[string, Condition, boolean]>([
    ["and", amount.gt(1).and(F.initialData("name").eq("Ann")), true],
    ["and of one that fails", amount.gt(1).and(amount.gt(1000)), false],
    ["or", amount.gt(1000).or(F.stateHistory("ratio").lt(1)), true],
    ["not", amount.gt(1000).not(), true],
    ["not of what is missing", F.initialData("missing").gt(1).not(), true],
    ["a path", F.initialData("user", "age").lte(17), true],
    ["in", F.initialData("name").in(["Bob", "Ann"]), true],
    ["not in", F.initialData("name").in(["Bob"]), false],
    ["matches", F.initialData("name").matches(/^a/i), true],
    ["matches what is no text", amount.matches(/1/), false],
    ["some", F.initialData("user", "tags").some((tag) => tag === "b"), true],
    ["some of what is no list", amount.some(() => true), false],
    ["is", amount.is((value) => value === 100), true],
    ["is, of what is missing", F.initialData("missing").is(() => true), false],
    ["exists", F.initialData("none").exists(), true],
    ["exists not", F.initialData("missing").exists(), false],
    ["ne of what is missing", F.initialData("missing").ne(1), false],
    ["gte", amount.gte(100), true],
  ])("%s", (_, condition, expected) => expect(condition.holds(job)).toBe(expected));

  test("an expression that is global finds the same thing every time", () => {
    const condition = F.initialData("name").matches(/n/g);
    expect([1, 2, 3].map(() => condition.holds(job))).toEqual([true, true, true]);
  });
});

test("a predicate is asked as it is", () => {
  expect(conditionOf((facts: JobFacts) => facts.stateHistory["ratio"] === 0.5, "").holds(job)).toBe(
    true,
  );
});
