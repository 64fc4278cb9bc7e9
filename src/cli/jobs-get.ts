// `avtomatika jobs get`: a job as it is now.
import type { Command } from "commander";
import { connect, type ConnectionFlags } from "./connect.ts";
import { describeJob } from "./job-text.ts";
import { print, printJson } from "./output.ts";

export function addJobsGet(jobs: Command): void {
  jobs
    .command("get")
    .description("show a job as it is now")
    .argument("<id>")
    .action(async (jobId: string, _, command: Command) => {
      const { json, ...flags } = command.optsWithGlobals<ConnectionFlags>();
      const job = await (await connect(flags)).get(jobId);
      if (json) printJson(job);
      else print(describeJob(job));
    });
}
