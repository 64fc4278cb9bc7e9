// Load on a server of the bench, from a client process of its own, with what it costs the server and its disk.
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import type { LoopFigures } from "./closed-loop.ts";
import { cpuSeconds, runScript, type Bench, type Served } from "./processes.ts";

/** What is started, and what its data then holds. */
export interface Shape {
  readonly blueprint: string;
  /** The blueprint's own endpoint. */
  readonly path: string;
  readonly data: unknown;
  readonly expect: string;
}

const echoed = {
  data: { message: "Hello World", multiply: 3 },
  expect: "Hello World Hello World Hello World",
};
/** The example's flow with one task, as the original's users know it. */
export const echoFlow: Shape = { blueprint: "test_flow", path: "/api/v1/jobs/test", ...echoed };

/** One task; three tasks in sequence; ten tasks at once and one that takes them together. */
export const shapes = {
  A: { blueprint: "one_task", path: "/api/jobs/one_task", ...echoed },
  B: {
    blueprint: "one_by_one",
    path: "/api/jobs/one_by_one",
    data: { value: 1 },
    expect: '"value":4',
  },
  C: {
    blueprint: "fan_out",
    path: "/api/jobs/fan_out",
    data: { value: 1 },
    expect: '"sum":65',
  },
} as const satisfies Readonly<Record<string, Shape>>;

/** The blueprints of the shapes, and the tasks that they take. */
export const shapesServed: Served = {
  blueprints: "scripts/bench/blueprints",
  tasks: "scripts/bench/tasks",
};

/** How a client asks: an HTTP request for each job, or all of them over one socket. */
export type Over = "http" | "socket";

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
  over: Over = "http",
): Promise<LoadFigures> {
  const before = countersOf(bench);
  const figures = await loadOnly(bench, shape, jobs, callers, over);
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
  { blueprint, path, data, expect }: Shape,
  jobs: number,
  callers: number,
  over: Over = "http",
): Promise<LoopFigures & { readonly clientCpuMs: number }> {
  const figures = await runScript("load-client.ts", {
    url: bench.url,
    token: bench.clientToken,
    over,
    blueprint,
    path,
    data: JSON.stringify(data),
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
