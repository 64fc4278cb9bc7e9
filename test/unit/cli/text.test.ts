// What people read: aligned columns, one live line, bars, and nothing that could take over their terminal.
import { stripVTControlCharacters as plain } from "node:util";
import { describe, expect, test } from "vitest";
import { progressBar } from "../../../src/cli/job-text.ts";
import { LiveLine } from "../../../src/cli/live-line.ts";
import { printable } from "../../../src/cli/printable.ts";
import { table } from "../../../src/cli/table.ts";

describe("a table", () => {
  test("has columns as wide as their widest cells, and no spaces at the ends of lines", () => {
    expect(
      table([
        ["JOB", "STATE"],
        ["j-1", "done"],
        ["j-1000", ""],
      ]),
    ).toBe("JOB     STATE\nj-1     done\nj-1000");
  });
  test("takes colours for nothing and letters beyond ASCII for one", () => {
    expect(
      table([
        ["\u001b[31mred\u001b[39m", "x"],
        ["żółty", "y"],
      ]),
    ).toBe("\u001b[31mred\u001b[39m    x\nżółty  y");
  });
});

describe("text from elsewhere", () => {
  test("keeps its letters, tabs and lines", () => {
    expect(printable("żółty\t1\n2")).toBe("żółty\t1\n2");
  });
  test("shows control characters instead of obeying them", () => {
    expect(printable("\u001b[2Jgone\r\u0007\u009b")).toBe("\\x1b[2Jgone\\x0d\\x07\\x9b");
  });
});

test.each([
  [0, "░░░░░░░░░░   0 %"],
  [0.45, "█████░░░░░  45 %"],
  [1, "██████████ 100 %"],
  [7, "██████████ 100 %"],
])("a bar of %f is %s", (ratio, bar) => {
  expect(plain(progressBar(ratio))).toBe(bar);
});

describe("a live line", () => {
  const shownOn = (columns: number, ...texts: string[]): string => {
    let written = "";
    const line = new LiveLine({ columns, write: (text: string) => ((written += text), true) });
    for (const text of texts) line.show(text);
    line.clear();
    line.clear();
    return written;
  };
  test("replaces what it showed, and leaves nothing", () => {
    expect(shownOn(80, "one", "two")).toBe("\r\u001b[2Kone\r\u001b[2Ktwo\r\u001b[2K");
  });
  test("is cut where the terminal ends", () => {
    expect(shownOn(6, "123456789")).toBe("\r\u001b[2K1234…\r\u001b[2K");
  });
});
