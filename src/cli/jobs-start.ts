// `avtomatika jobs start`: starts a job, and with `--wait` stays until it has ended.
import type { Command } from "commander";
import { blueprintName, jsonArgument } from "./arguments.ts";
import { connect, type ConnectionFlags } from "./connect.ts";
import { endOf, exitCodeOfJob } from "./follow-job.ts";
import { describeJob } from "./job-text.ts";
import { print, printJson } from "./output.ts";
import { stopSignal } from "./stop-signal.ts";

interface StartFlags extends ConnectionFlags {
  readonly data: unknown;
  readonly key?: string;
  readonly partition?: string;
  readonly wait?: boolean;
}

export function addJobsStart(jobs: Command): void {
  jobs
    .command("start")
    .description("start a job")
    .argument("<blueprint>", "its name, or name@version")
    .option(
      "--data <json>",
      "the initial data: JSON, @file, or @- for standard input",
      jsonArgument,
      {},
    )
    .option("--key <key>", "starts with the same key give the same job")
    .option("--partition <key>", "jobs with the same key are kept together in one shard")
    .option("--wait", "stay until the job has ended, and end with 1 if it ended badly")
    .action(async (wanted: string, _, command: Command) => {
      const { data, key, partition, wait, json, ...flags } = command.optsWithGlobals<StartFlags>();
      const client = await connect(flags);
      const { name, version } = blueprintName(wanted);
      const started = await client.start(name, data, {
        ...(version !== undefined && { version }),
        ...(key !== undefined && { idempotencyKey: key }),
        ...(partition !== undefined && { partitionKey: partition }),
      });
      if (!wait) {
        if (json) printJson(started);
        else print(started.job_id);
        return;
      }
      const job = await endOf(client, started.job_id, stopSignal());
      // Told to end before the job has: that it runs on is all there is to say.
      if (!job) return print(json ? JSON.stringify(started) : started.job_id);
      if (json) printJson(job);
      else print(describeJob(job));
      process.exitCode = exitCodeOfJob(job);
    });
}
