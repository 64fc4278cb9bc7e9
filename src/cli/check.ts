// `avtomatika check`: loads the blueprints of a directory and says what is wrong with them.
import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import type { Command } from "commander";
import pc from "picocolors";
import { lint } from "../blueprint/lint.ts";
import { docsOf, type PlacedFinding, type Severity } from "../blueprint/lint/finding.ts";
import { unofferedTasks } from "../blueprint/lint/worker-rules.ts";
import { readBlueprintFiles, type LoadedBlueprint } from "../blueprint/load.ts";
import { BlueprintRegistry } from "../blueprint/registry.ts";
import type { Client } from "../client/client.ts";
import { readSetting } from "../config.ts";
import { RuntimeError } from "../errors.ts";
import type { StandingJob } from "../protocol/past-contract.ts";
import { changedVersions, liveGroups } from "./check-live.ts";
import { isStranded, liveText } from "./check-live-text.ts";
import { connect, withConnectionOptions, type ConnectionFlags } from "./connect.ts";
import { exitCodes } from "./exit-codes.ts";
import { print, printJson } from "./output.ts";
import { printable } from "./printable.ts";
import { lineOfFailure, lineOfState } from "./source-line.ts";
import { shippedBlueprints } from "./start.ts";

interface CheckFlags extends ConnectionFlags {
  readonly blueprints?: string;
  readonly live?: boolean;
}

/** A finding; a refusal that is not about one place of a blueprint has the code of the refusal. */
type Found = Omit<PlacedFinding, "code"> & { readonly code: string };

/** A file with what was found, each with what an editor needs to show it. */
interface CheckedFile {
  readonly file: string;
  readonly findings: readonly (Found & {
    readonly file: string;
    /** Counted from 1; a guess by the names of the states. */
    readonly line: number;
    /** Page and heading of the documentation. */
    readonly docs: string;
  })[];
}

interface Checked extends CheckedFile {
  readonly blueprint: string;
  readonly version: string;
}

/** What of a directory loads, and what does not. */
interface CheckedDirectory {
  readonly blueprints: readonly Checked[];
  readonly unloaded: readonly CheckedFile[];
}

export function addCheck(program: Command): void {
  const check = program
    .command("check")
    .description("say what is wrong with blueprints, before any job is started")
    .option("--blueprints <dir>", "where blueprints are (BLUEPRINTS_DIR)")
    .option("--live", "say what they would mean for the running jobs of a server");
  // A server is asked only where one is named: blueprints can be checked where none runs.
  withConnectionOptions(check).action(async (_, command: Command) => {
    // XState refuses a machine from deep inside: where it was made is to be told, too.
    Error.stackTraceLimit = 100;
    const flags = command.optsWithGlobals<CheckFlags>();
    const client = flags.url === undefined && !flags.live ? undefined : await connect(flags);
    const registry = new BlueprintRegistry();
    const offered = client && (await offeredBy(client));
    const checked = await checkDirectory(registry, blueprintsDirectory(flags.blueprints), offered);
    const files = [...checked.blueprints, ...checked.unloaded];
    const errors = files.flatMap(({ findings }) => findings.filter(isError)).length;
    // What a file would have held, nobody knows: jobs of it are not told to be without their version.
    const isWhole = checked.unloaded.length === 0;
    const compared =
      client && flags.live && isWhole ? await compareLive(client, registry) : undefined;
    const { live = [], changed = [] } = compared ?? {};
    const ok = errors === 0 && changed.length === 0 && !live.some(isStranded);
    if (flags.json) printJson({ ok, ...checked, ...compared });
    else
      print([report(checked, errors), ...(compared ? [liveText(live, changed)] : [])].join("\n\n"));
    if (!ok) process.exitCode = exitCodes.failed.code;
  });
}

/** What the directory would mean for a server: versions that it could not have as they are, and its running jobs. */
async function compareLive(client: Client, directory: BlueprintRegistry) {
  const changed = await changedVersions(directory, async (name, version) => {
    try {
      return await client.shape(name, { version });
    } catch (error) {
      if (error instanceof RuntimeError && error.code === "blueprint.not_found") return undefined;
      throw error;
    }
  });
  const jobs: StandingJob[] = [];
  for (let cursor: string | undefined; ;) {
    const query = { limit: 1000, ...(cursor !== undefined && { cursor }) };
    const page = await client.standings(query);
    jobs.push(...page.jobs);
    cursor = page.next;
    if (cursor === undefined) break;
  }
  return { changed, live: liveGroups(jobs, directory, changed) };
}

/** What the workers do that are connected to a server. */
async function offeredBy(client: Client): Promise<ReadonlySet<string>> {
  const workers = await client.workers();
  return new Set(workers.flatMap(({ supported_tasks }) => supported_tasks));
}

/** Where blueprints are loaded from: what was given, else those that come with the package. */
export function blueprintsDirectory(flag: string | undefined): string {
  const flags = { blueprints: flag };
  return readSetting("blueprints", ["BLUEPRINTS_DIR"], { flags }) ?? shippedBlueprints;
}

/** @throws RuntimeError `blueprint.load_failed` where the directory cannot be read */
async function checkDirectory(
  registry: BlueprintRegistry,
  directory: string,
  offered: ReadonlySet<string> | undefined,
): Promise<CheckedDirectory> {
  const blueprints: Checked[] = [];
  const unloaded: CheckedFile[] = [];
  for await (const one of readBlueprintFiles(directory)) {
    if (one.failure) unloaded.push(unloadedFile(one.file, one.failure));
    for (const blueprint of one.blueprints)
      blueprints.push(await checkOne(registry, { file: one.file, blueprint }, offered));
  }
  return { blueprints, unloaded };
}

function unloadedFile(file: string, failure: RuntimeError): CheckedFile {
  const { code, message } = failure;
  const shown = relative(process.cwd(), file);
  const found = { code, severity: "error", where: "file", state: "", message } as const;
  const line = lineOfFailure(file, failure);
  return { file: shown, findings: [{ ...found, file: shown, line, docs: docsOf(code) }] };
}

async function checkOne(
  registry: BlueprintRegistry,
  { file, blueprint }: LoadedBlueprint,
  offered: ReadonlySet<string> | undefined,
): Promise<Checked> {
  const { name, version, machine, style } = blueprint;
  const findings = lint(machine, { style });
  const refusal = findings.some(isError)
    ? undefined
    : refusalOf(() => registry.register(blueprint));
  const found = [
    ...(refusal ? [refusal] : []),
    ...findings,
    ...(offered ? unofferedTasks(machine, offered) : []),
  ];
  const shown = relative(process.cwd(), file);
  const text = found.length > 0 ? await readFile(file, "utf8") : "";
  return {
    blueprint: name,
    version,
    file: shown,
    findings: found.map((one) => ({
      ...one,
      file: shown,
      line: lineOfState(text, one.state),
      docs: docsOf(one.code),
    })),
  };
}

/** What is wrong with a blueprint beside others: a name or an endpoint that is taken. */
function refusalOf(register: () => unknown): Found | undefined {
  try {
    register();
    return undefined;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const { code, message } = error;
    return { code, severity: "error", where: "blueprint", state: "", message };
  }
}

const isError = ({ severity }: { readonly severity: Severity }): boolean => severity === "error";

const colours: Readonly<Record<Severity, (text: string) => string>> = {
  error: pc.red,
  warning: pc.yellow,
  info: pc.blue,
};

function report({ blueprints, unloaded }: CheckedDirectory, errors: number): string {
  const lines = [
    ...blueprints.flatMap(({ blueprint, version, file, findings }) => [
      `${findings.some(isError) ? pc.red("✗") : pc.green("✓")} ${pc.bold(`${blueprint}@${version}`)}  ${pc.dim(file)}`,
      ...findings.map(findingLine),
    ]),
    ...unloaded.flatMap(({ file, findings }) => [
      `${pc.red("✗")} ${pc.bold(file)}`,
      ...findings.map(findingLine),
    ]),
  ];
  const words = errors === 0 ? "no errors" : `${errors} ${errors === 1 ? "error" : "errors"}`;
  const count = `${blueprints.length} ${blueprints.length === 1 ? "blueprint" : "blueprints"}`;
  return [...lines, `${count}, ${words}`].join("\n");
}

const findingLine = ({ code, severity, where, message }: Found): string =>
  `  ${colours[severity](severity)} ${where}: ${printable(message)} ${pc.dim(`[${code}]`)}`;
