// The pages are true where a test can tell: links lead somewhere, quoted code is in its file, tables have no gaps.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { describe, expect, test } from "vitest";
import { pages, read, root } from "./repository.ts";

const fence = /^```.*\n[\s\S]*?^```$/gm;
const prose = (page: string): string => read(page).replaceAll(fence, "");

/** The anchor that a Markdown heading gets. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
const anchorsOf = (page: string): readonly string[] =>
  [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading));

/** Blocks whose fence names a file after the language: they quote it. */
interface Quote {
  readonly file: string;
  readonly code: string;
}
/** Without indentation: a formatter may have shifted a quotation to the left. */
const flush = (code: string): string => code.replaceAll(/^ +/gm, "");
const quotesIn = (page: string): readonly Quote[] =>
  [...read(page).matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)].map(([, file = "", code = ""]) => ({
    file,
    code,
  }));

describe.each(pages)("%s", (page) => {
  test("links only to what exists", () => {
    const broken = [...prose(page).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
      .map(([, path = "", anchor]) => ({
        target: path === "" ? page : join(dirname(page), path),
        anchor,
      }))
      .filter(
        ({ target, anchor }) =>
          !existsSync(join(root, target)) ||
          (anchor !== undefined && !anchorsOf(target).includes(anchor)),
      );
    expect(broken).toEqual([]);
  });

  test("quotes code as it is", () => {
    for (const { file, code } of quotesIn(page)) {
      let from = 0;
      const text = flush(read(file));
      // A line `// …` stands for code that is left out.
      for (const piece of code.split(/^\s*\/\/ …\n/m)) {
        const at = text.indexOf(flush(piece).trimEnd(), from);
        expect(at, `${file} no longer has:\n${piece}`).toBeGreaterThanOrEqual(0);
        from = at + flush(piece).length;
      }
    }
  });

  test("has one title, its first line", () => {
    const titles = [...prose(page).matchAll(/^# .*$/gm)];
    expect(titles).toHaveLength(1);
    expect(read(page)).toMatch(/^# /);
  });

  test("names only scripts that package.json has", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const named = [...read(page).matchAll(/\bnpm (?:run (?:-s )?)?([a-z][\w:]*)/g)].map(
      ([, script = ""]) => script,
    );
    expect(named.filter((script) => script !== "ci" && !(script in scripts))).toEqual([]);
  });

  test("names only files and folders that exist", () => {
    const named = [
      ...prose(page).matchAll(/`((?:src|worker|machines|scripts|test|docs)\/[\w./-]*)`/g),
    ]
      .map(([, path = ""]) => path)
      .filter((path) => !existsSync(join(root, path)));
    expect(named).toEqual([]);
  });
});
