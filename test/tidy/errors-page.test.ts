// Every code that anybody can meet is on docs/errors.md, with what it means and what to do, and no other code is.
import { describe, expect, test } from "vitest";
import { errorCodes } from "../../src/errors.ts";
import { taskErrorCodes } from "../../src/protocol/worker-frames.ts";
import { codesIn, filesIn, read, tableRows } from "./repository.ts";

const page = "docs/errors.md";
const productFiles = ["src", "worker"].flatMap((folder) => filesIn(folder, ".ts", ".tsx"));

/** The codes in the first column of a section, with the columns after it. */
const rowsOf = (heading: string) =>
  tableRows(page, heading).map(([code = "", ...columns]) => ({
    code: codesIn(code)[0] ?? code,
    columns,
  }));
const codesOf = (heading: string): readonly string[] => rowsOf(heading).map(({ code }) => code);

/** Every string literal in the product that looks like this. */
function literals(pattern: RegExp, except?: string): readonly string[] {
  const files = productFiles.filter((file) => file !== except);
  const found = files.flatMap((file) => [...read(file).matchAll(pattern)]);
  return [...new Set(found.map(([, code = ""]) => code))].toSorted();
}

describe(page, () => {
  test("lists the codes of src/errors.ts, each with its HTTP status and whether to try again", () => {
    const listed = rowsOf("Error codes").map(({ code, columns: [status, again] }) => [
      code,
      { status: Number(status), retryable: again === "yes" },
    ]);
    expect(Object.fromEntries(listed)).toEqual(errorCodes);
    expect(listed).toHaveLength(Object.keys(errorCodes).length);
  });

  test("lists no code that nothing is refused with", () => {
    const used = new Set(literals(/"([a-z]+(?:\.[a-z_]+)?)"/g, "src/errors.ts"));
    expect(Object.keys(errorCodes).filter((code) => !used.has(code))).toEqual([]);
  });

  test("lists the codes of a task's failure", () => {
    const ours = literals(/"([A-Z]+(?:_[A-Z]+)+)"/g).filter((code) => isTaskCode(code));
    expect(codesOf("Task failures").toSorted()).toEqual(
      [...new Set([...ours, ...taskErrorCodes])].toSorted(),
    );
  });

  test("lists the codes with which a job fails that are no error codes", () => {
    const known = new Set(Object.keys(errorCodes));
    const used = literals(/"((?:machine|turn|handler|context)\.[a-z_]+)"/g);
    const expected = used.filter((code) => !known.has(code));
    expect(
      codesOf("Job failures")
        .filter((code) => !known.has(code))
        .toSorted(),
    ).toEqual(["cancelled", ...expected].toSorted());
    expect(codesOf("Job failures")).toEqual(
      expect.arrayContaining(used.filter((code) => known.has(code))),
    );
  });

  test("says something in every cell", () => {
    for (const heading of ["Error codes", "Task failures", "Job failures"])
      for (const { code, columns } of rowsOf(heading))
        for (const column of columns) expect(column, code).not.toBe("");
  });
});

/** Constants in capitals that are task error codes; the others are names of variables in the environment and such. */
function isTaskCode(code: string): boolean {
  return /_(ERROR|TIMEOUT|LOST|TASK)$/.test(code) && !code.startsWith("WORKER_SHUTDOWN");
}
