// `avtomatika jobs cancel`: ends a job before its time.
import type { Command } from "commander";
import { connect, type ConnectionFlags } from "./connect.ts";
import { print, printJson } from "./output.ts";

export function addJobsCancel(jobs: Command): void {
  jobs
    .command("cancel")
    .description("end a job before its time")
    .argument("<id>")
    .action(async (jobId: string, _, command: Command) => {
      const { json, ...flags } = command.optsWithGlobals<ConnectionFlags>();
      await (await connect(flags)).cancel(jobId);
      if (json) printJson({ job_id: jobId, status: "cancelled" });
      else print(`${jobId} is cancelled.`);
    });
}
