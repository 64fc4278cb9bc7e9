// Where a page of jobs ended, as text that callers hand back to get the next page.
import { RuntimeError } from "../errors.ts";
import type { JobSummary } from "./records.ts";

/** The place of a job in the list: newest first, and by descending id where several were created at once. */
export type JobPlace = Pick<JobSummary, "createdAt" | "jobId">;

/** Sorts newest first. */
export function byNewest(a: JobPlace, b: JobPlace): number {
  return b.createdAt - a.createdAt || (a.jobId < b.jobId ? 1 : a.jobId > b.jobId ? -1 : 0);
}

export function writeCursor({ createdAt, jobId }: JobPlace): string {
  return `${createdAt.toString(36)}-${jobId}`;
}

/** @throws RuntimeError `request.invalid` for a text that no page ended with. */
export function readCursor(cursor: string): JobPlace {
  const match = /^([0-9a-z]{1,11})-(.+)$/s.exec(cursor);
  if (!match)
    throw new RuntimeError(
      "request.invalid",
      "The cursor is not one that a page of jobs ended with.",
    );
  return { createdAt: Number.parseInt(match[1]!, 36), jobId: match[2]! };
}
