// `avtomatika jobs history`: every revision of a job, or the job as it was after one of them.
import type { Command } from "commander";
import pc from "picocolors";
import type { JobMoment, JobStep, StartedWork } from "../protocol/job.ts";
import { messageText } from "../protocol/message-text.ts";
import { timerText } from "../protocol/timer-text.ts";
import { wholeNumber } from "./arguments.ts";
import { connect, type ConnectionFlags } from "./connect.ts";
import { jsonText, statusText } from "./job-text.ts";
import { print, printJson } from "./output.ts";
import { printable } from "./printable.ts";
import { table } from "./table.ts";

interface HistoryFlags extends ConnectionFlags {
  readonly at?: number;
}

export function addJobsHistory(jobs: Command): void {
  jobs
    .command("history")
    .description("show every revision of a job, or the job as it was after one of them")
    .argument("<id>")
    .option("--at <n>", "the job as it was after this revision", wholeNumber(1))
    .action(async (jobId: string, _, command: Command) => {
      const { json, at, ...flags } = command.optsWithGlobals<HistoryFlags>();
      const client = await connect(flags);
      if (at !== undefined) {
        const moment = await client.at(jobId, at);
        if (json) return printJson(moment);
        return print(describeMoment(moment));
      }
      const steps: JobStep[] = [];
      for (let after = 0; ; after = steps.at(-1)!.revision) {
        const page = await client.history(jobId, { after, replayed: true });
        if (page.length === 0) break;
        steps.push(...page);
      }
      if (json) printJson(steps);
      else print(historyTable(steps));
    });
}

/** When, what moved it, from where to where, and what that started. */
export function historyTable(steps: readonly JobStep[]): string {
  const head = ["REVISION", "TIME", "EVENT", "STATE", "STARTED"].map((name) => pc.dim(name));
  const rows = steps.map((step) => [
    String(step.revision),
    step.timestamp,
    printable(messageText(step.message)),
    `${way(step)}  ${statusText(step.status)}`,
    printable(workText(step.started ?? [])),
  ]);
  return table([head, ...rows]);
}

function way({ previous_state, current_state }: JobStep): string {
  const stays = previous_state === undefined || previous_state === current_state;
  if (stays || previous_state === "") return printable(current_state);
  return `${printable(previous_state)} → ${printable(current_state)}`;
}

const workText = (started: readonly StartedWork[]): string =>
  started.map(({ child, kind, name }) => `${kind} ${name} as ${child}`).join(", ");

function describeMoment(moment: JobMoment): string {
  const facts: (readonly [string, string])[] = [
    ["job", `${pc.bold(moment.job_id)} after revision ${moment.revision}`],
    ["blueprint", `${moment.blueprint_name}@${moment.blueprint_version}`],
    ["time", moment.timestamp],
    ["event", printable(messageText(moment.message))],
    ["state", way(moment)],
    ["status", statusText(moment.status)],
  ];
  if (moment.started.length > 0) facts.push(["started", printable(workText(moment.started))]);
  if (moment.running.length > 0) facts.push(["ran", printable(workText(moment.running))]);
  for (const { event, due } of moment.timers)
    facts.push(["timer", `${timerText(event)}, due ${due}`]);
  if (moment.deferred_events.length > 0)
    facts.push(["kept events", printable(moment.deferred_events.join(", "))]);
  if (moment.error)
    facts.push(["error", printable(`${moment.error.message} (${moment.error.code})`)]);
  if (moment.output !== undefined) facts.push(["output", jsonText(moment.output)]);
  facts.push(["data", jsonText(moment.data)]);
  return table(facts.map(([name, value]) => [pc.dim(name), value]));
}
