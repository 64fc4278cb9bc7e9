// What a task handler is given as its params: those of the task, as its schema makes them.
import type { z } from "zod";
import { InvalidInputError } from "./errors.ts";
import type { DefinedTask } from "./task.ts";

/** @throws InvalidInputError where they do not fit. */
export function parseParams({ type, input }: DefinedTask, params: unknown): unknown {
  if (!input) return params;
  const parsed = input.safeParse(params);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    `The params do not fit the schema of task "${type}": ${problems(parsed.error)}`,
  );
}

/** What a schema refuses, in words: each member with its problem. */
function problems({ issues }: z.ZodError): string {
  return issues
    .map(({ path, message }) =>
      path.length > 0 ? `${path.map(String).join(".")}: ${message}` : message,
    )
    .join("; ");
}
