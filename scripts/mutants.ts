// Breaks a copy of the kernel in one way after another, and fails where no test notices: `npm run mutants [-- word …]`.
import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { mutants, type Edit, type Mutant } from "./mutants/mutants.ts";

const root = join(import.meta.dirname, "..");
const run = promisify(execFile);

/** Quickest first; the first that fails has noticed. */
const suites = [
  ["--project", "unit", "test/unit/actor"],
  ["--project", "scxml"],
] as const;
const patienceMs = 300_000;

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const words = process.argv.slice(2);
const chosen = mutants.filter(({ drops }) => words.every((word) => drops.includes(word)));
const copy = mkdtempSync(join(tmpdir(), "avtomatika-mutants-"));
try {
  for (const part of ["src", "test", "package.json", "tsconfig.json", "vitest.config.ts"]) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  mkdirSync(join(root, ".cache"), { recursive: true });
  for (const part of ["node_modules", ".cache"]) symlinkSync(join(root, part), join(copy, part));
  const broken = await firstFailure();
  if (broken !== undefined) throw new Error(`The kernel fails before it is broken: ${broken}`);
  for (const mutant of chosen) await check(mutant);
} finally {
  rmSync(copy, { recursive: true, force: true });
}

function pathOf(file: string): string {
  return join(copy, "src/actor", file);
}

async function check({ drops, edits }: Mutant): Promise<void> {
  const originals = edits.map(({ file }) => [file, readFileSync(pathOf(file), "utf8")] as const);
  for (const edit of edits) apply(edit);
  const noticed = await firstFailure();
  for (const [file, text] of originals.toReversed()) writeFileSync(pathOf(file), text);
  if (noticed === undefined) process.exitCode = 1;
  const by = noticed === undefined ? "NOBODY NOTICES" : `noticed by ${noticed}`;
  process.stdout.write(`without ${drops}: ${by}\n`);
}

function apply({ file, text, by }: Edit): void {
  const source = readFileSync(pathOf(file), "utf8");
  if (source.split(text).length !== 2) throw new Error(`src/actor/${file} has not one '${text}'`);
  writeFileSync(
    pathOf(file),
    source.replace(text, () => by),
  );
}

/** @returns the first test that fails, or undefined where all pass. */
async function firstFailure(): Promise<string | undefined> {
  for (const suite of suites) {
    const report = join(copy, "report.json");
    rmSync(report, { force: true });
    const options = ["--reporter=json", `--outputFile=${report}`, "--bail=1"];
    const vitest = join(root, "node_modules/vitest/vitest.mjs");
    try {
      await run(process.execPath, [vitest, "run", ...suite, ...options], {
        cwd: copy,
        timeout: patienceMs,
        maxBuffer: 2 ** 28,
      });
    } catch {
      return failureIn(JSON.parse(readFileSync(report, "utf8")) as Report);
    }
  }
  return undefined;
}

function failureIn({ testResults }: Report): string {
  for (const { name, message, assertionResults } of testResults) {
    const file = name.slice(name.indexOf("test/"));
    const failed = assertionResults.find(({ status }) => status === "failed");
    if (failed !== undefined) return `${file}: ${failed.fullName.trim()}`;
    // A file that can't be loaded says nothing of the kernel.
    if (message !== "") throw new Error(`${file} does not run: ${message}`);
  }
  throw new Error("The tests fail, and none of them says so");
}
