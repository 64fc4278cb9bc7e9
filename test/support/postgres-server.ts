// A real Postgres of a test's own: on a free port of loopback, with its data in a temporary directory.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { freePort } from "./cli-process.ts";
import { eventually } from "./eventually.ts";

export interface PostgresServer {
  readonly uri: string;
  readonly port: number;
  /** End it at once, as a crash does. */
  kill(): Promise<void>;
  /** Start it again over what it has kept. */
  start(): Promise<void>;
  /** Stop it from answering, and let it go on. */
  pause(): void;
  resume(): void;
  /** End it and forget its data. */
  close(): Promise<void>;
}

/** Where Debian and others put the programs of the newest version that is installed; undefined where there is none. */
export const postgresPrograms = programs();

function programs(): string | undefined {
  const base = "/usr/lib/postgresql";
  const versions = existsSync(base)
    ? readdirSync(base).toSorted((a, b) => Number(b) - Number(a))
    : [];
  return versions
    .map((version) => join(base, version, "bin"))
    .find((path) => existsSync(join(path, "initdb")));
}

/** In memory where the system has such a place: no test is about its disk. */
const root = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export async function startPostgresServer(): Promise<PostgresServer> {
  const program = (name: string) => join(postgresPrograms!, name);
  const directory = await mkdtemp(join(root, "avtomatika-postgres-"));
  const port = await freePort();
  const user = unprivileged();
  if (user) chownSync(directory, user.uid, user.gid);
  const data = join(directory, "data");
  const made = ["-D", data, "-U", "tester", "--auth=trust", "--encoding=UTF8", "--no-sync"];
  await promisify(execFile)(program("initdb"), made, { ...user, cwd: directory });
  const uri = `postgresql://tester@127.0.0.1:${port}/postgres`;
  const settings = ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", directory];
  let running: ChildProcess | undefined;
  const server: PostgresServer = {
    uri,
    port,
    async start() {
      running = spawn(program("postgres"), settings, { ...user, cwd: directory, stdio: "ignore" });
      await eventually(() => answers(uri), { timeoutMs: 30_000, intervalMs: 50 });
    },
    async kill() {
      if (!running || running.exitCode !== null || running.signalCode !== null) return;
      const gone = once(running, "exit");
      running.kill("SIGQUIT");
      await gone;
    },
    pause: () => signalAll(running?.pid, "SIGSTOP"),
    resume: () => signalAll(running?.pid, "SIGCONT"),
    async close() {
      signalAll(running?.pid, "SIGCONT");
      await server.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** The server and the processes that it has made for its connections. */
function signalAll(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  for (const one of [String(pid), ...children].filter(Boolean)) process.kill(Number(one), signal);
}

/** Whom to run it as: Postgres refuses to run as root. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entries = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const [, , uid, gid] =
    entries.find(([name]) => name === "postgres") ?? entries.find(([name]) => name === "nobody")!;
  return { uid: Number(uid), gid: Number(gid) };
}

async function answers(uri: string): Promise<boolean> {
  const client = new Client({ connectionString: uri, connectionTimeoutMillis: 2000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}
