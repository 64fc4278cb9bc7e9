// `npm run bench [-- kernel|flat|types|echo|shapes|workers|nodes|memory|idle …] [--against bullmq [--shapes A,B,C]]`: builds the package and measures it; ratios count, not digits.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { benchAgainstBullMq } from "./bench/against-bullmq.ts";
import { benchEcho, benchIdle, benchMemory, benchShapes } from "./bench/echo.ts";
import { benchNodes } from "./bench/nodes.ts";
import { benchFlat } from "./bench/kernel-memory.ts";
import { benchWorkers } from "./bench/workers.ts";
import { benchTypes } from "./bench/type-check.ts";
import { benchKernel, kernelText } from "./bench/kernel.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: "string" },
    seconds: { type: "string", default: "20" },
    profiles: { type: "string" },
    against: { type: "string" },
    rounds: { type: "string", default: "5" },
    shapes: { type: "string" },
    steps: { type: "string", default: "1000000" },
  },
});
const benches: Record<string, () => Promise<unknown>> = {
  kernel: async () => {
    const found = await benchKernel();
    process.stdout.write(`${kernelText(found)}\n`);
    const slow = found.filter(({ isFastEnough }) => !isFastEnough);
    if (slow.length === 0) return;
    process.stderr.write(
      `Too slow beside stock XState: ${slow.map((one) => one.shape).join(", ")}.\n`,
    );
    process.exitCode = 1;
  },
  types: async () => {
    process.stdout.write(`${benchTypes(80)}\n`);
  },
  flat: async () => {
    const steps = Number(values.steps);
    process.stdout.write(`${benchFlat(steps / 10, steps)}\n`);
  },
  echo: () => benchEcho(Number(values.jobs ?? 20_000), values.profiles),
  shapes: () => benchShapes(Number(values.jobs ?? 3000)),
  workers: () => benchWorkers(),
  nodes: () => benchNodes(Number(values.jobs ?? 2000), Number(values.rounds)),
  memory: () => benchMemory(Number(values.jobs ?? 100_000)),
  idle: () => benchIdle(Number(values.seconds)),
};
const peers: Record<string, () => Promise<unknown>> = {
  bullmq: () => benchAgainstBullMq(Number(values.rounds), values.shapes?.split(",")),
};
if (values.against !== undefined) {
  Object.assign(benches, peers);
  positionals.push(values.against);
}
const wanted = positionals.length > 0 ? positionals : Object.keys(benches);
const unknown = wanted.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no bench "${unknown.join(", ")}": use ${Object.keys(benches).join(", ")}.\n`,
  );
  process.exit(2);
}
if (wanted.some((name) => !["kernel", "flat", "types"].includes(name)))
  execFileSync("npm", ["run", "-s", "build"], {
    cwd: join(import.meta.dirname, ".."),
    stdio: "inherit",
  });
for (const name of wanted) {
  process.stdout.write(`\n== ${name}\n`);
  await benches[name]!();
}
