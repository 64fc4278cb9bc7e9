// The repository as text: which files it has, what is in them, and what they import.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dirname, join as joinPosix } from "node:path/posix";

export const root = join(import.meta.dirname, "../..");

export const read = (file: string): string => readFileSync(join(root, file), "utf8");

/** Files below a folder whose names end in one of the endings, as paths from the root with `/`. */
export function filesIn(folder: string, ...endings: readonly string[]): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .toSorted();
}

/** Code that runs in the product or beside it. */
export const codeFiles: readonly string[] = [
  "src",
  "worker",
  "machines",
  "scripts",
  "test",
].flatMap((folder) => filesIn(folder, ".ts", ".tsx"));

/** What people read. */
export const pages: readonly string[] = ["README.md", ...filesIn("docs", ".md")];

const statics = /^(?:import|export)\s[^"'`;=]*?\bfrom\s*"([^"]+)"/gm;
const sideEffects = /^import\s+"([^"]+)"/gm;
const dynamics = /\bimport\(\s*"([^"]+)"\s*\)/g;

/** What a file imports: files of ours as paths from the root, everything else by its specifier. */
export function importsOf(file: string): readonly string[] {
  const text = read(file);
  return [statics, sideEffects, dynamics]
    .flatMap((pattern) => [...text.matchAll(pattern)].map(([, specifier = ""]) => specifier))
    .map((specifier) =>
      specifier.startsWith(".") ? joinPosix(dirname(file), specifier) : specifier,
    );
}

/** The cells of the rows of every Markdown table under a heading, without the head of each table. */
export function tableRows(page: string, heading: string): readonly (readonly string[])[] {
  const lines = read(page).split("\n");
  const from = lines.findIndex((line) => /^#+ /.test(line) && line.endsWith(` ${heading}`));
  if (from < 0) throw new Error(`${page} has no heading "${heading}".`);
  const level = lines[from]!.indexOf(" ");
  const after = lines.slice(from + 1);
  const to = after.findIndex((line) => {
    const other = /^#+(?= )/.exec(line);
    return other !== null && other[0].length <= level;
  });
  const rows = (to < 0 ? after : after.slice(0, to)).filter((line) => line.startsWith("|"));
  return rows
    .filter((_, index) => !isRule(rows[index]!) && !isRule(rows[index + 1] ?? ""))
    .map((row) =>
      row
        .slice(1, row.lastIndexOf("|"))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}

const isRule = (row: string): boolean => /^\|[\s|:-]+\|$/.test(row);

/** The texts in backticks of a cell. */
export function codesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}
