// The tables of `docs/operations.md` are those of the code: every variable, its flag, its default, and what it does.
import { expect, test } from "vitest";
import { variables } from "../../src/config.ts";
import { codesIn, read, tableRows } from "./repository.ts";

const page = "docs/operations.md";

/** The default that a schema gives to an absent value, as it would be written in the environment. */
function defaultOf(schema: { safeParse(value: unknown): { data?: unknown } }): string {
  const { data } = schema.safeParse(undefined);
  return data === undefined ? "none" : String(data as string | number);
}

/** A cell that may have backticks around its text. */
const plain = (cell = ""): string => codesIn(cell)[0] ?? cell;

test("the environment of a server is the table of src/config.ts", () => {
  const shown = tableRows(page, "Environment of a server").map(
    ([name, flag, byDefault, about]) => ({
      name: plain(name),
      flag: plain(flag),
      byDefault: plain(byDefault),
      about,
    }),
  );
  const known = Object.entries(variables).map(([name, variable]) => ({
    name,
    flag:
      "flag" in variable
        ? `--${variable.flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
        : "–",
    byDefault: defaultOf(variable.schema),
    about: variable.about,
  }));
  expect(shown).toEqual(known);
});

test("the environment of a worker names each variable of worker/config.ts", () => {
  const shown = tableRows(page, "Environment of a worker").map(([name]) => plain(name));
  const known = [...read("worker/config.ts").matchAll(/^ {2}([A-Z][A-Z_]+): z?/gm)];
  expect(shown).toEqual(known.map(([, name]) => name));
});
