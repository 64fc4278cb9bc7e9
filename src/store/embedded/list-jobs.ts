// Pages of jobs, newest first: the lists of the asked blueprints and statuses, merged as they are read.
import { byNewest, readCursor, writeCursor, type JobPlace } from "../job-cursor.ts";
import type { JobStatus, JobSummary } from "../records.ts";
import type { JobPage, JobQuery } from "../store.ts";
import { keys, last, type Key, type Tables } from "./tables.ts";

export function listJobs(tables: Tables, { limit, cursor, ...query }: JobQuery): JobPage {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const lists = jobCounts(tables)
    .filter(({ blueprint }) => query.blueprint === undefined || query.blueprint === blueprint)
    .filter(({ status }) => query.status === undefined || query.status === status)
    .map(({ blueprint, status }) => places(tables, keys.list(blueprint, status), after));
  const jobs: JobSummary[] = [];
  for (const { jobId } of merged(lists)) {
    const end = jobs.at(-1);
    if (jobs.length >= limit) return end ? { jobs, next: writeCursor(end) } : { jobs };
    jobs.push(tables.indexedJob(jobId).summary);
  }
  return { jobs };
}

/** The places of all lists, newest first. Ends the lists when its reader has enough: they hold LMDB cursors. */
function* merged(lists: readonly Generator<JobPlace, undefined>[]): Generator<JobPlace> {
  try {
    const heads = lists.map((list) => ({ list, place: list.next().value }));
    for (;;) {
      let newest: { list: Generator<JobPlace, undefined>; place: JobPlace | undefined } | undefined;
      for (const head of heads)
        if (head.place && (!newest?.place || byNewest(head.place, newest.place) < 0)) newest = head;
      if (!newest?.place) return;
      yield newest.place;
      newest.place = newest.list.next().value;
    }
  } finally {
    for (const list of lists) list.return(undefined);
  }
}

/** How many jobs each blueprint has in each status. */
export function jobCounts(tables: Tables): readonly {
  readonly blueprint: string;
  readonly status: JobStatus;
  readonly count: number;
}[] {
  return tables.range(["c", "jobs"], ["c", "jobs", last]).map(({ key, value }) => {
    const [, , blueprint, status] = key as [string, string, string, JobStatus];
    return { blueprint, status, count: Number(value) };
  });
}

/** One list, from behind `after` on. */
function* places(
  tables: Tables,
  list: Key,
  after: JobPlace | undefined,
): Generator<JobPlace, undefined> {
  const start = after ? [...list, after.createdAt, after.jobId] : [...list, last];
  for (const key of tables.keysDownFrom(start, list)) {
    const [, , , createdAt, jobId] = key as [string, string, string, number, string];
    yield { createdAt, jobId };
  }
  return undefined;
}
