// Jobs as a whole: kept for a while once they have ended, forgotten, given away, and taken in.
import type { ImportResult, JobDump } from "../dump.ts";
import { isFinished } from "../records.ts";
import { timerKey, type Image } from "./image.ts";

/** Keep an outlived job for a while; false where it is not outlived. */
export function claimOutlived(image: Image, jobId: string, now: number, forMs: number): boolean {
  const due = image.kept.get(jobId);
  if (due === undefined || due > now) return false;
  image.kept.set(jobId, now + forMs);
  return true;
}

export function removeJob(image: Image, jobId: string, revision?: number): void {
  const job = image.jobs.get(jobId);
  if (!job || !isFinished(job.summary.status)) return;
  if (revision !== undefined && revision !== job.revision) return;
  image.jobs.delete(jobId);
  image.history.delete(jobId);
  image.kept.delete(jobId);
}

export function exportJob(image: Image, jobId: string): JobDump | undefined {
  const job = image.jobs.get(jobId);
  if (!job) return undefined;
  const rows = [...image.tasks.values()].filter(({ task }) => task.jobId === jobId);
  const ended = isFinished(job.summary.status);
  const timers = [...image.timers.values()].filter((timer) => !ended && timer.jobId === jobId);
  const messages = [...image.messages.values()].filter(({ id }) => id.startsWith(`${jobId}:`));
  const keptUntil = image.kept.get(jobId);
  return {
    job,
    history: image.history.get(jobId) ?? [],
    tasks: rows.toSorted((a, b) => a.sequence - b.sequence).map(({ task }) => task),
    timers: timers
      .map(({ timerId, due }) => ({ timerId, due }))
      .toSorted((a, b) => (a.timerId < b.timerId ? -1 : 1)),
    messages: messages.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    ...(keptUntil !== undefined && { keptUntil }),
  };
}

export function importJob(
  image: Image,
  { job, history, tasks, timers, messages, keptUntil }: JobDump,
): ImportResult {
  const { jobId } = job.summary;
  const stored = image.jobs.get(jobId);
  if (stored) return { outcome: "exists", revision: stored.revision };
  image.jobs.set(jobId, job);
  image.history.set(jobId, history);
  for (const task of tasks) image.tasks.set(task.taskId, { sequence: ++image.sequence, task });
  for (const { timerId, due } of timers)
    image.timers.set(timerKey(jobId, timerId), { jobId, timerId, due });
  for (const message of messages) image.messages.set(message.id, message);
  if (keptUntil !== undefined) image.kept.set(jobId, keptUntil);
  return { outcome: "imported" };
}
