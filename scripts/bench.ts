// `npm run bench [-- kernel|echo|shapes|memory|idle …]`: builds the package and measures it; ratios count, not digits.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { benchEcho, benchIdle, benchMemory, benchShapes } from "./bench/echo.ts";
import { benchKernel, kernelText } from "./bench/kernel.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: "string" },
    seconds: { type: "string", default: "20" },
    profiles: { type: "string" },
  },
});
const benches: Record<string, () => Promise<unknown>> = {
  kernel: async () => process.stdout.write(`${kernelText(await benchKernel())}\n`),
  echo: () => benchEcho(Number(values.jobs ?? 20_000), values.profiles),
  shapes: () => benchShapes(Number(values.jobs ?? 3000)),
  memory: () => benchMemory(Number(values.jobs ?? 100_000)),
  idle: () => benchIdle(Number(values.seconds)),
};
const wanted = positionals.length > 0 ? positionals : Object.keys(benches);
const unknown = wanted.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no bench "${unknown.join(", ")}": use ${Object.keys(benches).join(", ")}.\n`,
  );
  process.exit(2);
}
if (wanted.some((name) => name !== "kernel"))
  execFileSync("npm", ["run", "-s", "build"], {
    cwd: join(import.meta.dirname, ".."),
    stdio: "inherit",
  });
for (const name of wanted) {
  process.stdout.write(`\n== ${name}\n`);
  await benches[name]!();
}
