// Whole jobs as the scripts that give them away and take them in write them.
import type { JobDump } from "../dump.ts";
import type { StoredTask } from "../records.ts";
import {
  decodeHistory,
  decodeJob,
  decodeMessage,
  decodeTasks,
  encodeHistory,
  encodeJob,
  jsonText,
  limitsOf,
} from "./rows.ts";

/** What `lua/export-job.lua` returns. */
export type ExportedJob = readonly [
  head: string,
  history: readonly string[],
  rows: readonly string[],
  timers: readonly string[],
  messages: readonly string[],
  kept: string,
];

export function decodeDump(jobId: string, answer: ExportedJob | []): JobDump | undefined {
  if (answer.length === 0) return undefined;
  const [head, history, rows, timers, messages, kept] = answer;
  return {
    job: decodeJob(jobId, head),
    history: history.map(decodeHistory),
    tasks: decodeTasks(rows),
    timers: grouped(timers, 2)
      .map(([timerId = "", due]) => ({ timerId, due: Number(due) }))
      .toSorted((a, b) => (a.timerId < b.timerId ? -1 : 1)),
    messages: grouped(messages, 3)
      .map(([, row = "", due]) => decodeMessage(row, Number(due)))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    ...(kept !== "" && { keptUntil: Number(kept) }),
  };
}

/** The arguments of `lua/import-job.lua` from the head on. */
export function encodeDump(dump: JobDump, token: string): readonly string[] {
  const { job, history, tasks, timers, messages, keptUntil } = dump;
  return [
    encodeJob(job),
    keptUntil === undefined ? "" : String(keptUntil),
    String(history.length),
    ...encodeHistory(history, token),
    ...tasks.flatMap(encodeTask),
    ...timers.flatMap(({ timerId, due }) => ["s", timerId, String(due)]),
    ...messages.flatMap(({ tries, due, ...message }) => [
      "m",
      message.id,
      String(tries),
      JSON.stringify(message),
      String(due),
    ]),
  ];
}

function encodeTask(stored: StoredTask): readonly string[] {
  const { state, attempt, settled, failures, createdAt, since, availableAt, lease, ...rest } =
    stored;
  const { losses, lastHolder, lastError, progress, checkpoint, ...task } = rest;
  const { total, key, most } = limitsOf(task);
  return [
    "a",
    task.taskId,
    state.charAt(0),
    String(9 - task.priority),
    ...[attempt, settled, failures, createdAt, since].map(String),
    String(lease?.until ?? availableAt ?? 0),
    String(lease?.startedAt ?? 0),
    task.queueTimeoutMs === undefined ? "-" : String(task.queueTimeoutMs),
    lease?.node ?? "-",
    String(losses),
    total,
    most,
    JSON.stringify(task.queue),
    key,
    jsonText(lease?.holder ?? lastHolder),
    jsonText(lease?.workerId),
    jsonText(lastError),
    jsonText(progress),
    // As `lua/extend.lua` adds it.
    JSON.stringify(task) + (checkpoint === undefined ? "" : `\n${JSON.stringify(checkpoint)}`),
  ];
}

/** Groups of `width`. */
function grouped(flat: readonly string[], width: number): readonly (readonly string[])[] {
  return Array.from({ length: flat.length / width }, (_, group) =>
    flat.slice(group * width, (group + 1) * width),
  );
}
