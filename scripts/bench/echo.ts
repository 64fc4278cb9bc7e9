// Benchmarks of the whole: jobs over HTTP, through the embedded store with flushed commits, to a worker and back.
import { measureFloors, type Floors } from "./floors.ts";
import { echoFlow, load, shapes, shapesServed, type LoadFigures, type Shape } from "./load.ts";
import { medians } from "./medians.ts";
import { anonymousMb, cpuSeconds, startBench, type Bench } from "./processes.ts";

/** A round is long enough to mean something, and there are enough of them for a median. */
const rounds = 3;

/** One echo task, as a statechart and as a flow. */
const echoes = [
  { title: "as a statechart", shape: shapes.A, served: shapesServed },
  { title: "as a flow", shape: echoFlow },
];

/**
 * Throughput at 100 callers and latency at one, for either style of blueprint, with the floors of the machine between the rounds.
 *
 * @param profiles A directory for CPU profiles of server and worker, if wanted.
 */
export async function benchEcho(jobs: number, profiles?: string): Promise<void> {
  for (const { title, shape, served } of echoes) {
    const bench = await startBench(256, { profiles, ...(served && { served }) });
    try {
      print(title, "");
      await compareWays(bench, shape, jobs);
    } finally {
      await bench.close();
    }
  }
}

async function compareWays(bench: Bench, shape: Shape, jobs: number): Promise<void> {
  await load(bench, shape, 2000, 20);
  const measured = [];
  const jobsOfOne = Math.max(1500, Math.round(jobs / 20 / rounds));
  for (let round = 0; round < rounds; round++) {
    const floors = await measureFloors();
    const many = await load(bench, shape, Math.round(jobs / rounds), 100);
    const one = await load(bench, shape, jobsOfOne, 1);
    const joined = await load(bench, shape, Math.round(jobs / rounds), 100, "socket");
    const joinedOne = await load(bench, shape, jobsOfOne, 1, "socket");
    measured.push({ floors, many, one, joined, joinedOne });
  }
  const { floors, many, one, joined, joinedOne } = medians(measured);
  printFloors(floors);
  print("an HTTP request for each job", "");
  printManyCallers(many, floors);
  printOneCaller(one, floors);
  print("all over one client socket", "");
  printManyCallers(joined, floors);
  printOneCaller(joinedOne, floors);
}

function printFloors(floors: Floors): void {
  const { post1, post100, message1, commit1, commit100, stockSteps } = floors;
  print("floor, bare POST", `${rate(post100)} at 100 callers, p50 ${ms(post1.p50Ms)} at one`);
  print("floor, bare WebSocket round trip", `p50 ${ms(message1.p50Ms)} at one`);
  print("floor, flushed row", `${rate(commit100)} at 100 callers, p50 ${ms(commit1.p50Ms)} at one`);
  print("floor, stock XState", `${Math.round(stockSteps)} steps/s`);
}

function printManyCallers(echoes: LoadFigures, { post100, commit100, stockSteps }: Floors): void {
  const { perSecond, serverCpuMs } = echoes;
  print("echo, 100 callers", `${rate(echoes)}, ${latency(echoes)}`);
  print("  of bare POSTs", ratio(perSecond / post100.perSecond));
  print("  of flushed rows", ratio(perSecond / commit100.perSecond));
  print("  jobs in the time of 1,000 stock steps", ((perSecond / stockSteps) * 1000).toFixed(0));
  printCosts(echoes);
  print("  server CPU in bare POSTs", (serverCpuMs / post100.serverCpuMs).toFixed(1));
  print("  server CPU in stock steps", ((serverCpuMs * stockSteps) / 1000).toFixed(1));
}

function printOneCaller(echoes: LoadFigures, floors: Floors): void {
  const { post1, message1, commit1, stockSteps } = floors;
  const floorMs = post1.p50Ms + message1.p50Ms + 2 * commit1.p50Ms;
  print("echo, 1 caller", latency(echoes));
  print(
    `  p50 over its floor of ${ms(floorMs)} (a POST, a round trip, two flushed rows)`,
    ratio(echoes.p50Ms / floorMs),
  );
  print("  p50 in stock steps", ((echoes.p50Ms * stockSteps) / 1000).toFixed(0));
}

function printCosts({ serverCpuMs, workerCpuMs, clientCpuMs, bytes, transactions }: LoadFigures) {
  const cpu = `server ${ms(serverCpuMs)}, worker ${ms(workerCpuMs)}, client ${ms(clientCpuMs)}`;
  print("  CPU for each job", cpu);
  print("  on disk for each job", `${Math.round(bytes)} bytes, ${transactions.toFixed(2)} flushes`);
}

const titles: Readonly<Record<keyof typeof shapes, string>> = {
  A: "one task",
  B: "three tasks in sequence",
  C: "ten tasks at once and one",
};

/** The three shapes on one server: throughput at 100 callers, latency and flushes at one. */
export async function benchShapes(jobs: number): Promise<void> {
  const bench = await startBench(2000, { served: shapesServed });
  try {
    for (const name of Object.keys(titles) as (keyof typeof titles)[]) {
      const shape = shapes[name];
      await load(bench, shape, 500, 20);
      const many = await load(bench, shape, jobs, 100);
      const one = await load(bench, shape, Math.max(200, Math.round(jobs / 10)), 1);
      print(
        `shape ${name}, ${titles[name]}`,
        `${rate(many)} at 100 callers, ${latency(one)} at one`,
      );
      printCosts(many);
      print("  flushes for each job at one caller", one.transactions.toFixed(1));
    }
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
      await load(bench, echoFlow, Math.round(jobs / 10), 50);
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

const ms = (value: number): string => `${value.toFixed(2)} ms`;
const ratio = (value: number): string => `${value.toFixed(value < 1 ? 3 : 1)} ×`;
const rate = ({ perSecond }: { readonly perSecond: number }): string =>
  `${Math.round(perSecond)}/s`;
const latency = ({ p50Ms, p99Ms }: { readonly p50Ms: number; readonly p99Ms: number }): string =>
  `p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}`;

function print(title: string, figures: string): void {
  process.stdout.write(`${title}: ${figures}\n`);
}
