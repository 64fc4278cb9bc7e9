// A test of a worker as text for people, JSON for programs, and JUnit XML for build servers.
import { testExitCodes, type CheckReport, type TestReport } from "./run-test.ts";

/** The last lines of the worker's log that a failed test shows. */
const logLinesShown = 50;

const marks = { passed: "✅", failed: "❌", skipped: "➖" } as const;

export function headingText(name: string): string {
  return `🧪 Worker Isolation Test\n   ${name}\n`;
}

export function checkText({ name, outcome, durationMs, message }: CheckReport): string {
  return `${marks[outcome]} ${name} (${durationMs} ms)${message === "" ? "" : `: ${message}`}`;
}

export function endText(report: TestReport): string {
  const { outcome, reason = "", checks, workerLog } = report;
  if (outcome === "passed") return "\n✅ Isolation test complete - ALL TESTS PASSED!";
  if (outcome === "skipped")
    return [
      `\n⚠️  ${reason}`,
      "   There is nothing to test without it: name it with --app or --cmd, or provide what --require names.",
      "   Skipping test",
    ].join("\n");
  const failed = checks.filter((check) => check.outcome === "failed").length;
  const words =
    outcome === "failed"
      ? `❌ Isolation test complete - ${failed} OF ${checks.length} TESTS FAILED`
      : `❌ Isolation test not complete: ${reason}`;
  const tail = workerLog.slice(-logLinesShown).map((line) => `   | ${line}`);
  return ["", ...(tail.length > 0 ? ["📋 The worker's last words:", ...tail, ""] : []), words].join(
    "\n",
  );
}

export function jsonReport(report: TestReport): object {
  const { outcome, reason, name, workerId, durationMs, checks, workerLog, orchestratorLog } =
    report;
  return {
    outcome,
    exit_code: testExitCodes[outcome],
    ...(reason !== undefined && { reason }),
    worker: name,
    worker_id: workerId,
    duration_ms: durationMs,
    checks: checks.map((check) => ({
      name: check.name,
      outcome: check.outcome,
      duration_ms: check.durationMs,
      message: check.message,
    })),
    worker_log: workerLog,
    orchestrator_log: orchestratorLog,
  };
}

export function junitReport({
  outcome,
  reason,
  name,
  checks,
  durationMs,
  workerLog,
}: TestReport): string {
  const cases = checks.map(({ name: check, outcome: ending, durationMs: took, message }) => {
    const inside =
      ending === "failed"
        ? `<failure message="${xml(message)}"/>`
        : ending === "skipped"
          ? `<skipped message="${xml(message)}"/>`
          : "";
    return `    <testcase classname="${xml(name)}" name="${xml(check)}" time="${took / 1000}">${inside}</testcase>`;
  });
  // A test that did not come to its end has failed, whatever its checks say.
  if (reason !== undefined) {
    const inside = outcome === "skipped" ? "skipped" : "error";
    cases.push(
      `    <testcase classname="${xml(name)}" name="the test" time="0"><${inside} message="${xml(reason)}"/></testcase>`,
    );
  }
  const failures = checks.filter((check) => check.outcome === "failed").length;
  const skipped =
    checks.filter((check) => check.outcome === "skipped").length + (outcome === "skipped" ? 1 : 0);
  const errors = reason !== undefined && outcome !== "skipped" ? 1 : 0;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<testsuites>",
    `  <testsuite name="worker isolation test" tests="${cases.length}" failures="${failures}" errors="${errors}" skipped="${skipped}" time="${durationMs / 1000}">`,
    ...cases,
    `    <system-out>${xml(workerLog.join("\n"))}</system-out>`,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

/** Text within XML 1.0, which has no room for most control characters, even escaped. */
function xml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
