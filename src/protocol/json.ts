// What may come in as JSON: limits on size and depth, and no key that could reach a prototype.
import { z } from "zod";

/** The most levels of nesting, and keys in all, that inbound JSON may have. */
export const jsonDepthMax = 64;
export const jsonKeysMax = 10_000;

const forbiddenKeys = new Set(["__proto__", "constructor", "prototype"]);

export type JsonProblem =
  | { readonly problem: "syntax"; readonly message: string }
  | { readonly problem: "forbidden_key"; readonly message: string }
  | { readonly problem: "too_deep"; readonly message: string }
  | { readonly problem: "too_many_keys"; readonly message: string }
  | { readonly problem: "number_too_large"; readonly message: string };

/**
 * Parse JSON from outside.
 *
 * @returns the value, or what is wrong with the text in words that can be shown to its sender.
 */
export function parseJson(text: string): { value: unknown } | JsonProblem {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: "syntax", message: (error as Error).message };
  }
  return inspectJson(value) ?? { value };
}

/** The first thing in a parsed value that the limits above refuse, if any. */
export function inspectJson(value: unknown): JsonProblem | undefined {
  let keys = 0;
  const visit = (node: unknown, depth: number): JsonProblem | undefined => {
    // `1e999` is JSON, but it parses to Infinity, which JSON cannot say again.
    if (typeof node === "number" && !Number.isFinite(node))
      return { problem: "number_too_large", message: "A number is too large to be kept." };
    if (typeof node !== "object" || node === null) return undefined;
    if (depth > jsonDepthMax)
      return { problem: "too_deep", message: `JSON nests deeper than ${jsonDepthMax} levels.` };
    for (const key of Object.keys(node)) {
      if (++keys > jsonKeysMax)
        return { problem: "too_many_keys", message: `JSON has more than ${jsonKeysMax} keys.` };
      if (!Array.isArray(node) && forbiddenKeys.has(key))
        return { problem: "forbidden_key", message: `The key "${key}" is not allowed.` };
      const found = visit((node as Record<string, unknown>)[key], depth + 1);
      if (found) return found;
    }
    return undefined;
  };
  return visit(value, 1);
}

/** A JSON object with any members. */
export const JsonObject = z.record(z.string(), z.unknown());
export type JsonObject = z.infer<typeof JsonObject>;
