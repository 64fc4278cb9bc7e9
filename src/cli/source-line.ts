// Where in a file a state is written, for editors: a guess by the names, as no parser of TypeScript is at hand.

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

/** `key:` and `"key":` of an object, or the first argument of a call, as in `.state("key"`. */
function declarationOf(key: string): RegExp {
  const name = key.replaceAll(/[^\w]/g, "\\$&");
  return new RegExp(`(?<![\\w$.])(?:${name}|["'\`]${name}["'\`])\\s*:|\\(\\s*["'\`]${name}["'\`]`);
}
