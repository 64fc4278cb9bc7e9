// Lets storms of strikes go over real nodes, workers and a Redis: `npm run chaos -- --minutes 10 --seed 7`.
import { parseArgs } from "node:util";
import { storm } from "../test/support/chaos/storm.ts";
import { strikeNames } from "../test/support/chaos/strikes.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "2" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    nodes: { type: "string", default: "3" },
    workers: { type: "string", default: "6" },
  },
});
const seed = Number(values.seed);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
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
