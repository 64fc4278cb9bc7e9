// Pages of jobs, newest first.
import { byNewest, readCursor, writeCursor } from "../job-cursor.ts";
import type { JobPage, JobQuery } from "../store.ts";
import type { Image } from "./image.ts";

export function listJobs(image: Image, { blueprint, status, limit, cursor }: JobQuery): JobPage {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const jobs = [...image.jobs.values()]
    .map(({ summary }) => summary)
    .filter((job) => blueprint === undefined || job.blueprint === blueprint)
    .filter((job) => status === undefined || job.status === status)
    .filter((job) => after === undefined || byNewest(after, job) < 0)
    .toSorted(byNewest);
  const page = jobs.slice(0, limit);
  const last = page.at(-1);
  return jobs.length > limit && last ? { jobs: page, next: writeCursor(last) } : { jobs: page };
}
