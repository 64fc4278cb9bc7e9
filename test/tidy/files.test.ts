// Small promises that every file keeps, checked as text, each in one line.
import { basename } from "node:path/posix";
import { describe, expect, test } from "vitest";
import { codeFiles, read } from "./repository.ts";

const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.test-d|\.d)?\.tsx?$/;
/** Names that say nothing. */
const emptyWords = /(^|-)(utils?|helpers?|common|types|managers?|misc)(-|\.)/;
/** What `package.json#exports` points to; no other file is an index. */
const entrances = [
  "src/index.ts",
  "src/client/index.ts",
  "src/testing/index.ts",
  "worker/index.ts",
];

describe.each(codeFiles)("%s", (file) => {
  const text = read(file);
  const name = basename(file);

  test("opens with a sentence that says what it is for", () =>
    expect(text.replace(/^#!.*\n/, "").split("\n", 1)[0]).toMatch(/^\/\/ [A-Z`].*[.:]$/));
  test("can be read in one sitting", () =>
    expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(400));
  test("is named in kebab-case, after what it holds", () => {
    expect(name).toMatch(kebabCase);
    expect(name).not.toMatch(emptyWords);
    if (/^index\.tsx?$/.test(name)) expect(entrances).toContain(file);
  });
  test("leaves no work and no silenced warning behind", () =>
    expect(text).not.toMatch(/\b(TO)DO\b|\bFIX(ME)\b|@ts-(ignore|nocheck)|eslint-(disable)/));
});

/** Files that parse the environment, and hand values to everything else. */
const configFiles = ["src/config.ts", "worker/config.ts"];

describe.each(codeFiles.filter((file) => /^(src|worker|machines)\//.test(file)))("%s", (file) => {
  const text = read(file);

  test("says what it has to say through the log or a stream", () =>
    expect(text).not.toMatch(/\bconsole\.[a-z]+\(/));
  test("is given its configuration", () => {
    if (!configFiles.includes(file)) expect(text).not.toMatch(/\bprocess\.env\b/);
  });
});

/** Parts whose time is a value that comes in, so that a test can move it. */
const onClock = codeFiles.filter((file) => /^src\/(actor|runtime|gateway|store)\//.test(file));
const comments = /^\s*(\/\/|\/?\*).*$/gm;

test.each(onClock)("%s asks the clock it was given for the time", (file) =>
  expect(read(file).replaceAll(comments, "")).not.toMatch(
    /\bDate\.now\(|\bnew Date\(\)|\bset(Timeout|Interval)\(|\bperformance\.now\(/,
  ),
);
