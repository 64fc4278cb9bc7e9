// Primaries of a cluster that are killed under load, one after the other, each to be followed by its replica.
import type { Durability } from "../../../src/store/redis/durability.ts";
import { Keys } from "../../../src/store/redis/keys.ts";
import { eventually } from "../eventually.ts";
import { startRedisCluster } from "../redis-cluster.ts";
import { campaign, type CampaignReport } from "./campaign.ts";
import { chaosStore } from "./party.ts";

export interface FailoverOptions {
  readonly rounds: number;
  /** With `durable`, each replica is cut off for a moment before its primary is killed, so that something is lost. */
  readonly durability: Extract<Durability, "durable" | "replicated">;
  readonly say?: (line: string) => void;
}

export interface FailoverReport extends CampaignReport {
  /** Jobs that are gone although they were not acknowledged while a replica was cut off. */
  readonly lostOutside: readonly string[];
}

const shards = 6;
/** What is started between two rounds, and while a replica is cut off. */
const jobsBetween = 40;
const jobsWhileCutOff = 12;

export async function failover({
  rounds,
  durability,
  say = () => {},
}: FailoverOptions): Promise<FailoverReport> {
  const cluster = await startRedisCluster({ nodeTimeoutMs: 1000 });
  const keys = new Keys("chaos");
  /** Acknowledged from when a replica was cut off until it had taken its primary's place. */
  const endangered = new Set<string>();
  try {
    const report = await campaign({
      redis: {
        ...chaosStore({ kind: "cluster", seeds: cluster.seeds }),
        durability,
        shards,
      },
      jobs: rounds * jobsBetween,
      mayLose: durability === "durable",
      async hit({ accepted, ids }) {
        for (let round = 0; round < rounds; round++) {
          const until = accepted() + jobsBetween;
          await eventually(() => accepted() >= until, { timeoutMs: 60_000 });
          const key = keys.shard(round % shards).tag;
          const { primary, replica } = await cluster.serving(key);
          const before = accepted();
          if (durability === "durable") {
            // Whatever was acknowledged up to now cannot be lost.
            await cluster.caughtUp(primary);
            // Stopped first, lest it comes back at once with all that it missed.
            replica.process.kill("SIGSTOP");
            await cluster.ask(primary, "CLIENT", "KILL", "TYPE", "REPLICA");
            const cutOff = accepted();
            await eventually(() => accepted() >= cutOff + jobsWhileCutOff, { timeoutMs: 60_000 });
          }
          await primary.kill();
          replica.process.kill("SIGCONT");
          await cluster.promoted(key, primary);
          for (const jobId of ids().slice(before)) endangered.add(jobId);
          await primary.start();
          await cluster.healthy();
          say(`round ${round + 1}: ${accepted()} jobs`);
        }
      },
    });
    const lostOutside = report.lost.filter((jobId) => !endangered.has(jobId));
    return { ...report, lostOutside };
  } finally {
    await cluster.close();
  }
}
