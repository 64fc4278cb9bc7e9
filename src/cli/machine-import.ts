// `avtomatika machine import`: takes a machine from another tool, and says what code it needs before it can be a blueprint.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { lint } from "../blueprint/lint.ts";
import { readDocument, type BlueprintDocument } from "../blueprint/interchange/document.ts";
import { namesIn, nameKinds, type NameKind } from "../blueprint/interchange/names.ts";
import { loadDocument } from "../blueprint/load.ts";
import { RuntimeError } from "../errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { print, printJson } from "./output.ts";

interface ImportFlags {
  readonly as?: string;
  readonly out?: string;
  readonly implementations?: string;
  readonly json?: boolean;
}

export function addMachine(program: Command): void {
  const machine = program.command("machine").description("exchange machines with other tools");
  machine
    .command("import")
    .description("take in a machine as JSON, and say which names need code")
    .argument("<file>", "a machine as XState's config or Stately has it, or a blueprint as JSON")
    .option("--as <name>", "the blueprint's name, or name@version")
    .option(
      "--implementations <module>",
      "check it with what this module exports as implementations",
    )
    .option("--out <dir>", "write it as a blueprint into this directory")
    .action(async (file: string, _, command: Command) => {
      const { as, out, implementations, json } = command.optsWithGlobals<ImportFlags>();
      const document = renamed(readDocument(await textOf(file)), as);
      const needs = neededBy(document);
      const written = out === undefined ? undefined : join(out, `${document.name}.json`);
      if (written !== undefined) await write(written, document);
      const errors =
        implementations === undefined ? [] : await errorsWith(written ?? file, implementations);
      if (json) printJson({ ...about(document), needs, ...(written && { out: written }), errors });
      else
        print(
          written === undefined && implementations === undefined
            ? JSON.stringify(document, undefined, 2)
            : report(document, needs, written, errors),
        );
      if (errors.length > 0) process.exitCode = exitCodes.failed.code;
    });
}

const about = ({ name, version }: BlueprintDocument) => ({ blueprint: name, version });

function renamed(document: BlueprintDocument, as: string | undefined): BlueprintDocument {
  if (as === undefined) return document;
  const [name = document.name, version = document.version] = as.split("@");
  return { ...document, name, version };
}

/** Each name once, by kind. */
function neededBy(document: BlueprintDocument): Readonly<Partial<Record<NameKind, string[]>>> {
  const used = namesIn(document);
  return Object.fromEntries(
    nameKinds.flatMap((kind) => {
      const names = used.filter((one) => one.kind === kind).map(({ name }) => name);
      return names.length === 0
        ? []
        : [[kind, [...new Set(names)].toSorted((a, b) => (a < b ? -1 : 1))]];
    }),
  );
}

async function errorsWith(file: string, module: string): Promise<readonly string[]> {
  const { machine, style } = await loadDocument(file, module);
  return lint(machine, { style })
    .filter(({ severity }) => severity === "error")
    .map(({ where, message, code }) => `${where}: ${message} [${code}]`);
}

function report(
  document: BlueprintDocument,
  needs: Readonly<Partial<Record<NameKind, string[]>>>,
  written: string | undefined,
  errors: readonly string[],
): string {
  const { name, version } = document;
  const lines = Object.entries(needs).map(([kind, names]) => `  ${kind}: ${names.join(", ")}`);
  const where = written === undefined ? "can be imported" : `is written to ${written}`;
  const module = `The module beside it exports implementations with:`;
  return [
    `${name}@${version} ${where}.`,
    ...(lines.length > 0 ? [module, ...lines] : ["It names nothing, so it needs no module."]),
    ...errors,
  ].join("\n");
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new RuntimeError(
      "config.invalid",
      `The file can't be read: ${(error as Error).message}`,
      { file },
    );
  }
}

async function write(file: string, document: BlueprintDocument): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(document, undefined, 2)}\n`);
  } catch (error) {
    const message = `The blueprint can't be written: ${(error as Error).message}`;
    throw new RuntimeError("config.invalid", message, { file }, { cause: error });
  }
}
