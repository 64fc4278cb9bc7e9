// How records become text in Redis, and text becomes records. What scripts look into is in words; JSON is ours alone.
import type { Commit, Op } from "../commit.ts";
import type { JobPlace } from "../job-cursor.ts";
import {
  isFinished,
  type HistoryEntry,
  type JobStatus,
  type JobSummary,
  type NewTask,
  type StoredJob,
  type StoredOutboxMessage,
  type StoredTask,
} from "../records.ts";

/** Digits of a time that is to sort as text. */
const timeDigits = 14;

type Rest = readonly [revision: number, version: string, currentState: string, updatedAt: number];

/** The head of a job and its envelope: see `lua/commit.lua`. */
export function encodeJob({ summary, revision, envelope }: StoredJob): string {
  const { blueprint, version, status, currentState, createdAt, updatedAt } = summary;
  const letter = isFinished(status) ? "x" : "o";
  const rest: Rest = [revision, version, currentState, updatedAt];
  const place = `${JSON.stringify(blueprint)}\0${status}\0${sortable(createdAt)}\0`;
  return `${letter}${place}\n${JSON.stringify(rest)}\n${envelope}`;
}

export function decodeJob(jobId: string, text: string): StoredJob {
  const first = text.indexOf("\n");
  const second = text.indexOf("\n", first + 1);
  const head = second < 0 ? text : text.slice(0, second);
  const [blueprint, status, createdAt] = head.slice(1, first).split("\0") as [
    string,
    JobStatus,
    string,
  ];
  const [revision, version, currentState, updatedAt] = JSON.parse(head.slice(first + 1)) as Rest;
  const summary: JobSummary = {
    jobId,
    blueprint: JSON.parse(blueprint) as string,
    version,
    status,
    currentState,
    createdAt: Number(createdAt),
    updatedAt,
  };
  return { summary, revision, envelope: second < 0 ? "" : text.slice(second + 1) };
}

/** A place among the jobs of one list. */
export function encodePlace({ createdAt, jobId }: JobPlace): string {
  return `${sortable(createdAt)}\0${jobId}`;
}

export function decodePlace(text: string): JobPlace {
  const end = text.indexOf("\0");
  return { createdAt: Number(text.slice(0, end)), jobId: text.slice(end + 1) };
}

function sortable(time: number): string {
  return String(time).padStart(timeDigits, "0");
}

/** The entries of a commit, the last with its token, by which the commit is known again. */
export function encodeHistory(history: readonly HistoryEntry[], token: string): readonly string[] {
  return history.map((entry, index) => {
    const isLast = index === history.length - 1;
    return `${isLast ? token : ""}\n${JSON.stringify(entry)}`;
  });
}

export function decodeHistory(text: string): HistoryEntry {
  return JSON.parse(text.slice(text.indexOf("\n") + 1)) as HistoryEntry;
}

/** The arguments of the ops of a commit: see `lua/commit.lua`. */
export function encodeOps({ ops }: Commit): readonly string[] {
  return ops.flatMap(encodeOp);
}

function encodeOp(op: Op): readonly string[] {
  switch (op.op) {
    case "add_task": {
      const { taskId, priority, queueTimeoutMs, queue } = op.task;
      const { holder, workerId, leaseMs = 0 } = op.offer ?? {};
      const { total, key, most } = limitsOf(op.task);
      return [
        "a",
        taskId,
        String(9 - priority),
        queueTimeoutMs === undefined ? "-" : String(queueTimeoutMs),
        JSON.stringify(queue),
        JSON.stringify(op.task),
        jsonText(holder),
        jsonText(workerId),
        String(leaseMs),
        total,
        key,
        most,
      ];
    }
    case "finish_task":
      return ["f", op.taskId, String(op.attempt), flag(op.lapsed)];
    case "remove_task":
      return ["r", op.taskId, JSON.stringify(op.taskId), JSON.stringify(op.reason ?? "")];
    case "set_timer":
      return ["s", op.timerId, String(op.due)];
    case "clear_timer":
      return ["c", op.timerId];
    case "add_message":
      return ["m", op.message.id, JSON.stringify(op.message), String(op.due)];
    case "keep_until":
      return ["k", String(op.due)];
    case "keep":
      return ["n"];
  }
}

/** What else scripts have to know of a task. */
export function limitsOf({ totalTimeoutMs, placement }: NewTask) {
  const { key, concurrency } = placement?.limit ?? {};
  return { total: orDash(totalTimeoutMs), key: jsonText(key), most: orDash(concurrency) };
}

const orDash = (value: number | undefined): string => (value === undefined ? "-" : String(value));

/** An absent value is an empty text, which is not JSON. */
export function jsonText(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value);
}

export function flag(value: boolean | undefined): string {
  return value === true ? "1" : "0";
}

const states = { q: "queued", l: "leased", d: "delayed" } as const;

/** A task, and the text that it ranks by among those of one shard. */
export interface RankedTask {
  readonly rank: string;
  readonly task: StoredTask;
}

/** See `lua/include/task.lua`. */
export function decodeTask(row: string): RankedTask {
  const [words = "", _queue, _key, holder, worker, error, progress, fixed = "null", checkpoint] =
    row.split("\n");
  const [state, rank = "", attempt, settled, failures, created, since, until, started, ...more] =
    words.split(" ");
  const [, , node, , losses] = more;
  const task = JSON.parse(fixed) as NewTask;
  const name = states[state as keyof typeof states];
  return {
    rank,
    task: Object.assign({}, task, {
      state: name,
      attempt: Number(attempt),
      settled: Number(settled),
      failures: Number(failures),
      losses: Number(losses),
      createdAt: Number(created),
      since: Number(since),
      ...(name === "delayed" && { availableAt: Number(until) }),
      ...(name === "leased" &&
        holder !== undefined &&
        worker !== undefined &&
        node !== undefined && {
          lease: {
            holder: JSON.parse(holder) as string,
            workerId: JSON.parse(worker) as string,
            node,
            startedAt: Number(started),
            until: Number(until),
          },
        }),
      ...(name !== "leased" && holder && { lastHolder: JSON.parse(holder) as string }),
      ...(error && { lastError: JSON.parse(error) as NonNullable<StoredTask["lastError"]> }),
      ...(progress && { progress: JSON.parse(progress) as unknown }),
      ...(checkpoint && { checkpoint: JSON.parse(checkpoint) as unknown }),
    }),
  };
}

/** Tasks in the order in which they were added to their shard, whatever their priorities. */
export function decodeTasks(rows: readonly string[]): readonly StoredTask[] {
  const age = ({ rank }: RankedTask) => Number(rank.slice(1));
  return rows
    .map(decodeTask)
    .toSorted((a, b) => age(a) - age(b))
    .map(({ task }) => task);
}

export function decodeMessage(row: string, due: number): StoredOutboxMessage {
  const end = row.indexOf("\n");
  const message = JSON.parse(row.slice(end + 1)) as Omit<StoredOutboxMessage, "tries" | "due">;
  return { ...message, tries: Number.parseInt(row, 10), due };
}
