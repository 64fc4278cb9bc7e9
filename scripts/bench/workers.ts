// Benchmarks of the worker connection: latency of a push, of a cancel and of a return, memory, progress, and a worker that hangs.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedisServer } from "../../test/support/redis-server.ts";
import { httpCaller } from "./http-caller.ts";
import { loadOnly, shapesServed, type Shape } from "./load.ts";
import { anonymousMb, cpuSeconds, startServer, stop, type BenchServer } from "./processes.ts";
import type { PushProbe } from "./push-probe.ts";
import { benchPushRate } from "./push-rate.ts";
import { wallMs, type Behaviour } from "./swarm-worker.ts";
import type { SwarmOrder, SwarmReport } from "./swarm.ts";

const held: Shape = { blueprint: "held", path: "/api/jobs/held", data: {}, expect: "{}" };

export async function benchWorkers(): Promise<void> {
  await benchPushRate(1);
  await benchPushRate(10);
  await onOneServer(2_000, manyWorkers);
  await pushLatency();
  await onOneServer(20, oneStalls);
  await onOneServer(10, thousandTasks);
  await cancelOverNodes();
}

interface Scene {
  readonly server: BenchServer;
  readonly swarm: Swarm;
  readonly workers: number;
}

async function onOneServer(workers: number, measure: (scene: Scene) => Promise<void>) {
  const server = await startServer({ served: shapesServed });
  const swarm = new Swarm();
  try {
    await measure({ server, swarm, workers });
  } finally {
    await swarm.close();
    await server.close();
  }
}

async function manyWorkers({ server, swarm, workers }: Scene): Promise<void> {
  const pid = server.server.pid!;
  // The first workers pay for what all share.
  await swarm.connect(server, 50, 0, "hold", "first");
  await pause(2_000);
  const before = anonymousMb(pid);
  await swarm.connect(server, workers, 1, "hold");
  await pause(5_000);
  const kb = ((anonymousMb(pid) - before) * 1024) / workers;
  const cpu = cpuSeconds(pid);
  await pause(10_000);
  const share = (cpuSeconds(pid) - cpu) * 10;
  print(`${workers} idle workers`, `${kb.toFixed(1)} KB each, ${share.toFixed(1)} % CPU together`);
  await startMany(server, workers);
  await swarm.untilRunning(workers);
  await pause(5_000);
  const busyKb = ((anonymousMb(pid) - before) * 1024) / workers;
  const busyCpu = cpuSeconds(pid);
  await pause(10_000);
  const busyShare = (cpuSeconds(pid) - busyCpu) * 10;
  print(
    `${workers} workers with a task each`,
    `${busyKb.toFixed(1)} KB each with its job, ${busyShare.toFixed(1)} % CPU together`,
  );
}

/** Half of what the machine does at most, and where a task's time goes from its commit on. */
async function pushLatency(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "avtomatika-probe-"));
  const file = join(folder, "probe.json");
  const server = await startServer({
    served: shapesServed,
    env: { PUSH_PROBE: file },
    preload: "scripts/bench/push-probe.js",
  });
  const swarm = new Swarm();
  try {
    await swarm.connect(server, 20, 16, "answer");
    await loadOnly(server, held, 3_000, 50);
    const { perSecond } = await loadOnly(server, held, 3_000, 100);
    server.server.kill("SIGUSR2");
    await swarm.tell({ order: "watch" });
    const started = await startEvenly(server, Math.round(perSecond * 4), perSecond / 2);
    const { received, loopDelayP99Ms } = await swarm.report();
    await server.close();
    const probe = JSON.parse(readFileSync(file, "utf8")) as PushProbe;
    printPush(new Set(started), new Map(received), probe, loopDelayP99Ms);
  } finally {
    await swarm.close();
    await server.close();
    rmSync(folder, { recursive: true });
  }
}

function printPush(
  jobs: ReadonlySet<string>,
  received: ReadonlyMap<string, number>,
  { commits, pushes, sends, loopDelayMs, collectionMs }: PushProbe,
  swarmDelayMs: number,
): void {
  const toFrame: number[] = [];
  const toPush: number[] = [];
  const toSend: number[] = [];
  const committing: number[] = [];
  for (const [taskId, at] of received) {
    const [asked, durable] = commits[taskId] ?? [];
    const [pushed, sent] = [pushes[taskId], sends[taskId]];
    if (!jobs.has(taskId.split(":")[0]!) || !asked || !durable || !pushed || !sent) continue;
    committing.push(durable - asked);
    toPush.push(pushed - durable);
    toSend.push(sent - durable);
    toFrame.push(at - durable);
  }
  print("half load: from the commit to the frame at the worker", quantiles(toFrame));
  print("  of which in the server, until it is pushed", quantiles(toPush));
  print("  of which in the server, until its socket has it", quantiles(toSend));
  print("  before that, the commit with its flush", quantiles(committing));
  const { p50, p99, max } = loopDelayMs;
  const longest = `${collectionMs.young.toFixed(1)} ms young, ${collectionMs.old.toFixed(1)} ms old`;
  const delays = `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, most ${max.toFixed(1)} ms`;
  print("  event loop of the server late by", `${delays}; longest collection ${longest}`);
  print("  event loop of the workers' process late by", `p99 ${swarmDelayMs.toFixed(1)} ms`);
}

async function oneStalls({ server, swarm, workers }: Scene): Promise<void> {
  await swarm.connect(server, workers, 64, "answer");
  await loadOnly(server, held, 2_000, 50);
  const before = await loadOnly(server, held, 4_000, 50);
  await swarm.tell({ order: "stall" });
  const after = await loadOnly(server, held, 4_000, 50);
  const ratio = after.p50Ms / before.p50Ms;
  print(
    `one of ${workers} workers stops reading`,
    `p50 of all jobs ${ratio.toFixed(2)} × of before; ${after.p50Ms.toFixed(1)} ms`,
  );
}

async function thousandTasks({ server, swarm, workers }: Scene): Promise<void> {
  const tasks = 1_000;
  const pid = server.server.pid!;
  await swarm.connect(server, workers, tasks / workers, "hold");
  await startMany(server, tasks);
  await swarm.untilRunning(tasks);
  const seconds = 10;
  await swarm.tell({ order: "progress", hertz: 10, seconds: 2 });
  const before = cpuSeconds(pid);
  await swarm.tell({ order: "progress", hertz: 10, seconds });
  const share = ((cpuSeconds(pid) - before) / seconds) * 100;
  print("progress of 1,000 tasks at 10 Hz", `${share.toFixed(1)} % of a core`);
  const { ms, kept } = (await swarm.tell({ order: "reconnect" })) as {
    readonly ms: readonly number[];
    readonly kept: number;
  };
  print(`cut to welcome, ${kept} of ${tasks} attempts go on`, quantiles(ms));
}

/** Workers are connected to one node, cancels go to the other. */
async function cancelOverNodes(): Promise<void> {
  const tasks = 1_000;
  const redis = await startRedisServer();
  const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, SHARDS: "4" };
  const near = await startServer({ served: shapesServed, env });
  const far = await startServer({
    served: shapesServed,
    env: { ...env, CLIENT_TOKEN: near.clientToken, GLOBAL_WORKER_TOKEN: near.workerToken },
  });
  const swarm = new Swarm();
  try {
    await swarm.connect({ ...far, workerToken: near.workerToken }, 10, tasks / 10, "hold");
    const started = await startMany(near, tasks);
    await swarm.untilRunning(tasks);
    const asked = new Map<string, number>();
    for (const jobId of started) {
      asked.set(jobId, wallMs());
      await ask(near, `/api/jobs/${jobId}/cancel`, undefined, "POST");
    }
    await swarm.until(({ cancelled }) => cancelled.length === tasks);
    const { cancelled } = await swarm.report();
    const latencies = cancelled.map(([taskId, at]) => at - asked.get(taskId.split(":")[0]!)!);
    print("cancel at one node to frame at another, 1,000 running", quantiles(latencies));
  } finally {
    await swarm.close();
    await far.close();
    await near.close();
    await redis.close();
  }
}

class Swarm {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = fork(join(import.meta.dirname, "swarm.ts"), {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  async connect(
    { url, workerToken }: BenchServer,
    count: number,
    credits: number,
    behaviour: Behaviour,
    id = "swarm",
  ): Promise<void> {
    await this.tell({ order: "connect", url, token: workerToken, id, count, credits, behaviour });
  }

  async tell(order: SwarmOrder): Promise<unknown> {
    this.#process.send(order);
    const [{ answer, error }] = (await once(this.#process, "message")) as [
      { readonly answer?: unknown; readonly error?: string },
    ];
    if (error !== undefined) throw new Error(`The swarm failed: ${error}`);
    return answer;
  }

  async report(): Promise<SwarmReport> {
    return (await this.tell({ order: "report" })) as SwarmReport;
  }

  untilRunning(count: number): Promise<void> {
    return this.until(({ running }) => running === count);
  }

  async until(condition: (report: SwarmReport) => boolean): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (!condition(await this.report())) {
      if (performance.now() > deadline) throw new Error("The swarm did not come so far in 60 s.");
      await pause(50);
    }
  }

  async close(): Promise<void> {
    await stop(this.#process);
  }
}

/** @returns the ids of the jobs */
async function startMany(server: BenchServer, count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let from = 0; from < count; from += 50)
    ids.push(...(await Promise.all(Array.from({ length: 50 }, () => startJob(server)))));
  return ids;
}

/** Start jobs at a steady rate, whatever becomes of the earlier ones. */
async function startEvenly(server: BenchServer, count: number, perSecond: number) {
  const caller = httpCaller(new URL(held.path, server.url), 100, "{}", {
    authorization: `Bearer ${server.clientToken}`,
  });
  const start = async (): Promise<string> => {
    const { status, text } = await caller.post();
    if (status !== 202) throw new Error(`A start was answered with ${status}.`);
    return (JSON.parse(text) as { readonly job_id: string }).job_id;
  };
  const begin = performance.now();
  const starting: Promise<string>[] = [];
  while (starting.length < count) {
    const due = ((performance.now() - begin) / 1000) * perSecond;
    while (starting.length < Math.min(due, count)) starting.push(start());
    await pause(2);
  }
  const ids = await Promise.all(starting);
  caller.close();
  return ids;
}

async function startJob(server: BenchServer): Promise<string> {
  return ask(server, held.path, "job_id", "POST", "{}");
}

async function ask<Answer>(
  { url, clientToken }: BenchServer,
  path: string,
  member?: string,
  method = "GET",
  body?: string,
): Promise<Answer> {
  const headers = { authorization: `Bearer ${clientToken}`, "content-type": "application/json" };
  const answer = await fetch(`${url}${path}`, {
    method,
    headers,
    ...(body !== undefined && { body }),
  });
  if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}.`);
  const value = (await answer.json()) as Record<string, unknown>;
  return (member === undefined ? value : value[member]) as Answer;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function quantiles(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms over ${sorted.length}`;
}

function print(title: string, figures: string): void {
  process.stdout.write(`${title}: ${figures}\n`);
}
