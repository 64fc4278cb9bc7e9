// Conditions on a job of a flow: which of a state's handlers runs. A value that is missing or of another type meets none.
import { RuntimeError } from "../errors.ts";

/** What a condition may look at. */
export interface JobFacts<Data = unknown> {
  /** What the job was started with. */
  readonly initialData: Data;
  readonly stateHistory: Readonly<Record<string, unknown>>;
}

/**
 * When a handler runs: a predicate, one that `F` makes, or a comparison in words such as
 * `context.initial_data.amount > 100`.
 */
export type FlowCondition<Data> =
  ((job: JobFacts<Data>) => boolean) | Condition | `context.${string}`;

type Test = (job: JobFacts) => boolean;

/** A condition that can be combined with others. */
export class Condition {
  readonly #test: Test;
  /** In words, for messages and fingerprints. */
  readonly text: string;

  constructor(test: Test, text: string) {
    this.#test = test;
    this.text = text;
  }

  holds(job: JobFacts): boolean {
    return this.#test(job);
  }
  and(other: Condition): Condition {
    const both: Test = (job) => this.holds(job) && other.holds(job);
    return new Condition(both, `(${this.text} and ${other.text})`);
  }
  or(other: Condition): Condition {
    const either: Test = (job) => this.holds(job) || other.holds(job);
    return new Condition(either, `(${this.text} or ${other.text})`);
  }
  not(): Condition {
    return new Condition((job) => !this.holds(job), `not ${this.text}`);
  }
}

type Scalar = string | number | boolean | null;

/** A place in a job's data, to be compared. */
export class Field {
  readonly #area: keyof JobFacts;
  readonly #path: readonly string[];

  constructor(area: keyof JobFacts, path: readonly string[]) {
    this.#area = area;
    this.#path = path;
  }

  /** It is there, whatever it is; null counts as there. */
  exists(): Condition {
    return this.#when("exists", (value) => value !== undefined);
  }
  eq(other: Scalar): Condition {
    return this.#when(`== ${JSON.stringify(other)}`, (value) => value === other);
  }
  /** It is there, and something else. */
  ne(other: Scalar): Condition {
    const differs = (value: unknown) => value !== undefined && value !== other;
    return this.#when(`!= ${JSON.stringify(other)}`, differs);
  }
  gt(other: string | number): Condition {
    return this.#ordered(">", other, (order) => order > 0);
  }
  gte(other: string | number): Condition {
    return this.#ordered(">=", other, (order) => order >= 0);
  }
  lt(other: string | number): Condition {
    return this.#ordered("<", other, (order) => order < 0);
  }
  lte(other: string | number): Condition {
    return this.#ordered("<=", other, (order) => order <= 0);
  }
  in(others: readonly Scalar[]): Condition {
    return this.#when(`in ${JSON.stringify(others)}`, (value) => others.includes(value as Scalar));
  }
  /** It is a text that the expression finds something in. */
  matches(expression: RegExp): Condition {
    // A global expression would go on where it ended last time.
    const { source, flags } = expression;
    const found = new RegExp(source, flags.replaceAll(/[gy]/g, ""));
    const does = (value: unknown) => typeof value === "string" && found.test(value);
    return this.#when(`matches ${String(expression)}`, does);
  }
  /** It is a list, and some item of it is so. */
  some(is: (item: unknown) => boolean): Condition {
    return this.#when(`some ${String(is)}`, (value) => Array.isArray(value) && value.some(is));
  }
  /** It is there, and so. */
  is(so: (value: unknown) => boolean): Condition {
    return this.#when(`is ${String(so)}`, (value) => value !== undefined && so(value));
  }

  #ordered(word: string, other: string | number, holds: (order: number) => boolean): Condition {
    return this.#when(`${word} ${JSON.stringify(other)}`, (value) => {
      if (typeof value === "number" && typeof other === "number") return holds(value - other);
      if (typeof value !== "string" || typeof other !== "string") return false;
      return holds(value < other ? -1 : value > other ? 1 : 0);
    });
  }

  #when(words: string, test: (value: unknown) => boolean): Condition {
    const holds: Test = (job) => {
      let value: unknown = job[this.#area];
      for (const key of this.#path) value = ownMember(value, key);
      return test(value);
    };
    return new Condition(holds, `${this.#area}.${this.#path.join(".")} ${words}`);
  }
}

function ownMember(holder: unknown, key: string): unknown {
  if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, key))
    return undefined;
  return (holder as Readonly<Record<string, unknown>>)[key];
}

/**
 * Conditions in the making: `F.initialData("user", "age").gte(18).and(F.stateHistory("checked").eq(true))`.
 * Each names a place by its path.
 */
export const F = {
  initialData: (...path: readonly string[]): Field => new Field("initialData", path),
  stateHistory: (...path: readonly string[]): Field => new Field("stateHistory", path),
} as const;

/** @throws RuntimeError `blueprint.invalid` for words that are no comparison. */
export function conditionOf(condition: FlowCondition<never>, where: string): Condition {
  if (condition instanceof Condition) return condition;
  if (typeof condition === "function")
    return new Condition(condition as (job: JobFacts) => boolean, String(condition));
  return comparison(condition, where);
}

const areas: Readonly<Record<string, keyof JobFacts>> = {
  initial_data: "initialData",
  initialData: "initialData",
  state_history: "stateHistory",
  stateHistory: "stateHistory",
};
const words = /^\s*context\.(\w+)\.([\w-]+(?:\.[\w-]+)*)\s*(==|!=|>=|<=|>|<)\s*(.+?)\s*$/;

/** The original's words: one comparison of a field with a number, `true`, `false`, `null`, or a text in quotes or without. */
function comparison(text: string, where: string): Condition {
  const [, area = "", path = "", op = "", literal = ""] = words.exec(text) ?? [];
  const found = Object.hasOwn(areas, area) ? areas[area] : undefined;
  if (found === undefined || /(==|!=|>=|<=|>|<)/.test(literal.replaceAll(/(["']).*?\1/g, "")))
    throw new RuntimeError(
      "blueprint.invalid",
      `${where}: "${text}" is not a condition. One compares a field, as in context.initial_data.amount > 100, or context.state_history.…, with one of == != > < >= <=.`,
      { condition: text },
    );
  const field = new Field(found, path.split("."));
  const value = literalOf(literal);
  switch (op) {
    case "==":
      return field.eq(value);
    case "!=":
      return field.ne(value);
    default:
      return ordered(field, op, value);
  }
}

function ordered(field: Field, op: string, value: Scalar): Condition {
  if (typeof value !== "number" && typeof value !== "string")
    return new Condition(() => false, `never (${String(value)} has no order)`);
  switch (op) {
    case ">":
      return field.gt(value);
    case ">=":
      return field.gte(value);
    case "<":
      return field.lt(value);
    default:
      return field.lte(value);
  }
}

function literalOf(literal: string): Scalar {
  const quoted = /^(["'])(.*)\1$/.exec(literal);
  if (quoted) return quoted[2]!;
  switch (literal) {
    case "true":
    case "True":
      return true;
    case "false":
    case "False":
      return false;
    case "null":
    case "None":
      return null;
    default:
      return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(literal) ? Number(literal) : literal;
  }
}
