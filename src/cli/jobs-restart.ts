// `avtomatika jobs restart`: a new job that begins where another one was, with an edited context.
import type { Command } from "commander";
import { jsonArgument, jsonObject, wholeNumber } from "./arguments.ts";
import { connect, operator, type ConnectionFlags } from "./connect.ts";
import { print, printJson } from "./output.ts";

interface RestartFlags extends ConnectionFlags {
  readonly from: number;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly key?: string;
}

export function addJobsRestart(jobs: Command): void {
  jobs
    .command("restart")
    .description("start a new job where this one was after a revision")
    .argument("<id>")
    .requiredOption("--from <n>", "the revision, as `jobs history` numbers them", wholeNumber(1))
    .option(
      "--context <json>",
      "members of the context to be replaced: JSON, @file, or @-; of a flow initial_data and state_history",
      (text) => jsonObject(jsonArgument(text)),
    )
    .option("--key <key>", "restarts with the same key give the same job")
    .action(async (jobId: string, _, command: Command) => {
      const { from, context, key, json, ...flags } = command.optsWithGlobals<RestartFlags>();
      const client = await connect(flags);
      const restarted = await client.restart(jobId, from, {
        by: operator(),
        ...(context && { context }),
        ...(key !== undefined && { idempotencyKey: key }),
      });
      if (json) printJson(restarted);
      else print(restarted.job_id);
    });
}
