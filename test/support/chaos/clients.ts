// The clients of the chaos tests: they start jobs wherever a node answers, and watch that no answer goes back in time.
import { eventually } from "../eventually.ts";

export interface Clients {
  /** By job id: the name that the job was started with. Every one has been acknowledged. */
  readonly accepted: ReadonlyMap<string, string>;
  /** What clients saw that they must never see, each in a sentence. */
  readonly violations: readonly string[];
  /** Jobs that are not found any more, and jobs that were seen to go back; where nothing may be lost, both are violations. */
  readonly lost: ReadonlySet<string>;
  readonly wentBack: ReadonlySet<string>;
  /** Start jobs until there are so many, `callers` at a time. */
  startJobs(count: number, callers: number): Promise<void>;
  /** How many of the accepted jobs have ended, as far as was looked. */
  finished(): Promise<number>;
  /** What the jobs are that have not ended, as nodes tell it. */
  open(): Promise<readonly unknown[]>;
  /** Look at random jobs over and over until told to stop. */
  readAround(until: AbortSignal): Promise<void>;
}

interface Job {
  readonly status: string;
  readonly revision: number;
  readonly current_state: string;
  readonly error?: { readonly code: string };
}

/** @param mayLose whether the store may lose what it has acknowledged last */
export function createClients(urls: readonly string[], token: string, mayLose = false): Clients {
  const accepted = new Map<string, string>();
  const violations: string[] = [];
  const revisions = new Map<string, number>();
  const ended = new Set<string>();
  const lost = new Set<string>();
  const wentBack = new Set<string>();
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const anyUrl = (): string => urls[Math.floor(Math.random() * urls.length)]!;
  let next = 0;

  async function start(name: string): Promise<void> {
    // The same key at any node until one answers: an answer that was lost must not make two jobs.
    await eventually(
      async () => {
        const answer = await fetch(`${anyUrl()}/api/v1/jobs/chaos`, {
          method: "POST",
          headers: { ...headers, "idempotency-key": name },
          body: JSON.stringify({ name, napMs: 20 + Math.floor(Math.random() * 300) }),
          signal: AbortSignal.timeout(10_000),
        });
        if (answer.status !== 202) throw new Error(`${answer.status}: ${await answer.text()}`);
        const { job_id } = (await answer.json()) as { job_id: string };
        const other = accepted.get(job_id);
        if (other !== undefined && other !== name && !lost.has(job_id))
          violations.push(`I1: ${job_id} was given for "${other}" and for "${name}"`);
        accepted.set(job_id, name);
        return true;
      },
      { timeoutMs: 120_000, intervalMs: 50 },
    );
  }

  /** Undefined where nobody answers just now. */
  async function look(jobId: string): Promise<Job | undefined> {
    let answer: Response;
    const before = revisions.get(jobId) ?? 0;
    try {
      answer = await fetch(`${anyUrl()}/api/v1/jobs/${jobId}`, {
        headers,
        signal: AbortSignal.timeout(10_000),
      });
      if (answer.status === 404) {
        if (!mayLose) violations.push(`I1: ${jobId} was acknowledged, and is not found`);
        lost.add(jobId);
        ended.add(jobId);
      }
      if (answer.status !== 200) {
        await answer.body?.cancel();
        return undefined;
      }
      const job = (await answer.json()) as Job;
      if (job.revision < before) wentBack.add(jobId);
      if (job.revision < before && !mayLose)
        violations.push(`I3: ${jobId} was at revision ${before}, then at ${job.revision}`);
      revisions.set(jobId, Math.max(job.revision, revisions.get(jobId) ?? 0));
      if (job.status === "finished") ended.add(jobId);
      else if (job.error?.code === "store.rewound" && mayLose) ended.add(jobId);
      else if (["failed", "quarantined", "cancelled"].includes(job.status))
        violations.push(`I1: ${jobId} is ${job.status} (${job.current_state})`);
      return job;
    } catch {
      return undefined;
    }
  }

  return {
    accepted,
    violations,
    lost,
    wentBack,
    async startJobs(count, callers) {
      const last = next + count;
      await Promise.all(
        Array.from({ length: callers }, async () => {
          while (next < last) await start(`job ${next++}`);
        }),
      );
    },
    async finished() {
      // What had ended may have gone back meanwhile.
      if (mayLose) ended.clear();
      const open = [...accepted.keys()].filter((jobId) => !ended.has(jobId));
      for (let from = 0; from < open.length; from += 20)
        await Promise.all(open.slice(from, from + 20).map(look));
      return ended.size;
    },
    open() {
      const open = [...accepted.keys()].filter((jobId) => !ended.has(jobId));
      return Promise.all(
        open.slice(0, 5).map(async (jobId) => {
          const answer = await fetch(`${anyUrl()}/api/jobs/${jobId}`, { headers });
          return { status: answer.status, job: await answer.json() };
        }),
      );
    },
    async readAround(until) {
      while (!until.aborted) {
        const ids = [...accepted.keys()];
        const jobId = ids[Math.floor(Math.random() * ids.length)];
        if (jobId !== undefined) await look(jobId);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}
