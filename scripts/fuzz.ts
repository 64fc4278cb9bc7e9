// Compares the kernel with the live interpreter on random machines: `npm run fuzz -- --machines 5000 --seed 1`.
import { inspect, parseArgs } from "node:util";
import { compareWithLive } from "../test/support/differential.ts";

const { values } = parseArgs({
  options: {
    machines: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
  },
});
const first = Number(values.seed);
const machines = Number(values.machines);
if (!Number.isInteger(first) || !Number.isInteger(machines) || machines < 1) {
  throw new Error("--seed and --machines take whole numbers");
}

const totals = {
  machines: 0,
  inputs: 0,
  completions: 0,
  timersFired: 0,
  steps: 0,
  childJobs: 0,
  done: 0,
  error: 0,
  orphans: 0,
  late_completion: 0,
  race: 0,
};
for (let seed = first; seed < first + machines; seed++) {
  const found = compareWithLive(seed);
  totals.machines++;
  totals.inputs += found.inputs;
  totals.completions += found.completions;
  totals.timersFired += found.timersFired;
  totals.steps += found.steps;
  totals.childJobs += found.childJobs;
  if (found.end === "done") totals.done++;
  if (found.end === "error") totals.error++;
  if (found.parted !== undefined) totals[found.parted]++;
  if (found.difference === undefined) continue;
  process.exitCode = 1;
  process.stdout.write(
    `seed ${seed} differs: ${inspect(found.difference, { depth: 8 })}\n` +
      `replay: npm run fuzz -- --machines 1 --seed ${seed}\n`,
  );
}
process.stdout.write(`${inspect(totals, { breakLength: Infinity })}\n`);
