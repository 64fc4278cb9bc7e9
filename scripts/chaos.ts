// Lets storms of strikes go over real nodes, workers and a Redis: `npm run chaos -- --minutes 10 --seed 7`.
//
// With `--failover 20 --durability replicated` it kills so many primaries of a Redis Cluster instead, one after the other.
import { parseArgs } from "node:util";
import { failover } from "../test/support/chaos/failover.ts";
import { storm } from "../test/support/chaos/storm.ts";
import { strikeNames } from "../test/support/chaos/strikes.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "2" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    nodes: { type: "string", default: "3" },
    workers: { type: "string", default: "6" },
    failover: { type: "string" },
    durability: { type: "string", default: "replicated" },
  },
});
const seed = Number(values.seed);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
if (values.failover !== undefined) {
  const durability = values.durability === "durable" ? "durable" : "replicated";
  process.exit((await failoverOnly(Number(values.failover), durability)) ? 0 : 1);
}
say(`seed ${seed}`);
const report = await storm({
  seed,
  jobs: 1000,
  strikes: strikeNames.length,
  forMs: Number(values.minutes) * 60_000,
  nodes: Number(values.nodes),
  workers: Number(values.workers),
  say,
});
for (const violation of report.violations) say(violation);
say(
  `${report.jobs} jobs, ${report.attempts} attempts, ${report.violations.length} violations; all ended ${report.tailMs} ms after the last strike`,
);
for (const [name, count] of Object.entries(report.struck)) say(`  ${count} × ${name}`);
if (report.violations.length > 0) {
  say(`again: npm run chaos -- --minutes ${values.minutes} --seed ${seed}`);
  process.exitCode = 1;
}

/** @returns whether all that was promised has been kept */
async function failoverOnly(
  rounds: number,
  durability: "durable" | "replicated",
): Promise<boolean> {
  const report = await failover({ rounds, durability, say });
  const { violations, lost, lostOutside, wentBack, unsaid, told, jobs, tailMs } = report;
  for (const violation of violations) say(violation);
  say(
    `${jobs} jobs over ${rounds} failovers with ${durability}; all ended ${tailMs} ms after the last`,
  );
  say(`  ${violations.length} violations`);
  say(
    `  ${lost.length} acknowledged jobs lost, ${lostOutside.length} of them without a replica that was behind`,
  );
  say(
    `  ${wentBack.length} jobs seen to go back, ${unsaid.length} of them without a word in their history`,
  );
  say(`  the nodes count ${told.rewound} rewound and ${told.lost} lost jobs`);
  return violations.length + lostOutside.length + unsaid.length === 0;
}
