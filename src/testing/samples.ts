// Values that fit a schema, so that a model can be walked before anybody has written an example.
import { z } from "zod";

/** What this file reads of a JSON Schema. */
interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly type?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly minItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** More than these tell nothing new, and each costs runs. */
const samplesMax = 12;
const depthMax = 8;
/** How far a number is taken from its least value, to come beyond whatever a guard compares it with. */
const numberSpan = 1_000_000;

/**
 * Values that the schema takes: a plain one first, then others that differ from it in one place (another branch of a
 * union, the other boolean, a large number, an optional member).
 *
 * @returns none where the schema asks for what cannot be guessed, such as a text of a pattern.
 */
export function samplesOf(schema: z.ZodType): readonly unknown[] {
  const described = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Schema;
  const values = new Sampler(described.$defs ?? {}).of(described, 0);
  return values.filter((value) => schema.safeParse(value).success);
}

class Sampler {
  readonly #definitions: Readonly<Record<string, Schema>>;

  constructor(definitions: Readonly<Record<string, Schema>>) {
    this.#definitions = definitions;
  }

  of(schema: Schema, depth: number): readonly unknown[] {
    return depth > depthMax ? [] : this.#of(schema, depth + 1).slice(0, samplesMax);
  }

  #of(schema: Schema, depth: number): readonly unknown[] {
    const { $ref, enum: choices, anyOf, oneOf, allOf } = schema;
    if ($ref !== undefined) return this.of(this.#definitions[$ref.split("/").at(-1)!] ?? {}, depth);
    if ("const" in schema) return [schema.const];
    if (choices) return choices;
    const branches = anyOf ?? oneOf;
    if (branches) return branches.flatMap((branch) => this.of(branch, depth));
    if (allOf) return [Object.assign({}, ...allOf.map((part) => this.of(part, depth)[0]))];
    switch (schema.type) {
      case "boolean":
        return [true, false];
      case "null":
        return [null];
      case "string":
        return [textOf(schema)];
      case "number":
      case "integer":
        return numbersOf(schema);
      case "array":
        return this.#arrays(schema, depth);
      case "object":
        return this.#objects(schema, depth);
      case undefined:
      default:
        return [{}];
    }
  }

  #arrays({ items = {}, prefixItems, minItems = 0 }: Schema, depth: number): readonly unknown[] {
    if (prefixItems) return [prefixItems.map((item) => this.of(item, depth)[0])];
    const length = Math.max(1, minItems);
    const full = this.of(items, depth).map((item) => Array.from({ length }, () => item));
    return minItems === 0 ? [...full, []] : full;
  }

  #objects({ properties = {}, required = [] }: Schema, depth: number): readonly unknown[] {
    const members = Object.entries(properties).map(
      ([key, member]) => [key, this.of(member, depth)] as const,
    );
    const needed = members.filter(([key]) => required.includes(key));
    if (needed.some(([, values]) => values.length === 0)) return [];
    const plain = Object.fromEntries(needed.map(([key, values]) => [key, values[0]]));
    const others = members.flatMap(([key, values]) =>
      (required.includes(key) ? values.slice(1) : values).map((value) => ({
        ...plain,
        [key]: value,
      })),
    );
    return [plain, ...others];
  }
}

const formats: Readonly<Record<string, string>> = {
  email: "someone@example.org",
  uri: "https://example.org/",
  uuid: "018f3c1e-0000-7000-8000-000000000000",
  "date-time": "2026-01-01T00:00:00Z",
  date: "2026-01-01",
  time: "12:00:00",
};

const textOf = ({ format = "", minLength = 0 }: Schema): string =>
  formats[format] ?? "sample".padEnd(minLength, ".");

function numbersOf(schema: Schema): readonly number[] {
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf = 1 } = schema;
  const above = exclusiveMinimum === undefined ? undefined : exclusiveMinimum + multipleOf;
  const most =
    maximum ?? (exclusiveMaximum === undefined ? Infinity : exclusiveMaximum - multipleOf);
  const given = Math.max(minimum ?? -Infinity, above ?? -Infinity);
  // Integers of zod begin at the least safe one, which nobody means.
  const least = given < -numberSpan ? Math.min(1, most) : given;
  const round = (value: number): number => Math.ceil(value / multipleOf) * multipleOf;
  return [...new Set([round(least), round(Math.min(most, least + numberSpan))])];
}
