// All jobs of a store as lines of JSON, and lines taken in again: how jobs move from one kind of store to another.
//
// The first line says what this is, the last one that it is all. Between them stand jobs, oldest first, so that they queue
// up in the other store as they did in this one, and then the keys that they were started with.
import { RuntimeError } from "../errors.ts";
import { keptForMs } from "./claimed-key.ts";
import type { JobDump } from "./dump.ts";
import type { Store } from "./store.ts";

/** Of the lines; a newer one is refused. */
const format = 1;
const pageSize = 500;
/** A store that servers use is noticed at least once in so many jobs. */
const checkEvery = 500;
/** How long others may believe that somebody moves jobs here, in milliseconds. */
const announcedMs = 10_000;

export interface TransferCounts {
  readonly jobs: number;
  readonly keys: number;
}

type Line =
  | { readonly avtomatika: "export"; readonly format: number; readonly shards: number }
  | { readonly job: JobDump }
  | { readonly key: string; readonly jobId: string }
  | { readonly end: TransferCounts };

/**
 * Everything in a store, one line after the other, without line ends.
 *
 * @returns what was given away
 * @throws RuntimeError `store.in_use` where a server works on the store, from the beginning or meanwhile: a job that goes
 *   on while it is moved would run twice
 */
export async function* exportLines(store: Store): AsyncGenerator<string, TransferCounts> {
  await requireUnused(store);
  yield line({ avtomatika: "export", format, shards: store.shards });
  let jobs = 0;
  for (const jobId of await allJobIds(store)) {
    if (jobs % checkEvery === checkEvery - 1) await requireUnused(store);
    const job = await store.exportJob(jobId);
    if (!job) throw changed();
    yield line({ job });
    jobs += 1;
  }
  const keys = new Map<string, string>();
  for (let cursor: string | undefined, more = true; more;) {
    const page = await store.listKeys(pageSize, cursor);
    for (const { key, jobId } of page.keys) keys.set(key, jobId);
    cursor = page.next;
    more = cursor !== undefined;
  }
  for (const [key, jobId] of keys) yield line({ key, jobId });
  await requireUnused(store);
  const counts = { jobs, keys: keys.size };
  yield line({ end: counts });
  return counts;
}

export interface ImportCounts extends TransferCounts {
  /** Jobs that were there already, as they came or further on. */
  readonly present: number;
  /** Jobs that are there at an earlier revision than they came with: they were left as they are. */
  readonly behind: readonly string[];
}

/**
 * Take in what `exportLines` gave. What is there already stays as it is, so taking in the same lines again goes on where
 * the first time ended.
 *
 * @throws RuntimeError `config.invalid` for lines that are no export, or not all of one, and for too few shards;
 *   `store.in_use` where a server works on the store: a job could miss what a job tells it that is not there yet
 */
export async function importLines(
  store: Store,
  lines: AsyncIterable<string>,
): Promise<ImportCounts> {
  await requireUnused(store);
  const behind: string[] = [];
  let [number, jobs, keys, present] = [0, 0, 0, 0];
  for await (const text of lines) {
    number += 1;
    const one = parsed(text, number);
    if (number === 1) requireHeader(one);
    else if ("job" in one) {
      if (jobs % checkEvery === checkEvery - 1) await requireUnused(store);
      const result = await store.importJob(one.job);
      jobs += 1;
      if (result.outcome === "exists") present += 1;
      if (result.outcome === "exists" && result.revision < one.job.job.revision)
        behind.push(one.job.job.summary.jobId);
    } else if ("key" in one) {
      await store.claimKey(one.key, one.jobId, keptForMs);
      keys += 1;
    } else if ("end" in one) {
      if (one.end.jobs !== jobs || one.end.keys !== keys)
        throw invalid("lines are missing", number);
      return { jobs, keys, present, behind };
    }
  }
  throw invalid("the end is missing; what stands in it so far has been taken in", number);
}

/** How many shards the store had that a first line comes from. */
export function shardsOf(text: string): number {
  const header = parsed(text, 1);
  requireHeader(header);
  return header.shards;
}

/** Oldest first. */
async function allJobIds(store: Store): Promise<readonly string[]> {
  const ids = new Set<string>();
  for (let cursor: string | undefined, more = true; more;) {
    const page = await store.listJobs({ limit: pageSize, ...(cursor !== undefined && { cursor }) });
    for (const { jobId } of page.jobs) ids.add(jobId);
    cursor = page.next;
    more = cursor !== undefined;
  }
  return [...ids].toReversed();
}

async function requireUnused({ nodes }: Store): Promise<void> {
  if (!nodes.shared) return;
  const living = await nodes.announce({ moves: "jobs" }, announcedMs);
  const others = living.filter(({ nodeId }) => nodeId !== nodes.nodeId).map(({ nodeId }) => nodeId);
  if (others.length === 0) return;
  throw new RuntimeError(
    "store.in_use",
    `Servers work on the store (${others.join(", ")}). Stop them first; one that was killed is forgotten within seconds.`,
    { nodes: others },
  );
}

function requireHeader(one: Line): asserts one is Extract<Line, { readonly avtomatika: "export" }> {
  if (!("avtomatika" in one))
    throw invalid(
      "it is no export of jobs. A machine is taken in by `avtomatika machine import`",
      1,
    );
  if (one.format > format)
    throw invalid(`it was written by a newer release (format ${one.format})`, 1);
}

function line(content: Line): string {
  return JSON.stringify(content);
}

function parsed(text: string, number: number): Line {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Line;
  } catch {
    // Said below.
  }
  // Whatever begins with something else than our first line is something else altogether.
  if (number === 1) requireHeader({ end: { jobs: 0, keys: 0 } });
  throw invalid("the line is not whole", number);
}

function invalid(what: string, number: number): RuntimeError {
  return new RuntimeError(
    "config.invalid",
    `The file can't be taken in, line ${number}: ${what}.`,
    {
      line: number,
    },
  );
}

function changed(): RuntimeError {
  return new RuntimeError(
    "store.in_use",
    "The store changes while it is exported. Stop its servers.",
  );
}
