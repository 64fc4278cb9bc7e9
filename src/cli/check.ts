// `avtomatika check`: loads the blueprints of a directory and says what is wrong with them.
import { relative } from "node:path";
import type { Command } from "commander";
import pc from "picocolors";
import { lint } from "../blueprint/lint.ts";
import type { Finding, Severity } from "../blueprint/lint/finding.ts";
import { loadBlueprints } from "../blueprint/load.ts";
import { BlueprintRegistry } from "../blueprint/registry.ts";
import { readSetting } from "../config.ts";
import { RuntimeError } from "../errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { print, printJson } from "./output.ts";
import { shippedBlueprints } from "./start.ts";

interface CheckFlags {
  readonly blueprints?: string;
  readonly json?: boolean;
}

/** A blueprint with what was found; a refusal that is not about one place of it has the code of the refusal. */
interface Checked {
  readonly blueprint: string;
  readonly version: string;
  readonly file: string;
  readonly findings: readonly (Omit<Finding, "code"> & { readonly code: string })[];
}

export function addCheck(program: Command): void {
  program
    .command("check")
    .description("say what is wrong with blueprints, before any job is started")
    .option("--blueprints <dir>", "where blueprints are (BLUEPRINTS_DIR)")
    .action(async (_, command: Command) => {
      const { json, blueprints } = command.optsWithGlobals<CheckFlags>();
      const checked = await checkDirectory(blueprintsDirectory(blueprints));
      const errors = checked.flatMap(({ findings }) => findings.filter(isError)).length;
      if (json) printJson({ ok: errors === 0, blueprints: checked });
      else print(report(checked, errors));
      if (errors > 0) process.exitCode = exitCodes.failed.code;
    });
}

/** Where blueprints are loaded from: what was given, else those that come with the package. */
export function blueprintsDirectory(flag: string | undefined): string {
  const flags = { blueprints: flag };
  return readSetting("blueprints", ["BLUEPRINTS_DIR"], { flags }) ?? shippedBlueprints;
}

/** @throws RuntimeError `blueprint.load_failed` */
async function checkDirectory(directory: string): Promise<readonly Checked[]> {
  const registry = new BlueprintRegistry();
  return (await loadBlueprints(directory)).map(({ file, blueprint }) => {
    const { name, version, machine, style } = blueprint;
    const findings = lint(machine, { style });
    const refusal = findings.some(isError)
      ? undefined
      : refusalOf(() => registry.register(blueprint));
    return {
      blueprint: name,
      version,
      file: relative(process.cwd(), file),
      findings: refusal ? [refusal, ...findings] : findings,
    };
  });
}

/** What is wrong with a blueprint beside others: a name or an endpoint that is taken. */
function refusalOf(register: () => unknown): Checked["findings"][number] | undefined {
  try {
    register();
    return undefined;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return { code: error.code, severity: "error", where: "blueprint", message: error.message };
  }
}

const isError = ({ severity }: { readonly severity: Severity }): boolean => severity === "error";

const colours: Readonly<Record<Severity, (text: string) => string>> = {
  error: pc.red,
  warning: pc.yellow,
  info: pc.blue,
};

function report(checked: readonly Checked[], errors: number): string {
  const lines = checked.flatMap(({ blueprint, version, file, findings }) => [
    `${findings.some(isError) ? pc.red("✗") : pc.green("✓")} ${pc.bold(`${blueprint}@${version}`)}  ${pc.dim(file)}`,
    ...findings.map(
      ({ code, severity, where, message }) =>
        `  ${colours[severity](severity)} ${where}: ${message} ${pc.dim(`[${code}]`)}`,
    ),
  ]);
  const words = errors === 0 ? "no errors" : `${errors} ${errors === 1 ? "error" : "errors"}`;
  return [...lines, `${checked.length} blueprints, ${words}`].join("\n");
}
