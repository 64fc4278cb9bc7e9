// Load on a server of the bench, from a client process of its own, with what it costs the server and its disk.
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import type { LoopFigures } from "./closed-loop.ts";
import { bodyOfEcho } from "./floor-texts.ts";
import { cpuSeconds, runScript, type Bench } from "./processes.ts";

/** What is started, and what its data then holds. */
export interface Shape {
  readonly path: string;
  readonly body: string;
  readonly expect: string;
}

/** One task; three tasks in sequence; ten tasks at once and one that takes them together. */
export const shapes = {
  A: {
    path: "/api/v1/jobs/test",
    body: bodyOfEcho,
    expect: "Hello World Hello World Hello World",
  },
  B: {
    path: "/api/jobs/one_by_one",
    body: JSON.stringify({ value: 1 }),
    expect: '"value":4',
  },
  C: {
    path: "/api/jobs/fan_out",
    body: JSON.stringify({ value: 1 }),
    expect: '"sum":65',
  },
} as const satisfies Readonly<Record<string, Shape>>;

export interface LoadFigures extends LoopFigures {
  /** Milliseconds of CPU for each job. */
  readonly clientCpuMs: number;
  readonly serverCpuMs: number;
  readonly workerCpuMs: number;
  /** What a finished job takes on disk. */
  readonly bytes: number;
  /** Flushed transactions for each job. */
  readonly transactions: number;
}

/** Run `jobs` jobs of a shape with `callers` in a closed loop. */
export async function load(
  bench: Bench,
  shape: Shape,
  jobs: number,
  callers: number,
): Promise<LoadFigures> {
  const before = countersOf(bench);
  const figures = await loadOnly(bench, shape, jobs, callers);
  const after = countersOf(bench);
  const perJob = (counter: keyof typeof after): number => (after[counter] - before[counter]) / jobs;
  return {
    ...figures,
    serverCpuMs: perJob("serverMs"),
    workerCpuMs: perJob("workerMs"),
    bytes: perJob("bytes"),
    transactions: perJob("transactions"),
  };
}

/** The same without a look at what it costs the server. */
export async function loadOnly(
  bench: Pick<Bench, "url" | "clientToken">,
  { path, body, expect }: Shape,
  jobs: number,
  callers: number,
): Promise<LoopFigures & { readonly clientCpuMs: number }> {
  const figures = await runScript("load-client.ts", {
    url: bench.url,
    token: bench.clientToken,
    path,
    body,
    expect,
    jobs: `${jobs}`,
    callers: `${callers}`,
  });
  return figures as LoopFigures & { readonly clientCpuMs: number };
}

function countersOf({ server, worker, dataDirectory }: Bench) {
  const file = join(dataDirectory, "data.mdb");
  return {
    serverMs: cpuSeconds(server.pid!) * 1000,
    workerMs: cpuSeconds(worker.pid!) * 1000,
    // Absent where the server keeps its data in Redis.
    bytes: statSync(file, { throwIfNoEntry: false })?.size ?? 0,
    transactions: existsSync(file) ? latestTransaction(file) : 0,
  };
}

/** LMDB's two meta pages take turns; each has the number of the transaction that wrote it. */
function latestTransaction(path: string): number {
  const file = openSync(path, "r");
  const page = Buffer.alloc(160);
  const numberAt = (offset: number): number => {
    readSync(file, page, 0, page.length, offset);
    return Number(page.readBigUInt64LE(152));
  };
  try {
    const first = numberAt(0);
    return Math.max(first, numberAt(page.readUInt32LE(48)));
  } finally {
    closeSync(file);
  }
}
