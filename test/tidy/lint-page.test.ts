// The page `docs/lint.md` explains every rule of the linter, under the heading that findings point to, and no other.
import { describe, expect, test } from "vitest";
import { docsOf } from "../../src/blueprint/lint/finding.ts";
import { filesIn, read } from "./repository.ts";

const page = read("docs/lint.md");

interface Explained {
  readonly code: string;
  readonly severities: readonly string[];
  readonly text: string;
}
const explained: readonly Explained[] = [
  ...page.matchAll(/^### (lint\.\w+)\n\n_([^_]+)\._ (.+)$/gm),
].map(([, code = "", severities = "", text = ""]) => ({
  code,
  severities: severities.toLowerCase().split(" or "),
  text,
}));

/** The codes in the linter's files, each with the severities that stand with it. */
function rules(): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const file of filesIn("src/blueprint", ".ts"))
    for (const [, codes = "", severities = ""] of read(file).matchAll(
      /code: ([^,]*"lint\.[^,]*),\s*severity: ([^,]+),/g,
    ))
      for (const [, code = ""] of codes.matchAll(/"(lint\.\w+)"/g)) {
        const known = found.get(code) ?? new Set();
        for (const [, severity = ""] of severities.matchAll(/"(error|warning|info)"/g))
          known.add(severity);
        found.set(code, known);
      }
  return found;
}

describe("docs/lint.md", () => {
  test("explains every rule once, in order, with its severities", () => {
    const byCode = [...rules()].toSorted(([a], [b]) => (a < b ? -1 : 1));
    expect(explained.map(({ code, severities }) => [code, severities.toSorted()])).toEqual(
      byCode.map(([code, severities]) => [code, [...severities].toSorted()]),
    );
    expect(explained.length).toBeGreaterThan(40);
  });

  test("says of each what is wrong and what to do", () => {
    for (const { code, text } of explained) {
      expect(text, code).toMatch(/^[A-Z*`].{20,}\.$/);
      expect(text.split(/(?<=\.) (?=[A-Z])/).length, code).toBeGreaterThanOrEqual(2);
    }
  });

  test("has the headings that findings point to", () => {
    for (const { code } of explained)
      expect(docsOf(code)).toBe(`docs/lint.md#${code.replaceAll(".", "")}`);
  });
});
