// Jobs over a Redis of several servers while something is done to those: everything must come to its end, and is audited then.
import { systemClock } from "../../../src/clock.ts";
import { openRedisStore, type RedisSettings } from "../../../src/store/redis/open-redis-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { eventually } from "../eventually.ts";
import { createClients } from "./clients.ts";
import { clientToken, openParty } from "./party.ts";
import { verdict } from "./verdict.ts";

export interface CampaignOptions {
  readonly redis: RedisSettings;
  readonly jobs: number;
  /** What is done meanwhile; more jobs are started until it is over. */
  readonly hit: (progress: Progress) => Promise<void>;
  /** Whether the store may lose what it has acknowledged last. */
  readonly mayLose?: boolean;
}

export interface Progress {
  /** How many jobs have been acknowledged so far. */
  readonly accepted: () => number;
  /** Their ids. */
  readonly ids: () => readonly string[];
}

export interface CampaignReport {
  readonly jobs: number;
  /** From the last hit to the end of the last job. */
  readonly tailMs: number;
  readonly violations: readonly string[];
  /** Acknowledged jobs that are gone. */
  readonly lost: readonly string[];
  /** Jobs that clients saw go back to an earlier revision, and those among them whose history does not say so. */
  readonly wentBack: readonly string[];
  readonly unsaid: readonly string[];
  /** What the nodes count themselves. */
  readonly told: { readonly rewound: number; readonly lost: number };
}

const callers = 8;
/** After the last hit everything must have come to its end within this time. */
const tailMsMax = 60_000;

export async function campaign({
  redis,
  jobs,
  hit,
  mayLose = false,
}: CampaignOptions): Promise<CampaignReport> {
  const party = await openParty({ nodes: 2, workers: 2, redis: () => redis });
  const urls = party.nodes.map(({ url }) => url);
  const clients = createClients(urls, clientToken, mayLose);
  try {
    const calm = new AbortController();
    const reading = clients.readAround(calm.signal);
    let isOver = false;
    const hitting = hit({
      accepted: () => clients.accepted.size,
      ids: () => [...clients.accepted.keys()],
    }).finally(() => (isOver = true));
    const starting = (async () => {
      while (clients.accepted.size < jobs || !isOver) await clients.startJobs(callers, callers);
    })();
    await Promise.all([hitting, starting]);
    const lastHit = performance.now();
    await eventually(async () => (await clients.finished()) === clients.accepted.size, {
      timeoutMs: tailMsMax,
      intervalMs: 250,
    });
    const tailMs = Math.round(performance.now() - lastHit);
    calm.abort();
    await reading;
    const told = { rewound: 0, lost: 0 };
    for (const url of urls) {
      const metrics = await (await fetch(`${url}/_public/metrics`)).text();
      told.rewound += Number(/^orchestrator_rewound_jobs_total (\d+)$/m.exec(metrics)?.[1]);
      told.lost += Number(/^orchestrator_lost_jobs_total (\d+)$/m.exec(metrics)?.[1]);
    }
    for (const { program } of party.nodes) await program.kill("SIGTERM");
    for (const worker of party.workers) await worker.kill();
    const store = await openRedisStore({ ...redis, nodeId: "verdict", clock: systemClock });
    try {
      const { accepted, lost, wentBack } = clients;
      const notes = party.notes();
      const unsaid: string[] = [];
      for (const jobId of wentBack)
        if (!lost.has(jobId) && !(await saysSo(store, jobId))) unsaid.push(jobId);
      const found = await verdict(store, accepted, notes, mayLose);
      return {
        jobs: accepted.size,
        tailMs,
        violations: [...clients.violations, ...found],
        lost: [...lost],
        wentBack: [...wentBack],
        unsaid,
        told,
      };
    } finally {
      await store.close();
    }
  } catch (error) {
    const told = party.nodes.map(({ program }) => program.errors.slice(-3000)).join("\n");
    const open = await clients.open().catch(String);
    const left = `The campaign broke down. Not ended: ${JSON.stringify(open)}`;
    throw new Error(`${left}\n${told}`, { cause: error });
  } finally {
    await party.close();
  }
}

/** Whether the history of a job tells that the store has lost steps of it. */
async function saysSo(store: Store, jobId: string): Promise<boolean> {
  const entries = await store.history(jobId, 0, 10_000);
  return entries.some(
    ({ message }) =>
      message.type === "rewound" ||
      (message.type === "stop" && message.error?.code === "store.rewound"),
  );
}
