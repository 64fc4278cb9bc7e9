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

export interface Bench {
  readonly url: string;
  readonly clientToken: string;
  readonly dataDirectory: string;
  readonly server: ChildProcess;
  readonly worker: ChildProcess;
  close(): Promise<void>;
}

/** What is served and worked on: the example's echo, unless it is said otherwise. Both come from `dist`. */
export interface Served {
  readonly blueprints: string;
  readonly tasks: string;
}
const echo: Served = { blueprints: "machines", tasks: "worker/tasks/echo-task.js" };

/**
 * Start a server on an empty data directory and a worker, both from `dist`.
 *
 * @param profiles Where CPU profiles of the two are left when they end, if anywhere.
 */
export async function startBench(
  credits: number,
  {
    served = echo,
    profiles,
    env: settings = {},
  }: {
    served?: Served;
    profiles?: string | undefined;
    /** Of the server, besides what the bench needs. */
    env?: Readonly<Record<string, string>>;
  } = {},
): Promise<Bench> {
  const profiling = (name: string): string[] =>
    profiles === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${name}.cpuprofile`];
  const dataDirectory = mkdtempSync(join(tmpdir(), "avtomatika-bench-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const clientToken = randomBytes(24).toString("hex");
  const workerToken = randomBytes(24).toString("hex");
  const env = {
    ...process.env,
    NODE_ENV: "production",
    CLIENT_TOKEN: clientToken,
    GLOBAL_WORKER_TOKEN: workerToken,
    WORKER_TOKEN: workerToken,
    LOG_LEVEL: "warn",
    ...settings,
  };
  const run = (verb: string[], flags: string[]): ChildProcess =>
    spawn(process.execPath, [...profiling(verb[0]!), cli, ...verb, ...flags], {
      env,
      stdio: ["ignore", "ignore", "inherit"],
    });
  const blueprints = join(root, "dist", served.blueprints);
  const server = run(
    ["start", "--host", "127.0.0.1", "--port", `${port}`],
    ["--data", dataDirectory, "--blueprints", blueprints],
  );
  await answers(`${url}/_public/status`, server);
  const tasks = join(root, "dist", served.tasks);
  const worker = run(["worker", "run", tasks], ["--url", url, "--max-concurrent-tasks", `${credits}`]);
  await hasWorker(url, clientToken, worker);
  return {
    url,
    clientToken,
    dataDirectory,
    server,
    worker,
    async close() {
      await stop(worker);
      await stop(server);
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
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

async function answers(url: string, child: ChildProcess): Promise<void> {
  await until(child, async () => (await fetch(url)).ok);
}

async function hasWorker(url: string, token: string, child: ChildProcess): Promise<void> {
  await until(child, async () => {
    const headers = { authorization: `Bearer ${token}` };
    const workers = (await (await fetch(`${url}/api/v1/workers`, { headers })).json()) as unknown[];
    return workers.length > 0;
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
