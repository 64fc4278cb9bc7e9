// Looks at a Redis without opening a store in it: what it is set to, what lies there, and what is wrong with either.
import { systemClock, type Clock } from "../../clock.ts";
import { RuntimeError } from "../../errors.ts";
import { Calls } from "./calls.ts";
import { findingOf, type Finding, type ServerFacts } from "./durability.ts";
import { Keys } from "./keys.ts";
import { checkFormat, type RedisSettings } from "./open-redis-store.ts";
import { connectTo } from "./servers.ts";
import { Watch } from "./watch.ts";

export interface Examination {
  readonly servers: readonly ServerFacts[];
  /** How many shards the store has; absent where there is none yet. */
  readonly shards?: number;
  readonly findings: readonly Finding[];
}

const patienceMs = 5000;

export async function examineRedis(
  settings: RedisSettings,
  clock: Clock = systemClock,
): Promise<Examination> {
  const keys = new Keys(settings.prefix);
  const servers = connectTo(settings.deployment, settings.access, clock);
  const watch = new Watch({ servers, clock, expected: settings });
  const calls = new Calls({ servers, keys, clock, networkClock: clock, patienceMs });
  const findings: Finding[] = [];
  let shards: number | undefined;
  try {
    const [meta] = keys.system;
    const stored = (await calls.read(meta, ["HMGET", meta, "format", "shards"])) as string[];
    if (stored[1]) shards = Number(stored[1]);
    if (stored[0]) checkFormat(Number(stored[0]));
    findings.push(...(await wrongKeys(calls, keys, shards ?? 1)));
  } catch (error) {
    findings.push(refusalIn(error));
  }
  try {
    if (!findings.some(({ code }) => code === "store.unavailable"))
      await watch.start().catch((error: unknown) => findings.push(refusalIn(error)));
    const seen = watch.servers;
    findings.push(...watch.findings);
    return {
      servers: seen.map(({ facts }) => facts),
      findings,
      ...(shards !== undefined && { shards }),
    };
  } finally {
    watch.close();
    await calls.close();
    servers.close();
  }
}

/** Whether scripts may be run, and whether our keys, wherever they lie, hold what they should. */
async function wrongKeys(calls: Calls, keys: Keys, shards: number): Promise<readonly Finding[]> {
  const ofShards = Array.from({ length: shards }, (_, shard) => keys.shard(shard));
  const all = [
    { names: [...keys.systemTypes.keys()], types: [...keys.systemTypes.values()] },
    ...ofShards.map(({ all: names, types }) => ({ names, types })),
  ];
  const checks = all.map(({ names, types }) => calls.run("check", names, types));
  const findings = (await Promise.allSettled(checks)).flatMap((check) =>
    check.status === "rejected" ? [refusalIn(check.reason)] : [],
  );
  // What all shards have in common, such as a user that may run no scripts, is told once.
  return [...new Map(findings.map((finding) => [finding.message, finding])).values()];
}

/** @throws what is no refusal of the store's */
function refusalIn(error: unknown): Finding {
  if (!(error instanceof RuntimeError)) throw error;
  return findingOf(error);
}
