// What stands on the command line, read and checked: numbers, JSON, names with versions.
import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";

/** A parser for whole numbers of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d{1,9}$/.test(text) && number >= least) return number;
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
  };
}

/** Parse a number of seconds above zero, such as `0.5`, into milliseconds. */
export function secondsArgument(text: string): number {
  const seconds = Number(text);
  if (/^\d{0,6}(\.\d{1,3})?$/.test(text) && seconds > 0) return seconds * 1000;
  throw new InvalidArgumentError("It must be a number of seconds above 0.");
}

/** JSON as it stands, or out of a file: `@order.json`; `@-` is the standard input. */
export function jsonArgument(text: string): unknown {
  const source = text.startsWith("@") ? textOf(text.slice(1)) : text;
  try {
    return JSON.parse(source);
  } catch (error) {
    throw new InvalidArgumentError(`It is not JSON: ${(error as Error).message}`);
  }
}

/** A JSON value that has members. */
export function jsonObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw new InvalidArgumentError("It must be a JSON object.");
}

function textOf(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new InvalidArgumentError(`The file can't be read: ${(error as Error).message}`);
  }
}

export interface BlueprintName {
  readonly name: string;
  readonly version?: string;
}

/** `order` means the newest version, `order@2` that one. */
export function blueprintName(text: string): BlueprintName {
  const at = text.indexOf("@");
  if (at < 0) return { name: text };
  return { name: text.slice(0, at), version: text.slice(at + 1) };
}
