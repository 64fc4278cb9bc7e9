// A job as it was recorded: by the kit, by a server's history route, or in a file of either.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { RuntimeError } from "../errors.ts";
import { Failure, JobStatus } from "../protocol/job.ts";
import type { Message } from "../actor/effect.ts";
import type { HistoryEntry } from "../store/records.ts";

/** All that a replay needs of a job. */
export interface RecordedJob {
  readonly jobId: string;
  readonly blueprint: string;
  readonly version: string;
  /** The job that started it, where another one did: its machine may send it events. */
  readonly parentJobId?: string;
  /** From the first step on. */
  readonly steps: readonly HistoryEntry[];
}

const child = { child: z.string(), generation: z.string() };
/** What moved a job, held to what a replay reads of it; what else it has goes along. */
const RecordedMessage = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("start"), input: z.unknown().optional() }),
  z.looseObject({ type: z.literal("restart"), envelope: z.string(), takenAt: z.number() }),
  z.looseObject({ type: z.literal("restarted"), as: z.string() }),
  z.looseObject({ type: z.literal("migrate"), envelope: z.string() }),
  z.looseObject({ type: z.literal("event"), event: z.looseObject({ type: z.string() }) }),
  z.looseObject({ type: z.literal("deferred"), index: z.int().nonnegative() }),
  z.looseObject({ type: z.literal("done"), ...child, output: z.unknown().optional() }),
  z.looseObject({ type: z.literal("failed"), ...child, error: Failure }),
  z.looseObject({
    type: z.literal("part"),
    ...child,
    part: z.int().nonnegative(),
    result: z.unknown().optional(),
  }),
  z.looseObject({ type: z.literal("progress"), ...child, progress: z.unknown().optional() }),
  z.looseObject({ type: z.literal("timer"), timer: z.string(), generation: z.string() }),
  z.looseObject({ type: z.literal("redrive"), envelope: z.string(), failed: z.number() }),
  z.looseObject({ type: z.literal("rejoined"), ...child, taken: z.number() }),
  z.looseObject({ type: z.literal("rewound"), lost: z.number() }),
  z.looseObject({ type: z.literal("stop"), reason: z.string() }),
]);

/** A step as the store has it, or as HTTP tells of it. */
const RecordedStep = z.union([
  z
    .object({
      revision: z.int().positive(),
      now: z.number(),
      epoch: z.string(),
      shards: z.int().positive().optional(),
      message: RecordedMessage,
      currentState: z.string(),
      status: JobStatus,
    })
    .transform(({ shards, ...step }) => ({ ...step, ...(shards !== undefined && { shards }) })),
  z
    .object({
      revision: z.int().positive(),
      timestamp: z.iso.datetime(),
      message: RecordedMessage,
      current_state: z.string(),
      status: JobStatus,
    })
    .transform(({ revision, timestamp, message, current_state, status }) => ({
      revision,
      now: Date.parse(timestamp),
      epoch: undefined,
      message,
      currentState: current_state,
      status,
    })),
]);

const Steps = z.array(RecordedStep).min(1);
const File = z.union([
  z.object({
    jobId: z.string(),
    blueprint: z.string(),
    version: z.string(),
    parentJobId: z.string().exactOptional(),
    steps: Steps,
  }),
  z
    .object({
      job: z.looseObject({
        job_id: z.string(),
        blueprint_name: z.string(),
        blueprint_version: z.string(),
        parent_job_id: z.string().exactOptional(),
      }),
      history: Steps,
    })
    .transform(({ job, history }) => ({
      jobId: job.job_id,
      blueprint: job.blueprint_name,
      version: job.blueprint_version,
      ...(job.parent_job_id !== undefined && { parentJobId: job.parent_job_id }),
      steps: history,
    })),
]);

/**
 * Read a recorded job: a `job.record` of this kit, or `{ job, history }` with what a server answers to
 * `GET /api/v1/jobs/{id}` and `GET /api/v1/jobs/{id}/history`.
 *
 * @throws RuntimeError `replay.unreadable`
 */
export function readRecordedJob(value: unknown): RecordedJob {
  const parsed = File.safeParse(value);
  if (!parsed.success) throw unreadable(z.prettifyError(parsed.error));
  const { steps, ...about } = parsed.data;
  const gap = steps.findIndex(({ revision }, index) => revision !== index + 1);
  if (gap >= 0) throw unreadable(`step ${gap + 1} is missing: a history begins with revision 1`);
  const epochs = epochsOf(steps.map(({ message }) => message));
  return {
    ...about,
    steps: steps.map((step) => ({
      ...step,
      epoch: step.epoch ?? epochs.get(step.revision) ?? "recorded",
      message: step.message as Message,
    })),
  };
}

/**
 * Read the recorded jobs of a JSON file, or of all `.json` files of a folder. A file holds one job or a list of them.
 *
 * @throws RuntimeError `replay.unreadable` that names the file.
 */
export async function loadRecordedJobs(path: string): Promise<readonly RecordedJob[]> {
  const jobs: RecordedJob[] = [];
  for (const file of await filesAt(path)) {
    try {
      const value: unknown = JSON.parse(await readFile(file, "utf8"));
      jobs.push(...[value].flat().map(readRecordedJob));
    } catch (error) {
      throw unreadable(`${file}: ${(error as Error).message}`, error);
    }
  }
  return jobs;
}

async function filesAt(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = await readdir(path);
  return names
    .filter((name) => name.endsWith(".json"))
    .toSorted()
    .map((name) => join(path, name));
}

interface NamesGeneration {
  readonly generation?: string;
  readonly sender?: { readonly generation?: string };
}

/** HTTP does not tell the epoch of a step, but the generations that began in it do. */
function epochsOf(messages: readonly object[]): ReadonlyMap<number, string> {
  const epochs = new Map<number, string>();
  for (const message of messages) {
    const { generation: own, sender } = message as NamesGeneration;
    const generation = own ?? sender?.generation;
    const parts = generation === undefined ? undefined : generationParts(generation);
    if (parts) epochs.set(parts.revision, parts.epoch);
  }
  return epochs;
}

/** `<job>:<epoch>.<revision>.<n>` */
export function generationParts(
  generation: string,
): { readonly epoch: string; readonly revision: number } | undefined {
  const found = /:([^:.]+)\.(\d+)\.t?\d+$/.exec(generation);
  return found ? { epoch: found[1]!, revision: Number(found[2]) } : undefined;
}

function unreadable(why: string, cause?: unknown): RuntimeError {
  return new RuntimeError("replay.unreadable", `This is no recorded job: ${why}`, {}, { cause });
}
