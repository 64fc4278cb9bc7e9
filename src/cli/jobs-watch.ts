// `avtomatika jobs watch`: what a job does, as it happens, until it has ended.
import type { Command } from "commander";
import { connect, type ConnectionFlags } from "./connect.ts";
import { exitCodeOfJob } from "./follow-job.ts";
import { eventText } from "./job-text.ts";
import { print, printJsonLine } from "./output.ts";
import { stopSignal } from "./stop-signal.ts";

export function addJobsWatch(jobs: Command): void {
  jobs
    .command("watch")
    .description("follow a job until it has ended; ends with 1 if that was badly")
    .argument("<id>")
    .action(async (jobId: string, _, command: Command) => {
      const { json, ...flags } = command.optsWithGlobals<ConnectionFlags>();
      const client = await connect(flags);
      for await (const event of client.watch(jobId, { signal: stopSignal() })) {
        if (json) printJsonLine(event);
        else print(eventText(event));
        if (event.type === "finished") process.exitCode = exitCodeOfJob(event.job);
      }
    });
}
