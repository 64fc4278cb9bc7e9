// `avtomatika jobs migrate`: running jobs of one version go on as another, or tell what would become of them.
import type { Command } from "commander";
import pc from "picocolors";
import type { MigratedJob } from "../protocol/past-contract.ts";
import { connect, operator, type ConnectionFlags } from "./connect.ts";
import { exitCodes } from "./exit-codes.ts";
import { print, printJson } from "./output.ts";
import { printable } from "./printable.ts";
import { table } from "./table.ts";

interface MigrateFlags extends ConnectionFlags {
  readonly from: string;
  readonly to?: string;
  readonly dryRun?: boolean;
}

export function addJobsMigrate(jobs: Command): void {
  jobs
    .command("migrate")
    .description("let running jobs go on as another version; ends with 1 if any could not")
    .argument("<blueprint>")
    .requiredOption("--from <version>", "the version that they are")
    .option("--to <version>", "the version that they are to be; the newest where absent")
    .option("--dry-run", "only tell what would become of each")
    .action(async (blueprint: string, _, command: Command) => {
      const { from, to, dryRun, json, ...flags } = command.optsWithGlobals<MigrateFlags>();
      const client = await connect(flags);
      const migrated: MigratedJob[] = [];
      let target = to;
      for (let cursor: string | undefined; ;) {
        const page = await client.migrate(blueprint, from, {
          by: operator(),
          ...(target !== undefined && { to: target }),
          ...(dryRun && { dryRun }),
          ...(cursor !== undefined && { cursor }),
        });
        migrated.push(...page.jobs);
        // A version that is deployed meanwhile is not meant.
        target = page.to;
        cursor = page.next;
        if (cursor === undefined) break;
      }
      const ok = migrated.every(({ outcome }) => outcome !== "refused");
      if (json) printJson({ ok, from, to: target, jobs: migrated });
      else print(migrationText(migrated, `${blueprint}@${target}`));
      if (!ok) process.exitCode = exitCodes.failed.code;
    });
}

export function migrationText(jobs: readonly MigratedJob[], to: string): string {
  const rows = jobs.map((job) => [mark(job), job.job_id, wayOf(job), printable(whatOf(job))]);
  const refused = jobs.filter(({ outcome }) => outcome === "refused").length;
  const would = jobs.some(({ outcome }) => outcome === "would_migrate");
  const words = would ? "would go on" : "go on";
  const rest = refused === 0 ? "" : `, ${refused} ${refused === 1 ? "stays" : "stay"} as before`;
  const end = `${jobs.length - refused} ${jobs.length - refused === 1 ? "job" : "jobs"} ${words} as ${to}${rest}`;
  return rows.length === 0 ? end : `${table(rows)}\n${end}`;
}

const mark = ({ outcome }: MigratedJob): string =>
  outcome === "refused" ? pc.red("✗") : pc.green("✓");

function wayOf({ current_state, new_state }: MigratedJob): string {
  const is = printable(current_state);
  return new_state === undefined || new_state === current_state
    ? is
    : `${is} → ${printable(new_state)}`;
}

function whatOf({ stops = [], starts = [], problems = [] }: MigratedJob): string {
  return [
    ...(stops.length > 0 ? [`stops ${stops.join(", ")}`] : []),
    ...(starts.length > 0 ? [`starts ${starts.join(", ")}`] : []),
    ...problems.map(({ message }) => message),
  ].join("; ");
}
