// A whole chaos run: jobs are started and read while one strike follows the other, then everything must come to its end.
import { systemClock } from "../../../src/clock.ts";
import { openRedisStore } from "../../../src/store/redis/open-redis-store.ts";
import { eventually } from "../eventually.ts";
import { seededRandom, type Random } from "../random.ts";
import { createClients } from "./clients.ts";
import { strikeNames, strikes, type StrikeName } from "./strikes.ts";
import { verdict } from "./verdict.ts";
import { clientToken } from "./party.ts";
import { chaosRedis, openChaosWorld, type ChaosWorld } from "./world.ts";

export interface StormOptions {
  readonly seed: number;
  /** How many jobs are started in all. */
  readonly jobs: number;
  /** Strikes at least; each of them is used before any is repeated. */
  readonly strikes: number;
  /** Go on striking, and starting jobs, for as long, in milliseconds. */
  readonly forMs?: number;
  readonly nodes?: number;
  readonly workers?: number;
  readonly say?: (line: string) => void;
}

export interface StormReport {
  readonly jobs: number;
  readonly struck: Readonly<Partial<Record<StrikeName, number>>>;
  /** From the last strike to the end of the last job. */
  readonly tailMs: number;
  /** Attempts that workers began, for how many tasks. */
  readonly attempts: number;
  readonly violations: readonly string[];
}

/** After the last strike everything must have come to its end within this time. */
const tailMsMax = 60_000;

export async function storm(options: StormOptions): Promise<StormReport> {
  const { nodes = 2, workers = 3 } = options;
  const world = await openChaosWorld({ nodes, workers });
  try {
    return await rage(world, options);
  } catch (error) {
    const errors = world.nodes.map(
      ({ program }) => `${program.name}: ${program.errors.slice(-2000)}`,
    );
    throw new Error(`The storm of seed ${options.seed} broke down.\n${errors.join("\n")}`, {
      cause: error,
    });
  } finally {
    await world.close();
  }
}

async function rage(world: ChaosWorld, options: StormOptions): Promise<StormReport> {
  const { seed, jobs, forMs = 0, say = () => {} } = options;
  const random = seededRandom(seed);
  const clients = createClients(
    world.nodes.map(({ url }) => url),
    clientToken,
  );
  const calm = new AbortController();
  const reading = clients.readAround(calm.signal);
  const until = performance.now() + forMs;
  const starting = (async () => {
    do await clients.startJobs(Math.ceil(jobs / 20), 16);
    while (clients.accepted.size < jobs || performance.now() < until);
  })();

  const struck: Partial<Record<StrikeName, number>> = {};
  let deck: StrikeName[] = [];
  for (let strike = 0; strike < options.strikes || performance.now() < until; strike++) {
    if (deck.length === 0) deck = shuffled(strikeNames, random);
    // Somewhere in the next stretch of work, so that there is always some for it to hit.
    const due = Math.min(jobs, (jobs * (strike + random.next())) / options.strikes);
    await eventually(() => clients.accepted.size >= due, { timeoutMs: 120_000 });
    const name = deck.pop()!;
    say(`${clients.accepted.size} jobs; ${name}`);
    await strikes[name](world, random);
    struck[name] = (struck[name] ?? 0) + 1;
  }
  await world.allUp();
  await starting;
  const lastStrike = performance.now();
  await eventually(async () => (await clients.finished()) === clients.accepted.size, {
    timeoutMs: tailMsMax,
    intervalMs: 250,
  });
  const tailMs = Math.round(performance.now() - lastStrike);
  calm.abort();
  await reading;
  for (const { program } of world.nodes) await program.kill("SIGTERM");
  for (const worker of world.workers) await worker.kill();

  const notes = world.notes();
  const store = await openRedisStore({
    ...chaosRedis(world.redis.port),
    nodeId: "verdict",
    clock: systemClock,
  });
  try {
    const violations = [...clients.violations, ...(await verdict(store, clients.accepted, notes))];
    return {
      jobs: clients.accepted.size,
      struck,
      tailMs,
      attempts: notes.filter(({ event }) => event === "begin").length,
      violations,
    };
  } finally {
    await store.close();
  }
}

function shuffled<Value>(values: readonly Value[], random: Random): Value[] {
  const left = [...values];
  const order: Value[] = [];
  while (left.length > 0) order.push(...left.splice(random.below(left.length), 1));
  return order;
}
