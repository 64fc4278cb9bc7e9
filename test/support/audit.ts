// An audit of a stopped store: every job's history is complete, replays to its stored state, and left nothing behind.
import { isDeepStrictEqual } from "node:util";
import { decodeEnvelope, encodeEnvelope } from "../../src/actor/codec.ts";
import { replay } from "../../src/actor/replay.ts";
import type { BlueprintRegistry } from "../../src/blueprint/registry.ts";
import type { JobSummary } from "../../src/store/records.ts";
import type { Store } from "../../src/store/store.ts";

export interface Audit {
  readonly jobs: ReadonlyMap<string, JobSummary>;
  /** What is wrong, each in a sentence; none is good. */
  readonly violations: readonly string[];
}

export async function auditStore(store: Store, blueprints: BlueprintRegistry): Promise<Audit> {
  const jobs = new Map<string, JobSummary>();
  const violations: string[] = [];
  for (let cursor: string | undefined, more = true; more;) {
    const page = await store.listJobs({ limit: 500, ...(cursor !== undefined && { cursor }) });
    for (const summary of page.jobs) {
      if (jobs.has(summary.jobId)) violations.push(`${summary.jobId} is listed twice`);
      jobs.set(summary.jobId, summary);
      violations.push(...(await auditJob(store, blueprints, summary)));
    }
    cursor = page.next;
    more = cursor !== undefined;
  }
  const counts = await store.countJobs();
  const counted = Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (counted !== jobs.size)
    violations.push(`${counted} jobs are counted, but ${jobs.size} are listed`);
  return { jobs, violations };
}

async function auditJob(
  store: Store,
  blueprints: BlueprintRegistry,
  summary: JobSummary,
): Promise<string[]> {
  const { jobId, blueprint, version } = summary;
  const job = await store.loadJob(jobId);
  if (!job) return [`${jobId} is listed, but not stored`];
  const violations: string[] = [];
  const history = await store.history(jobId, 0, 100_000);
  const revisions = history.map(({ revision }) => revision);
  if (revisions.some((revision, index) => revision !== index + 1) || revisions.length === 0)
    violations.push(`${jobId} has the revisions ${revisions.join(" ")}`);
  if (revisions.at(-1) !== job.revision)
    violations.push(`${jobId} is stored at revision ${job.revision}, its history ends elsewhere`);

  const envelope = decodeEnvelope(job.envelope);
  const { machine } = blueprints.require(blueprint, version);
  const origin = { jobId, blueprint, version, shape: envelope.shape };
  const replayed = decodeEnvelope(encodeEnvelope(replay(machine, origin, history)));
  if (!isDeepStrictEqual(replayed, envelope))
    violations.push(`${jobId} does not replay to its stored state`);

  const open = Object.values(envelope.children).filter((child) => !child.settled);
  const wanted = new Set(open.map(({ generation }) => generation));
  const tasks = await store.listTasks(jobId);
  for (const { taskId } of tasks)
    if (!wanted.delete(taskId)) violations.push(`task ${taskId} is an orphan`);
  for (const taskId of wanted) violations.push(`${jobId} waits for ${taskId}, which is no task`);
  return violations;
}
