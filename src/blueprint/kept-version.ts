// A version as stores keep it: its shape, and the hashes of its shape and code, as a row of text.
import { z } from "zod";
import type { Blueprint } from "./blueprint.ts";
import { readShape, type StateShape } from "./shape.ts";

export interface KeptVersion {
  /** The hash of the shape. */
  readonly shape: string;
  /** The hash of the code. */
  readonly logic: string;
  readonly states: readonly StateShape[];
}

/** Of rows. Whatever a later release writes, `format` says so. */
const format = 1;

const Row = z.object({
  format: z.literal(format),
  shape: z.string(),
  logic: z.string(),
  states: z.array(
    z.object({
      id: z.string(),
      kind: z.string(),
      invokes: z.array(z.object({ id: z.string(), actor: z.string() })),
      transitions: z.array(z.object({ event: z.string(), leads: z.string() })),
    }),
  ),
});
const NewerRow = z.object({ format: z.number().gt(format) });

/** What a version is kept under. Neither part has an `@`. */
export const versionName = ({ name, version }: Pick<Blueprint, "name" | "version">): string =>
  `${name}@${version}`;

export function encodeVersion({ fingerprint: { shape, logic }, machine }: Blueprint): string {
  const row: z.infer<typeof Row> = {
    format,
    shape,
    logic,
    states: readShape(machine).map(({ invokes, transitions, ...state }) => ({
      ...state,
      invokes: [...invokes],
      transitions: [...transitions],
    })),
  };
  return JSON.stringify(row);
}

/** @returns `newer` for a row of a later release, `unreadable` for what is none at all */
export function decodeVersion(row: string): KeptVersion | "newer" | "unreadable" {
  let content: unknown;
  try {
    content = JSON.parse(row);
  } catch {
    return "unreadable";
  }
  const parsed = Row.safeParse(content);
  if (parsed.success) return parsed.data;
  return NewerRow.safeParse(content).success ? "newer" : "unreadable";
}
