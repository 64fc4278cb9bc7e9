// Stays with a job until it has ended, with one line that says where it is.
import type { Client } from "../client/client.ts";
import type { Job } from "../protocol/job.ts";
import type { ProgressEvent } from "../protocol/job-event.ts";
import { exitCodes } from "./exit-codes.ts";
import { eventText, progressText, statusText } from "./job-text.ts";
import { LiveLine } from "./live-line.ts";
import { remark } from "./output.ts";

/**
 * Wait for the end of a job, and say where it is meanwhile: in one line that changes where there is a terminal, else
 * in a line for each step.
 *
 * @returns undefined where `signal` came first.
 */
export async function endOf(
  client: Client,
  jobId: string,
  signal: AbortSignal,
): Promise<Job | undefined> {
  const line = process.stderr.isTTY ? new LiveLine(process.stderr) : undefined;
  let state = "";
  const progress = new Map<string, ProgressEvent>();
  for await (const event of client.watch(jobId, { signal })) {
    if (event.type === "finished") {
      line?.clear();
      return event.job;
    }
    if (!line) {
      if (event.type === "state") remark(eventText(event));
      continue;
    }
    if (event.type === "progress") progress.set(event.task_id, event);
    if (event.type === "state") {
      state = `${event.current_state} ${statusText(event.status)}`;
      progress.clear();
    }
    line.show([state, ...[...progress.values()].map(progressText)].join("  "));
  }
  line?.clear();
  return undefined;
}

/** A blueprint may end well in a state that it calls `failed`; whoever waits wants to know. */
export function exitCodeOfJob({ status, current_state }: Job): number {
  const isWell = status === "finished" && current_state !== "failed";
  return isWell ? exitCodes.ok.code : exitCodes.failed.code;
}
