// Where in a file a state is written, or why it does not load, for editors: a guess, as no parser of TypeScript is at hand.

/**
 * The line on which the state is declared, counted from 1: each name of its path is looked for after the one before it.
 *
 * @param path dotted; empty for the machine itself
 * @returns the line of the innermost name that is found, else 1.
 */
export function lineOfState(text: string, path: string): number {
  let at = 0;
  for (const key of path === "" ? [] : path.split(".")) {
    const found = declarationOf(key).exec(text.slice(at));
    if (!found) break;
    at += found.index + found[0].length;
  }
  return text.slice(0, at).split("\n").length;
}

/** The first line of the file that an error, or one that it came from, tells of in its message or stack; else 1. */
export function lineOfFailure(file: string, error: unknown): number {
  if (!(error instanceof Error)) return 1;
  const [, line] =
    `${error.message}\n${error.stack ?? ""}`.split(`${file}:`, 2)[1]?.match(/^(\d+)/) ?? [];
  return line === undefined ? lineOfFailure(file, error.cause) : Number(line);
}

/** `key:` and `"key":` of an object, or the first argument of a call, as in `.state("key"`. */
function declarationOf(key: string): RegExp {
  const name = key.replaceAll(/[^\w]/g, "\\$&");
  return new RegExp(`(?<![\\w$.])(?:${name}|["'\`]${name}["'\`])\\s*:|\\(\\s*["'\`]${name}["'\`]`);
}
