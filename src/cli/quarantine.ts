// `avtomatika quarantine …`: jobs that ended in an error nobody took: which and why, and to drive them again.
import type { Command } from "commander";
import pc from "picocolors";
import type { Client, QuarantineOptions, RedrivenJobs } from "../client/client.ts";
import { RuntimeError } from "../errors.ts";
import { jsonArgument, wholeNumber } from "./arguments.ts";
import { connect, operator, withConnectionOptions, type ConnectionFlags } from "./connect.ts";
import { exitCodes } from "./exit-codes.ts";
import { print, printJson, remark } from "./output.ts";
import { printable } from "./printable.ts";
import { table } from "./table.ts";

type ListFlags = ConnectionFlags &
  Pick<QuarantineOptions, "limit" | "blueprint" | "code" | "cursor">;
interface RedriveFlags extends ConnectionFlags {
  readonly all?: boolean;
  readonly blueprint?: string;
  readonly code?: string;
  readonly params?: unknown;
}

const limitDefault = 20;

export function addQuarantine(program: Command): void {
  const quarantine = program
    .command("quarantine")
    .description("see which jobs ended in an error and why, and drive them again");
  withConnectionOptions(quarantine);
  addList(quarantine);
  addRedrive(quarantine);
}

function withFilter(command: Command): Command {
  return command
    .option("--blueprint <name>", "only those of a blueprint")
    .option("--code <code>", "only those that ended in this error");
}

function addList(quarantine: Command): void {
  const list = quarantine
    .command("list")
    .description("list the jobs in quarantine with their reasons, newest first")
    .option("--limit <n>", "how many, 1000 at most", wholeNumber(1), limitDefault)
    .option("--cursor <cursor>", "go on after a page");
  withFilter(list).action(async (_, command: Command) => {
    const { json, url, token, ...query } = command.optsWithGlobals<ListFlags>();
    const client = await connect({ ...(url && { url }), ...(token && { token }) });
    const page = await client.quarantined(query);
    if (json) return printJson(page);
    const rows = page.jobs.map((job) => [
      job.job_id,
      `${job.blueprint_name}@${job.blueprint_version}`,
      printable(job.current_state),
      job.updated_at,
      printable(`${job.error.message} (${job.error.code})`),
    ]);
    const head = ["JOB", "BLUEPRINT", "STATE", "SINCE", "REASON"].map((name) => pc.dim(name));
    print(table([head, ...rows]));
    if (page.next !== undefined) remark(pc.dim(`More with --cursor ${page.next}`));
  });
}

function addRedrive(quarantine: Command): void {
  const redrive = quarantine
    .command("redrive")
    .description("do the work again that the jobs failed at")
    .argument("[ids...]", "the jobs; or --all")
    .option("--all", "all that the filters leave")
    .option(
      "--params <json>",
      "in place of the params of the task that failed: JSON, @file, or @- for standard input",
      jsonArgument,
    );
  withFilter(redrive).action(async (ids: string[], _, command: Command) => {
    const { all, blueprint, code, params, json, ...flags } =
      command.optsWithGlobals<RedriveFlags>();
    const isFiltered = blueprint !== undefined || code !== undefined;
    if ((all === true) === ids.length > 0 || (isFiltered && all !== true))
      throw new RuntimeError(
        "config.invalid",
        "Name jobs, or give --all, which filters may go with.",
      );
    const client = await connect(flags);
    const edit = { by: operator(), ...(params !== undefined && { params }) };
    const filter = {
      ...(blueprint !== undefined && { blueprint }),
      ...(code !== undefined && { code }),
    };
    const done = all
      ? await redriveAll(client, { ...filter, ...edit })
      : await redriveEach(client, ids, edit);
    if (json) printJson(done);
    else {
      for (const id of done.redriven) print(`${id} goes on.`);
      for (const { job_id, error } of done.refused)
        remark(pc.red(`${job_id}: ${printable(error)}`));
      if (done.redriven.length + done.refused.length === 0) print("There is none.");
    }
    if (done.refused.length > 0) process.exitCode = exitCodes.failed.code;
  });
}

type Done = Omit<RedrivenJobs, "next">;

async function redriveEach(
  client: Client,
  ids: readonly string[],
  edit: { readonly by: string; readonly params?: unknown },
): Promise<Done> {
  const redriven: string[] = [];
  const refused: Done["refused"] = [];
  for (const id of ids)
    try {
      await client.redrive(id, edit);
      redriven.push(id);
    } catch (error) {
      const isTheJobs =
        error instanceof RuntimeError && /^(job|request|blueprint)\./.test(error.code);
      if (!isTheJobs) throw error;
      refused.push({ job_id: id, code: error.code, error: error.message });
    }
  return { redriven, refused };
}

/** Page by page. The cursor is a place in time, so a job that fails again at once is not met twice. */
async function redriveAll(
  client: Client,
  query: {
    readonly blueprint?: string;
    readonly code?: string;
    readonly by: string;
    readonly params?: unknown;
  },
): Promise<Done> {
  const redriven: string[] = [];
  const refused: Done["refused"] = [];
  for (let cursor: string | undefined; ;) {
    const page = await client.redriveAll({ ...query, ...(cursor !== undefined && { cursor }) });
    redriven.push(...page.redriven);
    refused.push(...page.refused);
    if (page.next === undefined) return { redriven, refused };
    cursor = page.next;
  }
}
