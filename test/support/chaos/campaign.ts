// Jobs over a Redis of several servers while something is done to those: everything must come to its end, and is audited then.
import { systemClock } from "../../../src/clock.ts";
import { openRedisStore, type RedisSettings } from "../../../src/store/redis/open-redis-store.ts";
import { eventually } from "../eventually.ts";
import { createClients } from "./clients.ts";
import { clientToken, openParty } from "./party.ts";
import { verdict } from "./verdict.ts";

export interface CampaignOptions {
  readonly redis: RedisSettings;
  readonly jobs: number;
  /** What is done meanwhile; more jobs are started until it is over. */
  readonly hit: (progress: Progress) => Promise<void>;
}

export interface Progress {
  /** How many jobs have been acknowledged so far. */
  accepted(): number;
}

export interface CampaignReport {
  readonly jobs: number;
  /** From the last hit to the end of the last job. */
  readonly tailMs: number;
  readonly violations: readonly string[];
}

const callers = 8;
/** After the last hit everything must have come to its end within this time. */
const tailMsMax = 60_000;

export async function campaign({ redis, jobs, hit }: CampaignOptions): Promise<CampaignReport> {
  const party = await openParty({ nodes: 2, workers: 2, redis: () => redis });
  try {
    const urls = party.nodes.map(({ url }) => url);
    const clients = createClients(urls, clientToken);
    const calm = new AbortController();
    const reading = clients.readAround(calm.signal);
    let isOver = false;
    const hitting = hit({ accepted: () => clients.accepted.size }).finally(() => (isOver = true));
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
    for (const { program } of party.nodes) await program.kill("SIGTERM");
    for (const worker of party.workers) await worker.kill();
    const store = await openRedisStore({ ...redis, nodeId: "verdict", clock: systemClock });
    try {
      const found = await verdict(store, clients.accepted, party.notes());
      return { jobs: clients.accepted.size, tailMs, violations: [...clients.violations, ...found] };
    } finally {
      await store.close();
    }
  } catch (error) {
    const told = party.nodes.map(({ program }) => program.errors.slice(-3000)).join("\n");
    throw new Error(`The campaign broke down.\n${told}`, { cause: error });
  } finally {
    await party.close();
  }
}
