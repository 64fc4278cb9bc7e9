// `avtomatika jobs send`: sends an event to a job.
import { InvalidArgumentError, type Command } from "commander";
import { jsonArgument } from "./arguments.ts";
import { connect, type ConnectionFlags } from "./connect.ts";
import { exitCodes } from "./exit-codes.ts";
import { print, printJson } from "./output.ts";

interface SendFlags extends ConnectionFlags {
  readonly data: Readonly<Record<string, unknown>>;
}

export function addJobsSend(jobs: Command): void {
  jobs
    .command("send")
    .description("send an event; ends with 1 if the job, as it is now, ignores it")
    .argument("<id>")
    .argument("<type>", "the event's type, such as APPROVE")
    .option("--data <json>", "what else the event says: JSON, @file, or @- for input", members, {})
    .action(async (jobId: string, type: string, _, command: Command) => {
      const { data, json, ...flags } = command.optsWithGlobals<SendFlags>();
      const sent = await (await connect(flags)).send(jobId, { ...data, type });
      if (json) printJson({ job_id: jobId, ...sent });
      else print(`${type} is ${sent.status}.`);
      if (sent.status === "ignored") process.exitCode = exitCodes.failed.code;
    });
}

function members(text: string): Readonly<Record<string, unknown>> {
  const value = jsonArgument(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw new InvalidArgumentError("It must be a JSON object.");
}
