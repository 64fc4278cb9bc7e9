// The glossary keeps its promise: one meaning for each word.
import { expect, test } from "vitest";
import { read } from "./repository.ts";

const rows = [...read("docs/glossary.md").matchAll(/^\| (?!Word |-)(.+?) +\| (.+?) +\|$/gm)].map(
  ([, word = "", meaning = ""]) => ({ word, meaning }),
);

test("each word stands there once", () => {
  const words = rows.flatMap(({ word }) => word.split(", "));
  expect(words.length).toBeGreaterThan(50);
  expect(words.toSorted()).toEqual([...new Set(words)].toSorted());
});

test.each(rows)("$word does not mean one thing here and another there", ({ meaning }) => {
  // A list of owners, each with a meaning of its own.
  expect(meaning.match(/\bof (a|an|the) [\w ]+[:,]/gi)?.length ?? 0).toBeLessThan(2);
});
