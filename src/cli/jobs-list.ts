// `avtomatika jobs list`: jobs, newest first, page by page.
import { Option, type Command } from "commander";
import pc from "picocolors";
import { JobStatus } from "../protocol/job.ts";
import type { ListOptions } from "../client/client.ts";
import { wholeNumber } from "./arguments.ts";
import { connect, type ConnectionFlags } from "./connect.ts";
import { statusText } from "./job-text.ts";
import { print, printJson, remark } from "./output.ts";
import { printable } from "./printable.ts";
import { table } from "./table.ts";

type ListFlags = ConnectionFlags &
  Pick<ListOptions, "limit" | "status" | "blueprint" | "cursor" | "archived">;

const limitDefault = 20;

export function addJobsList(jobs: Command): void {
  jobs
    .command("list")
    .description("list jobs, newest first")
    .option("--limit <n>", "how many, 1000 at most", wholeNumber(1), limitDefault)
    .addOption(new Option("--status <status>", "only these").choices(JobStatus.options))
    .option("--blueprint <name>", "only those of a blueprint")
    .option("--cursor <cursor>", "go on after a page")
    .option("--archived", "those in the archive, in place of those in the live store")
    .action(async (_, command: Command) => {
      const { json, url, token, ...query } = command.optsWithGlobals<ListFlags>();
      const client = await connect({ ...(url && { url }), ...(token && { token }) });
      const page = await client.list(query);
      if (json) return printJson(page);
      const rows = page.jobs.map((job) => [
        job.job_id,
        `${job.blueprint_name}@${job.blueprint_version}`,
        printable(job.current_state),
        statusText(job.status),
        job.updated_at,
      ]);
      const head = ["JOB", "BLUEPRINT", "STATE", "STATUS", "UPDATED"].map((name) => pc.dim(name));
      print(table([head, ...rows]));
      if (page.next !== undefined) remark(pc.dim(`More with --cursor ${page.next}`));
    });
}
