// Our jobs beside BullMQ's on one redis-server, in turn: what counts is the ratio of two figures of one run.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { installBullMq } from "./bullmq/install.ts";
import type { LoopFigures } from "./closed-loop.ts";
import { loadOnly, shapes } from "./load.ts";
import { median } from "./medians.ts";
import { runScript, startBench, stop } from "./processes.ts";
import { startBenchRedis, type BenchRedis } from "./redis.ts";

const roundsAtLeast = 5;
const credits = 2000;
type Names = keyof typeof shapes;

/** @param jobs of shape A in each round at 100 callers; the bigger shapes get fewer */
export async function benchAgainstBullMq(jobs: number): Promise<void> {
  installBullMq();
  for (const fsync of ["everysec", "always"] as const) {
    print(`AOF ${fsync}`, "");
    const redis = await startBenchRedis(fsync);
    try {
      await compare(redis, fsync, jobs);
    } finally {
      await redis.close();
    }
  }
}

async function compare(redis: BenchRedis, fsync: string, jobs: number): Promise<void> {
  const relaxed = fsync === "everysec" ? { DURABILITY: "relaxed" } : {};
  const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, ...relaxed };
  const served = { blueprints: "scripts/bench/blueprints", tasks: "scripts/bench/tasks" };
  const echo = await startBench(credits, { env: { ...env, REDIS_KEY_PREFIX: "echo" } });
  const others = await startBench(credits, { served, env: { ...env, REDIS_KEY_PREFIX: "shapes" } });
  const script = join(import.meta.dirname, "bullmq/worker.ts");
  const flags = ["--port", `${redis.port}`, "--concurrency", `${credits}`];
  const worker = spawn(process.execPath, ["--import", "tsx", script, ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(worker.stdout, "data");
    for (const name of Object.keys(shapes) as Names[]) {
      const bench = name === "A" ? echo : others;
      const ours = (count: number, callers: number): Promise<LoopFigures> =>
        loadOnly(bench, shapes[name], count, callers);
      const theirs = (count: number, callers: number) =>
        runScript("bullmq/client.ts", {
          port: `${redis.port}`,
          shape: name,
          jobs: `${count}`,
          callers: `${callers}`,
        }) as Promise<LoopFigures>;
      const many = Math.round(jobs / { A: 1, B: 2, C: 6 }[name]);
      await ours(200, 20);
      await theirs(200, 20);
      const figures: {
        us: LoopFigures;
        them: LoopFigures;
        us1: LoopFigures;
        them1: LoopFigures;
      }[] = [];
      for (let round = 0; round < roundsAtLeast; round++)
        figures.push({
          us: await ours(many, 100),
          them: await theirs(many, 100),
          us1: await ours(100, 1),
          them1: await theirs(100, 1),
        });
      const of = (pick: (round: (typeof figures)[number]) => number) => median(figures.map(pick));
      const [us, them] = [of((one) => one.us.perSecond), of((one) => one.them.perSecond)];
      const [us1, them1] = [of((one) => one.us1.p50Ms), of((one) => one.them1.p50Ms)];
      const rates = `${us.toFixed(0)}/s against ${them.toFixed(0)}/s, ${(us / them).toFixed(2)} ×`;
      const p50s = `p50 at one caller ${us1.toFixed(2)} ms against ${them1.toFixed(2)} ms`;
      print(`  shape ${name}`, `${rates}; ${p50s}`);
    }
    await printStored(redis, echo);
  } finally {
    await stop(worker);
    await echo.close();
    await others.close();
  }
}

/** What an echo job of ours costs Redis: calls and bytes. */
async function printStored(redis: BenchRedis, bench: Parameters<typeof loadOnly>[0]) {
  const jobs = 2000;
  const before = await counters(redis);
  await loadOnly(bench, shapes.A, jobs, 50);
  const after = await counters(redis);
  print("  scripts for each echo job", ((after.scripts - before.scripts) / jobs).toFixed(2));
  print(
    "  bytes of Redis for each finished echo job",
    ((after.bytes - before.bytes) / jobs).toFixed(0),
  );
}

async function counters(redis: BenchRedis) {
  const memory = await redis.ask("INFO memory");
  const stats = await redis.ask("INFO commandstats");
  return {
    bytes: Number(/used_memory:(\d+)/.exec(memory)?.[1]),
    scripts: Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0),
  };
}

function print(title: string, figures: string): void {
  process.stdout.write(figures === "" ? `${title}\n` : `${title}: ${figures}\n`);
}
