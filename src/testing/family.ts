// A job of a world and the child jobs of it that run alongside, with theirs: each is a place where something can happen.
import { actorKind } from "../blueprint/actor-kind.ts";
import { childJobId } from "../id.ts";
import type { TestJob } from "./test-job.ts";
import type { TestWorld } from "./test-world.ts";

export interface Relative {
  /** The ids of children that lead from the first job to this one; none lead to the first itself. */
  readonly within: readonly string[];
  readonly job: TestJob;
}

/** The job, and below it every running job that the test does not play. */
export async function familyOf(
  world: TestWorld,
  job: TestJob,
  within: readonly string[] = [],
): Promise<readonly Relative[]> {
  const below: Relative[] = [];
  for (const child of Object.keys(job.envelope.children)) {
    const relative = await childOf(world, job, child);
    if (relative) below.push(...(await familyOf(world, relative, [...within, child])));
  }
  return [{ within, job }, ...below];
}

/** The relative that the ids of children lead to. */
export async function relativeOf(
  world: TestWorld,
  first: TestJob,
  within: readonly string[],
): Promise<TestJob> {
  let job = first;
  for (const child of within) {
    const next = await childOf(world, job, child);
    if (!next) throw new Error(`The job has no running child "${child}" of its own.`);
    job = next;
  }
  return job;
}

/** The running job of a child; undefined where it is none, or one that the test plays. */
async function childOf(
  world: TestWorld,
  job: TestJob,
  child: string,
): Promise<TestJob | undefined> {
  const about = job.envelope.children[child];
  if (!about || about.settled || actorKind(job.machine, about.src).kind !== "job") return undefined;
  const jobId = childJobId(about.generation, about.shards);
  // One that has not been started yet will be at a later moment.
  const isThere = (await world.jobIds()).includes(jobId);
  return isThere && !job.isPlayed(jobId) ? world.job(jobId) : undefined;
}
