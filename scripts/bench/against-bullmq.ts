// Beside BullMQ: the same three shapes in turn on one redis-server, ours and theirs, round after round.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { socketsOfCalls } from "../../src/store/redis/connection.ts";
import { startRedisServer, type RedisServer } from "../../test/support/redis-server.ts";
import { installBullMq } from "./bullmq/library.ts";
import type { LoopFigures } from "./closed-loop.ts";
import { load, shapes, shapesServed } from "./load.ts";
import { medians } from "./medians.ts";
import { cpuSeconds, runScript, startBench, stop, type Bench } from "./processes.ts";

type ShapeName = keyof typeof shapes;

interface Figures extends LoopFigures {
  /** Milliseconds of CPU for each job, over all processes and the redis-server. */
  readonly cpuMs: number;
}

interface Contestant {
  readonly name: string;
  run(shape: ShapeName, jobs: number, callers: number): Promise<Figures>;
}

/** Jobs of a round at 100 callers; a tenth of them at one. */
const jobsOf: Readonly<Record<ShapeName, number>> = { A: 12_000, B: 6000, C: 2000 };
/** Tasks at once, for each as many as serve it best: with 1024 BullMQ does two thirds of its C, and with 128 ours goes by the queue. */
const concurrency = { ours: 2048, theirs: 128 };
/** One for each socket to Redis, as docs/operations.md advises where throughput counts. */
const SHARDS = String(socketsOfCalls);

/** Both run durable where the redis-server is, and relaxed where it is. */
const settings = {
  everysec: { appendfsync: "everysec", DURABILITY: "relaxed" },
  always: { appendfsync: "always", DURABILITY: "durable" },
} as const;

/**
 * @param rounds how often each contestant runs each shape; the medians are printed
 * @param names the shapes to run; all where absent
 */
export async function benchAgainstBullMq(
  rounds: number,
  names: readonly string[] = Object.keys(shapes),
): Promise<void> {
  const all = Object.keys(shapes) as ShapeName[];
  const unknown = names.filter((name) => !Object.hasOwn(shapes, name));
  if (unknown.length > 0)
    throw new Error(`There is no shape "${unknown.join(", ")}": use ${all.join(", ")}.`);
  const wanted = all.filter((name) => names.includes(name));
  installBullMq();
  for (const [name, { appendfsync, DURABILITY }] of Object.entries(settings)) {
    // On a disk: in memory, to flush always would cost nothing.
    const redis = await startRedisServer(["--appendfsync", appendfsync], tmpdir());
    const worker = await startBullWorker(redis.port);
    const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, DURABILITY, SHARDS };
    const bench = await startBench(concurrency.ours, { env, served: shapesServed });
    try {
      await compare(name, wanted, rounds, avtomatika(redis, bench), bullMq(redis, worker));
    } finally {
      await bench.close();
      await stop(worker);
      await redis.close();
    }
  }
}

async function compare(
  setting: string,
  wanted: readonly ShapeName[],
  rounds: number,
  ours: Contestant,
  theirs: Contestant,
): Promise<void> {
  for (const shape of wanted) {
    const jobs = jobsOf[shape];
    const run = async (contestant: Contestant) => ({
      many: await contestant.run(shape, jobs, 100),
      one: await contestant.run(shape, jobs / 10, 1),
    });
    // A whole round to warm up: until then V8 is still compiling.
    for (const contestant of [ours, theirs]) await run(contestant);
    const measured = [];
    for (let round = 0; round < rounds; round++) {
      // In turns, because Redis rewrites its file when that has doubled, in the round of whoever is on.
      const first = round % 2 === 0 ? ours : theirs;
      const second = first === ours ? theirs : ours;
      const found = new Map([[first, await run(first)]]);
      found.set(second, await run(second));
      measured.push({ ours: found.get(ours)!, theirs: found.get(theirs)! });
    }
    const found = medians(measured);
    process.stdout.write(`shape ${shape}, appendfsync ${setting}\n`);
    print(ours.name, found.ours);
    print(theirs.name, found.theirs);
    const ratios = measured.map((round) => round.ours.many.perSecond / round.theirs.many.perSecond);
    const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
    const ratio = found.ours.many.perSecond / found.theirs.many.perSecond;
    process.stdout.write(
      `  throughput, ours to theirs: ${ratio.toFixed(2)} × (${least.toFixed(2)} to ${most.toFixed(2)} over ${rounds} rounds)\n`,
    );
  }
}

function print(name: string, { many, one }: { many: Figures; one: Figures }): void {
  process.stdout.write(
    `  ${name.padEnd(10)} ${many.perSecond.toFixed(0)}/s at 100 callers, ${many.cpuMs.toFixed(2)} ms CPU for each job; ` +
      `at one p50 ${one.p50Ms.toFixed(2)} ms, p99 ${one.p99Ms.toFixed(2)} ms\n`,
  );
}

/** Its client asks over one socket, as that of BullMQ does. */
function avtomatika(redis: RedisServer, bench: Bench): Contestant {
  return {
    name: "avtomatika",
    async run(shape, jobs, callers) {
      const before = cpuSeconds(redis.process.pid!);
      const figures = await load(bench, shapes[shape], jobs, callers, "socket");
      const redisMs = ((cpuSeconds(redis.process.pid!) - before) * 1000) / jobs;
      const { clientCpuMs, serverCpuMs, workerCpuMs } = figures;
      return { ...figures, cpuMs: clientCpuMs + serverCpuMs + workerCpuMs + redisMs };
    },
  };
}

function bullMq(redis: RedisServer, worker: ChildProcess): Contestant {
  const pids = [redis.process.pid!, worker.pid!];
  const used = (): number => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  return {
    name: "BullMQ",
    async run(shape, jobs, callers) {
      const before = used();
      const figures = (await runScript("bullmq/client.ts", {
        port: `${redis.port}`,
        shape,
        jobs: `${jobs}`,
        callers: `${callers}`,
      })) as LoopFigures & { readonly clientCpuMs: number };
      return { ...figures, cpuMs: figures.clientCpuMs + ((used() - before) * 1000) / jobs };
    },
  };
}

async function startBullWorker(port: number): Promise<ChildProcess> {
  const script = join(import.meta.dirname, "bullmq/worker.ts");
  const worker = spawn(
    process.execPath,
    ["--import", "tsx", script, `${port}`, `${concurrency.theirs}`],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  await once(worker.stdout!, "data");
  return worker;
}
