// Runs the jobs of the demo side by side, and shows how far each is while it runs.
import type { Client } from "../../src/client/client.ts";
import type { Job, JobStatus } from "../../src/protocol/job.ts";
import type { DemoJob } from "./jobs.ts";
import { createScreen, type Screen } from "./screen.ts";

export interface Outcome {
  readonly title: string;
  readonly job?: Job;
  /** What is wrong with how the job ended, or that it did not end. */
  readonly problem?: string;
}

/** How long a job may take, in milliseconds. */
const jobMs = 60_000;
const unended = "it did not end";
/** What `finished`, which comes next, says better. */
const ends: readonly JobStatus[] = ["finished", "failed", "quarantined", "cancelled"];

/** Start all jobs, and stay with each until it has ended. */
export async function runJobs(
  client: Client,
  jobs: readonly DemoJob[],
  stopping: AbortSignal,
): Promise<readonly Outcome[]> {
  const screen = createScreen(
    process.stdout,
    jobs.map(({ title }) => title),
  );
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(jobMs)]);
  const outcomes = await Promise.all(
    jobs.map(async (demoJob): Promise<Outcome> => {
      const { title } = demoJob;
      try {
        const job = await runJob(client, demoJob, screen, signal);
        if (!job) return { title, problem: unended };
        const problem = await demoJob.check(job);
        return { title, job, ...(problem !== undefined && { problem }) };
      } catch (error) {
        return { title, problem: signal.aborted ? unended : (error as Error).message };
      }
    }),
  );
  return outcomes;
}

async function runJob(
  client: Client,
  { title, blueprint, data, decision }: DemoJob,
  screen: Screen,
  signal: AbortSignal,
): Promise<Job | undefined> {
  const { job_id } = await client.start(blueprint, data, { signal });
  let isDecided = false;
  for await (const event of client.watch(job_id, { signal })) {
    switch (event.type) {
      case "state":
        if (ends.includes(event.status)) break;
        screen.show(title, `${event.current_state} (${event.status})`);
        if (!decision || isDecided || event.status !== "waiting_for_human") break;
        isDecided = true;
        screen.show(title, `sending ${decision.type}`);
        await client.send(job_id, decision, { signal });
        break;
      case "progress":
        screen.show(title, [event.task_type, event.message].join("  "), event.ratio);
        break;
      case "emitted":
      case "log":
      case "chunk":
        break;
      case "finished":
        screen.show(title, `${event.job.current_state} (${event.job.status})`, 1);
        return event.job;
    }
  }
  return undefined;
}
