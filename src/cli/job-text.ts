// Jobs and what happens to them, in words and colours for people.
import pc from "picocolors";
import type { Job, JobStatus, Wait } from "../protocol/job.ts";
import type { ChunkEvent, LogEvent, ProgressEvent, StreamEvent } from "../protocol/job-event.ts";
import { timerText } from "../protocol/timer-text.ts";
import { printable } from "./printable.ts";
import { table } from "./table.ts";

/** Everything that there is to know about a job, one fact on a line. */
export function describeJob(job: Job): string {
  const facts: (readonly [string, string])[] = [
    ["job", pc.bold(job.job_id)],
    ["blueprint", `${job.blueprint_name}@${job.blueprint_version}`],
    ["state", printable(job.current_state)],
    ["status", statusText(job.status)],
    ["created", job.created_at],
    ["updated", `${job.updated_at}, revision ${job.revision}`],
  ];
  if (job.archived_at !== undefined) facts.push(["archived", job.archived_at]);
  const { restarted_from: before, restarted_as: after = [] } = job;
  if (before) facts.push(["restart of", `${before.job_id}, revision ${before.revision}`]);
  if (after.length > 0) facts.push(["restarted as", after.join(", ")]);
  if (job.task_worker_id !== undefined) facts.push(["worker", printable(job.task_worker_id)]);
  for (const wait of job.waits) facts.push(["waits for", waitText(wait)]);
  if (job.error) facts.push(["error", printable(`${job.error.message} (${job.error.code})`)]);
  if (job.output !== undefined) facts.push(["output", jsonText(job.output)]);
  else facts.push(["data", jsonText(job.data)]);
  return table(facts.map(([name, value]) => [pc.dim(name), value]));
}

export function statusText(status: JobStatus): string {
  switch (status) {
    case "finished":
      return pc.green(status);
    case "failed":
    case "quarantined":
      return pc.red(status);
    case "cancelled":
    case "awaiting_retry":
      return pc.yellow(status);
    case "running":
    case "waiting_for_worker":
    case "waiting_for_parallel_tasks":
    case "waiting_for_human":
    case "waiting_for_event":
    case "waiting_for_timer":
    case "waiting_for_sub_job":
      return pc.cyan(status);
  }
}

/** One line about one thing that happened. */
export function eventText(event: StreamEvent): string {
  switch (event.type) {
    case "state":
      return `${clockTime(event.at)}  ${printable(event.current_state)}  ${statusText(event.status)}`;
    case "progress":
      return `              ${progressText(event)}`;
    case "log":
      return logText(event);
    case "chunk":
      return `              ${event.task_type} ${pc.dim(`${event.stream}@${event.offset}`)} ${chunkText(event)}`;
    case "emitted":
      return `              ${pc.dim("emitted")} ${jsonText(event.event)}`;
    case "finished":
      return describeJob(event.job);
  }
}

function logText({ at, task_type, level, message, fields, dropped }: LogEvent): string {
  const paint = level === "error" ? pc.red : level === "warn" ? pc.yellow : pc.dim;
  const more = fields === undefined ? "" : ` ${pc.dim(jsonText(fields))}`;
  const missing = dropped === undefined ? "" : pc.dim(` (${dropped} lines before it were dropped)`);
  return `${clockTime(at)}  ${task_type} ${paint(level)} ${printable(message)}${more}${missing}`;
}

function chunkText({ data, encoding }: ChunkEvent): string {
  return encoding === "text" ? printable(data) : pc.dim(`${data.length} characters of Base64`);
}

/** `render_image ██████░░░░  60 %  writing small.webp` */
export function progressText({ task_type, ratio, message }: ProgressEvent): string {
  const bar = ratio === undefined ? "" : ` ${progressBar(ratio)}`;
  return `${task_type}${bar}${message === undefined ? "" : `  ${pc.dim(printable(message))}`}`;
}

/** @param ratio 0 to 1 */
export function progressBar(ratio: number, width = 10): string {
  const done = Math.min(1, Math.max(0, ratio));
  const full = Math.round(done * width);
  const percent = `${Math.round(done * 100)}`.padStart(3);
  return `${pc.cyan("█".repeat(full))}${pc.dim("░".repeat(width - full))} ${percent} %`;
}

function waitText(wait: Wait): string {
  switch (wait.kind) {
    case "task": {
      const attempt = wait.attempt > 1 ? `, attempt ${wait.attempt}` : "";
      const worker = wait.worker_id === undefined ? "" : ` by ${printable(wait.worker_id)}`;
      const why = wait.why ? `. ${printable(wait.why.reason)}` : "";
      return `task ${wait.task_type}, ${wait.state}${worker} since ${wait.since}${attempt}${why}`;
    }
    case "child":
      return `job ${wait.job_id}${wait.blueprint_name === undefined ? "" : ` of ${wait.blueprint_name}, ${wait.status}`}`;
    case "approval":
      return `a person: ${wait.decisions.join(" or ")}${wait.message === undefined ? "" : ` (${printable(wait.message)})`}`;
    case "version": {
      const what = `${wait.blueprint_name}@${wait.blueprint_version}`;
      const why = wait.reason === "missing" ? "is not served" : "has another shape by now";
      return printable([`its version: ${what} ${why}.`, ...wait.problems].join(" "));
    }
    case "timer":
      return `timer ${printable(timerText(wait.event))}, due ${wait.due}`;
    case "event":
      return `event ${wait.events.join(" or ")}`;
  }
}

const clockTime = (time: string): string => pc.dim(time.slice(11, 23));
export const jsonText = (value: unknown): string => printable(JSON.stringify(value));
