// The processes of a benchmark: a built server and worker with nothing of the bench inside them.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "../..");
const cli = join(root, "dist/src/cli/main.js");

/** What the command line has Node run with, as its first line says. */
function nodeFlags(): string[] {
  const [first = ""] = readFileSync(cli, "utf8").split("\n", 1);
  return first.split(" ").filter((word) => word.startsWith("--"));
}

export interface BenchServer {
  readonly url: string;
  readonly clientToken: string;
  readonly workerToken: string;
  readonly dataDirectory: string;
  readonly server: ChildProcess;
  close(): Promise<void>;
}

export interface Bench extends BenchServer {
  readonly worker: ChildProcess;
}

/** What is served and worked on: the example's echo, unless it is said otherwise. Both come from `dist`. */
export interface Served {
  readonly blueprints: string;
  readonly tasks: string;
}
const echo: Served = { blueprints: "machines", tasks: "worker/tasks/echo-task.js" };

interface BenchOptions {
  readonly served?: Served;
  /** Where CPU profiles of the processes are left when they end, if anywhere. */
  readonly profiles?: string | undefined;
  /** Of the server, besides what the bench needs. */
  readonly env?: Readonly<Record<string, string>>;
  /** A file of `dist` that the server loads before all else. */
  readonly preload?: string;
}

/** Start a server on an empty data directory and a worker, both from `dist`. */
export async function startBench(credits: number, options: BenchOptions = {}): Promise<Bench> {
  const started = await startServer(options);
  const { url, workerToken } = started;
  const { tasks } = options.served ?? echo;
  const worker = startWorker(tasks, url, workerToken, credits, options.profiles);
  await hasWorkers(started, 1, worker);
  return {
    ...started,
    worker,
    async close() {
      await stop(worker);
      await started.close();
    },
  };
}

/** Start a worker for a server, with handlers from `dist`. */
export function startWorker(
  tasks: string,
  url: string,
  token: string,
  credits: number,
  profiles?: string,
): ChildProcess {
  return runCli(
    ["worker", "run", join(root, "dist", tasks), "--url", url, "--concurrency", `${credits}`],
    { WORKER_TOKEN: token },
    profiles,
  );
}

/** Start a server without workers. */
export async function startServer({
  served = echo,
  profiles,
  env = {},
  preload,
}: BenchOptions = {}): Promise<BenchServer> {
  const dataDirectory = mkdtempSync(join(tmpdir(), "avtomatika-bench-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const clientToken = randomBytes(24).toString("hex");
  const workerToken = randomBytes(24).toString("hex");
  const blueprints = join(root, "dist", served.blueprints);
  const server = runCli(
    [
      "start",
      "--host",
      "127.0.0.1",
      "--port",
      `${port}`,
      "--data",
      dataDirectory,
      "--blueprints",
      blueprints,
    ],
    { CLIENT_TOKEN: clientToken, GLOBAL_WORKER_TOKEN: workerToken, ...env },
    profiles,
    preload,
  );
  await until(server, async () => (await fetch(`${url}/_public/status`)).ok);
  return {
    url,
    clientToken,
    workerToken,
    dataDirectory,
    server,
    async close() {
      await stop(server);
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}

function runCli(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  profiles: string | undefined,
  preload?: string,
): ChildProcess {
  const preloading = preload === undefined ? [] : ["--import", join(root, "dist", preload)];
  const profiling =
    profiles === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${args[0]}.cpuprofile`];
  return spawn(process.execPath, [...nodeFlags(), ...preloading, ...profiling, cli, ...args], {
    env: { ...process.env, NODE_ENV: "production", LOG_LEVEL: "warn", ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** Run a script of the bench to its end, and read what it prints. */
export async function runScript(
  name: string,
  flags: Readonly<Record<string, string>>,
): Promise<unknown> {
  const given = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  const script = join(import.meta.dirname, name);
  const argv = ["--import", "tsx", script, ...given];
  const { stdout } = await promisify(execFile)(process.execPath, argv);
  return JSON.parse(stdout) as unknown;
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

/** Anonymous memory of a process in MB: what is really its own, without mapped files. */
export function anonymousMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

/** CPU seconds that a process has used so far. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  const ticksPerSecond = 100;
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Wait until a server has so many workers. */
export async function hasWorkers(
  { url, clientToken }: Pick<BenchServer, "url" | "clientToken">,
  count: number,
  process: ChildProcess,
): Promise<void> {
  await until(process, async () => {
    const headers = { authorization: `Bearer ${clientToken}` };
    const workers = (await (await fetch(`${url}/api/v1/workers`, { headers })).json()) as unknown[];
    return workers.length >= count;
  });
}

/** Wait until a process that has just been started is ready. */
export async function until(child: ChildProcess, check: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`A process ended with ${child.exitCode}.`);
    if (await check().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("A process was not ready within 20 s.");
}

/** A port of loopback that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
