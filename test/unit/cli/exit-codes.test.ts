// Every failure has an exit code, and the page about the command line has the same table.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exitCodeOf, exitCodes, exitCodesHelp } from "../../../src/cli/exit-codes.ts";

test.each([
  ["job.finished", 1],
  ["blueprint.invalid", 1],
  ["blueprint.load_failed", 1],
  ["internal", 1],
  ["config.invalid", 2],
  ["blueprint.input_invalid", 2],
  ["event.reserved", 2],
  ["request.invalid", 2],
  ["job.not_found", 3],
  ["blueprint.not_found", 3],
  ["server.unreachable", 4],
  ["server.answer_unexpected", 4],
  ["auth.invalid_token", 4],
  ["worker.refused", 4],
  ["server.port_in_use", 5],
  ["store.in_use", 5],
  ["store.format_newer", 5],
] as const)("%s ends a command with %i", (code, exitCode) => {
  expect(exitCodeOf(code)).toBe(exitCode);
});

test("the help and docs/cli.md say what each means", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/cli.md"), "utf8");
  const rows = [...page.matchAll(/^\| (\d) +\| (.*?) *\|$/gm)];
  const table = Object.values(exitCodes).map(({ code, about }) => [`${code}`, about]);
  expect(rows.map(([, code, about]) => [code, about])).toEqual(table);
  for (const [code, about] of table) expect(exitCodesHelp()).toContain(`  ${code}  ${about}`);
});
