// Sends broken frames and requests of both worker dialects to a gateway: `npm run fuzz:frames -- --frames 1000000 --seed 1`.
import { inspect, parseArgs } from "node:util";
import { fuzzFrames, heapGrowthMax } from "../test/support/frame-fuzz.ts";

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "50000" },
    seed: { type: "string", default: "1" },
  },
});
const frames = Number(values.frames);
const seed = Number(values.seed);
if (!Number.isInteger(seed) || !Number.isInteger(frames) || frames < 1)
  throw new Error("--seed and --frames take whole numbers");

let shown = 0;
const began = performance.now();
const found = await fuzzFrames({
  frames,
  seed,
  onProgress(sent) {
    if (!process.stderr.isTTY || sent - shown < 1_000) return;
    shown = sent;
    process.stderr.write(`\r${sent} of ${frames}`);
  },
});
const seconds = Math.round((performance.now() - began) / 1000);
const { problems, heapGrowth, ...counts } = found;
process.stdout.write(
  `${inspect({ ...counts, seconds, heapGrowthMiB: Math.round(heapGrowth / 2 ** 20) }, { breakLength: Infinity })}\n`,
);
for (const problem of problems.slice(0, 20)) process.stdout.write(`${problem}\n`);
if (problems.length > 0 || heapGrowth > heapGrowthMax) {
  process.stdout.write(`replay: npm run fuzz:frames -- --frames ${frames} --seed ${seed}\n`);
  process.exitCode = 1;
}
