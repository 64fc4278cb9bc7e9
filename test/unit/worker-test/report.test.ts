// What a test of a worker reports, and how it compares results and keeps logs.
import { describe, expect, test } from "vitest";
import { mismatch } from "../../../src/worker-test/match.ts";
import { endText, jsonReport, junitReport } from "../../../src/worker-test/report.ts";
import type { TestReport } from "../../../src/worker-test/run-test.ts";
import { TextTail } from "../../../src/worker-test/text-tail.ts";

const report = (more: Partial<TestReport> = {}): TestReport => ({
  outcome: "failed",
  name: "a <worker> & \u0001co",
  workerId: "w",
  durationMs: 1500,
  checks: [
    { name: "registers", outcome: "passed", durationMs: 5, message: "" },
    { name: 'does "x"', outcome: "failed", durationMs: 7, message: 'a "b" <c>' },
    { name: "asks", outcome: "skipped", durationMs: 0, message: "no" },
  ],
  workerLog: Array.from({ length: 60 }, (_, n) => `line ${n}`),
  orchestratorLog: [],
  ...more,
});

describe("a report", () => {
  test("of a failure never says that all is well, and shows the last 50 lines of the log", () => {
    const text = endText(report());
    expect(text).toContain("1 OF 3 TESTS FAILED");
    expect(text).not.toMatch(/PASSED/);
    expect(text).toContain("| line 10\n");
    expect(text).not.toContain("| line 9\n");
  });

  test.each([
    ["passed", 0],
    ["failed", 1],
    ["environment", 2],
    ["skipped", 3],
    ["timeout", 124],
    ["interrupted", 130],
  ] as const)("with the outcome %s has the exit code %i", (outcome, code) => {
    expect(jsonReport(report({ outcome }))).toMatchObject({ outcome, exit_code: code });
  });

  test("as XML has no character that XML has not", () => {
    const text = junitReport(report());
    expect(text).toContain('tests="3" failures="1" errors="0" skipped="1"');
    expect(text).toContain("a &lt;worker&gt; &amp; \uFFFDco");
    expect(text).toContain('<failure message="a &quot;b&quot; &lt;c&gt;"/>');
  });

  test("that did not come to its end counts as an error, whatever its checks say", () => {
    const text = junitReport(report({ outcome: "timeout", reason: "too long", checks: [] }));
    expect(text).toContain('tests="1" failures="0" errors="1"');
    expect(text).toContain('<error message="too long"/>');
  });
});

test.each([
  [{ a: 1, b: 2 }, { a: 1 }, undefined],
  [{ a: { b: [1, { c: 2 }] } }, { a: { b: [1, {}] } }, undefined],
  [{ a: 1 }, { a: 2 }, "data.a is 1, not 2"],
  [{ a: 1 }, { b: 1 }, "data.b is missing"],
  [{ a: [1] }, { a: [1, 2] }, "data.a has 1 items, not 2"],
  [{ a: [1] }, { a: { 0: 1 } }, 'data.a is [1], not {"0":1}'],
  [undefined, { a: 1 }, 'data is absent, not {"a":1}'],
  [null, null, undefined],
])("%j compared with %j gives %j", (actual, expected, found) => {
  expect(mismatch(actual, expected)).toBe(found);
});

test("a tail keeps the last lines, also of chunks that end within one", () => {
  const tail = new TextTail(2);
  for (const chunk of ["one\ntw", "o\nthree\nfo", "ur"]) tail.write(chunk);
  expect(tail.lines()).toEqual(["three", "four"]);
  expect(tail.lines(1)).toEqual(["four"]);
});
