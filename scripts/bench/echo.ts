// Benchmarks of the whole: echo jobs over HTTP, through the embedded store with flushed commits, to a worker and back.
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { anonymousMb, cpuSeconds, startBench, type Bench } from "./processes.ts";

const run = promisify(execFile);

export interface LoadFigures {
  readonly jobs: number;
  readonly jobsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly clientCpuSeconds: number;
}

/** Run `jobs` echo jobs with `callers` in a closed loop, from a process of its own. */
async function load(bench: Bench, jobs: number, callers: number): Promise<LoadFigures> {
  const client = join(import.meta.dirname, "load-client.ts");
  const target = ["--url", bench.url, "--token", bench.clientToken, "--path", "/api/v1/jobs/test"];
  const size = ["--jobs", `${jobs}`, "--callers", `${callers}`];
  const { stdout } = await run(process.execPath, ["--import", "tsx", client, ...target, ...size]);
  return JSON.parse(stdout) as LoadFigures;
}

/** Throughput at 100 callers and latency at one, on one server; then what a stored job takes on disk. */
export async function benchEcho(jobs: number): Promise<void> {
  const bench = await startBench(256);
  try {
    await load(bench, 2000, 20);
    const sizeBefore = dataBytes(bench);
    const cpuBefore = cpuSeconds(bench.server.pid!);
    const many = await load(bench, jobs, 100);
    const cpu = cpuSeconds(bench.server.pid!) - cpuBefore;
    print("echo, 100 callers", many);
    print("  server CPU-seconds per 1,000 jobs", ((cpu / many.jobs) * 1000).toFixed(3));
    const bytes = (dataBytes(bench) - sizeBefore) / many.jobs;
    print("  bytes of the data file per finished job", Math.round(bytes));
    print("echo, 1 caller", await load(bench, Math.max(500, Math.round(jobs / 20)), 1));
  } finally {
    await bench.close();
  }
}

/** Anonymous memory of the server over many jobs: it must not grow with them. */
export async function benchMemory(jobs: number): Promise<void> {
  const bench = await startBench(256);
  try {
    const pid = bench.server.pid!;
    const series: number[] = [];
    for (let round = 0; round < 10; round++) {
      await load(bench, Math.round(jobs / 10), 50);
      series.push(Math.round(anonymousMb(pid)));
    }
    print(`server RssAnon in MB after each tenth of ${jobs} jobs`, series.join(" "));
  } finally {
    await bench.close();
  }
}

/** What a server with one connected worker costs while nothing happens. */
export async function benchIdle(seconds: number): Promise<void> {
  const bench = await startBench(10);
  try {
    const pid = bench.server.pid!;
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const before = cpuSeconds(pid);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const share = ((cpuSeconds(pid) - before) / seconds) * 100;
    print("idle server", `${anonymousMb(pid).toFixed(0)} MB RssAnon, ${share.toFixed(2)} % CPU`);
  } finally {
    await bench.close();
  }
}

function dataBytes({ dataDirectory }: Bench): number {
  return statSync(join(dataDirectory, "data.mdb")).size;
}

function print(title: string, figures: string | number | object): void {
  const text = typeof figures === "object" ? JSON.stringify(figures) : figures;
  process.stdout.write(`${title}: ${text}\n`);
}
