// Lua scripts open with their contract: what they get, what comes back, and what the included ones leave behind.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const lua = join(import.meta.dirname, "../../src/store/redis/lua");
const named = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".lua"));

/** The comment that a script opens with, and the rest of it. */
function parts(path: string): readonly [head: string, body: string] {
  const lines = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => !line.startsWith("#!"));
  const end = lines.findIndex((line) => !line.startsWith("--") || line.startsWith("-- include:"));
  return [lines.slice(0, end).join("\n"), lines.slice(end).join("\n")];
}

describe.each(named(lua))("%s", (name) => {
  const text = readFileSync(join(lua, name), "utf8");
  const [head, body] = parts(join(lua, name));

  test("says by its first line whether it writes, and which memory it needs", () => {
    expect(text).toMatch(/^#!lua( flags=(no-writes|allow-oom))?\n-- /);
  });

  test("says what its keys and arguments are, and what it returns", () => {
    expect(head).toMatch(/^-- KEYS {3}/m);
    expect(head).toMatch(/^-- Returns /m);
    if (/\bARGV\b/.test(body)) expect(head).toMatch(/^-- ARGV {3}/m);
    const numbers = [...body.matchAll(/\bARGV\[(\d+)\]/g)].map(([, number]) => Number(number));
    // Those that all begin with may stand in the included part.
    const most = Math.max(0, ...numbers);
    if (most > 0) expect(head).toMatch(new RegExp(`\\b${most}\\b|then `));
  });
});

describe.each(named(join(lua, "include")))("include/%s", (name) => {
  const [head, body] = parts(join(lua, "include", name));

  test("leaves what it says", () => {
    const [, list = ""] = /Leaves:([^.]*)\.\n/.exec(`${head}\n`) ?? [];
    const words = list.replaceAll(/\([^)]*\)/g, "").matchAll(/[A-Za-z]+/g);
    const said = [...words].map(([word]) => word).filter((word) => word !== "and");
    for (const word of said)
      expect(body + head).toMatch(
        new RegExp(`local [^=\\n]*\\b${word}\\b|local function ${word}\\(|include/${word}`),
      );
  });
});
