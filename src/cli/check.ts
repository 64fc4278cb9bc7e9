// `avtomatika check`: loads the blueprints of a directory and says what is wrong with them.
import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import type { Command } from "commander";
import pc from "picocolors";
import { lint } from "../blueprint/lint.ts";
import { docsOf, type PlacedFinding, type Severity } from "../blueprint/lint/finding.ts";
import { unofferedTasks } from "../blueprint/lint/worker-rules.ts";
import { loadBlueprints, type LoadedBlueprint } from "../blueprint/load.ts";
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
import { lineOfState } from "./source-line.ts";
import { shippedBlueprints } from "./start.ts";

interface CheckFlags extends ConnectionFlags {
  readonly blueprints?: string;
  readonly live?: boolean;
}

/** A finding; a refusal that is not about one place of a blueprint has the code of the refusal. */
type Found = Omit<PlacedFinding, "code"> & { readonly code: string };

/** A blueprint with what was found, each with what an editor needs to show it. */
interface Checked {
  readonly blueprint: string;
  readonly version: string;
  readonly file: string;
  readonly findings: readonly (Found & {
    readonly file: string;
    /** Counted from 1; a guess by the names of the states. */
    readonly line: number;
    /** Page and heading of the documentation. */
    readonly docs: string;
  })[];
}

export function addCheck(program: Command): void {
  const check = program
    .command("check")
    .description("say what is wrong with blueprints, before any job is started")
    .option("--blueprints <dir>", "where blueprints are (BLUEPRINTS_DIR)")
    .option("--live", "say what they would mean for the running jobs of a server");
  // A server is asked only where one is named: blueprints can be checked where none runs.
  withConnectionOptions(check).action(async (_, command: Command) => {
    const flags = command.optsWithGlobals<CheckFlags>();
    const client = flags.url === undefined && !flags.live ? undefined : await connect(flags);
    const registry = new BlueprintRegistry();
    const offered = client && (await offeredBy(client));
    const checked = await checkDirectory(registry, blueprintsDirectory(flags.blueprints), offered);
    const errors = checked.flatMap(({ findings }) => findings.filter(isError)).length;
    const compared = client && flags.live ? await compareLive(client, registry) : undefined;
    const { live = [], changed = [] } = compared ?? {};
    const ok = errors === 0 && changed.length === 0 && !live.some(isStranded);
    if (flags.json) printJson({ ok, blueprints: checked, ...compared });
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

/** @throws RuntimeError `blueprint.load_failed` */
async function checkDirectory(
  registry: BlueprintRegistry,
  directory: string,
  offered: ReadonlySet<string> | undefined,
): Promise<readonly Checked[]> {
  const loaded = await loadBlueprints(directory);
  return Promise.all(loaded.map((one) => checkOne(registry, one, offered)));
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

function report(checked: readonly Checked[], errors: number): string {
  const lines = checked.flatMap(({ blueprint, version, file, findings }) => [
    `${findings.some(isError) ? pc.red("✗") : pc.green("✓")} ${pc.bold(`${blueprint}@${version}`)}  ${pc.dim(file)}`,
    ...findings.map(
      ({ code, severity, where, message }) =>
        `  ${colours[severity](severity)} ${where}: ${message} ${pc.dim(`[${code}]`)}`,
    ),
  ]);
  const words = errors === 0 ? "no errors" : `${errors} ${errors === 1 ? "error" : "errors"}`;
  const count = `${checked.length} ${checked.length === 1 ? "blueprint" : "blueprints"}`;
  return [...lines, `${count}, ${words}`].join("\n");
}
