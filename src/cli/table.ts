// Rows of text as aligned columns.
import { stripVTControlCharacters } from "node:util";

/** Join rows into lines: every column as wide as its widest cell, two spaces between columns. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((wide, row) => {
    for (const [column, cell] of row.entries())
      wide[column] = Math.max(wide[column] ?? 0, widthOf(cell));
    return wide;
  }, []);
  return rows
    .map((row) =>
      row.map((cell, column) => cell + " ".repeat(widths[column]! - widthOf(cell))).join("  "),
    )
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Colours take no room. */
function widthOf(cell: string): number {
  return Array.from(stripVTControlCharacters(cell)).length;
}
