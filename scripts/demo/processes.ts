// The server and the worker of the demo: processes of their own, none of which is left behind.
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { variables } from "../../src/config.ts";
import { workerVariables } from "../../worker/config.ts";

const root = join(import.meta.dirname, "../..");
const cli = join(root, "src/cli/main.ts");

const host = "127.0.0.1";
const usualPort = 8080;

/** How long a process may take to be ready, and to end when it is told to, in milliseconds. */
const readyMs = 30_000;
const endMs = 10_000;

export interface Processes {
  readonly url: string;
  readonly clientToken: string;
  readonly workerToken: string;
  /**
   * End both, the worker first.
   *
   * @throws Error where something still listens afterwards.
   */
  stop(): Promise<void>;
}

/** What servers and workers around may be set to. */
const settings = new Set([...Object.keys(variables), ...workerVariables]);

/**
 * Start a server on a data directory, then a worker for the example tasks. What the environment, or a file `.env`, says of
 * servers and workers is not for these: they do the same wherever the demo is run.
 *
 * @throws Error where one of them is not ready in time; nothing is left running then.
 */
export async function startProcesses(
  dataDirectory: string,
  stopping: AbortSignal,
): Promise<Processes> {
  const children: ChildProcess[] = [];
  const [clientToken, workerToken] = [freshToken(), freshToken()];
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !settings.has(name))),
    CLIENT_TOKEN: clientToken,
    GLOBAL_WORKER_TOKEN: workerToken,
    WORKER_TOKEN: workerToken,
    WORKER_SHUTDOWN_TIMEOUT: "2",
    LOG_LEVEL: "warn",
  };
  /** A process group of its own, which Ctrl-C does not reach; it ends with its channel to this process too. */
  const run = (...args: string[]): Promise<string> => {
    const child = spawn(process.execPath, [...process.execArgv, cli, ...args, "--json"], {
      // Where no `.env` lies.
      cwd: import.meta.dirname,
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    children.push(child);
    return firstWord(child, args[0]!, stopping);
  };
  let url: string | undefined;
  const stop = async (): Promise<void> => {
    for (const child of children.toReversed()) await end(child);
    if (url !== undefined && (await isListening(url)))
      throw new Error(`Something still listens at ${url}.`);
  };
  try {
    const port = await freeOf(usualPort);
    const where = ["--host", host, "--port", `${port}`, "--data", resolve(dataDirectory)];
    const started = await run("start", ...where, "--blueprints", join(root, "machines"));
    ({ url } = JSON.parse(started) as { url: string });
    await run("worker", "run", join(root, "worker/tasks"), "--url", url, "--id", "demo-worker");
    return { url, clientToken, workerToken, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function freshToken(): string {
  return randomBytes(24).toString("base64url");
}

/** The usual port, or 0 for any that is free. */
async function freeOf(port: number): Promise<number> {
  const probe = createServer();
  try {
    probe.listen(port, host);
    await once(probe, "listening");
    probe.close();
    await once(probe, "close");
    return port;
  } catch {
    process.stdout.write(`Port ${port} is in use: the demo takes another one.\n`);
    return 0;
  }
}

/** The first line that a process says: it is ready then. What it says to the standard error afterwards is passed on. */
async function firstWord(
  child: ChildProcess,
  name: string,
  stopping: AbortSignal,
): Promise<string> {
  const late = AbortSignal.timeout(readyMs);
  const signal = AbortSignal.any([stopping, late]);
  let complaints = "";
  const collect = (chunk: Buffer): string => (complaints += chunk.toString());
  child.stderr!.on("data", collect);
  const said = once(createInterface({ input: child.stdout! }), "line", { signal });
  const ended = once(child, "close", { signal });
  try {
    const [first] = (await Promise.race([said, ended])) as unknown[];
    if (typeof first !== "string") throw new Error(reasonIn(complaints));
    return first;
  } catch (error) {
    if (stopping.aborted) throw new Error("The demo was told to end.", { cause: error });
    if (late.aborted) throw new Error(`The ${name} process does not get ready.`, { cause: error });
    throw error;
  } finally {
    child.stderr!.off("data", collect).pipe(process.stderr);
    // The one that lost the race may fail later; nobody waits for it any more.
    for (const other of [said, ended]) other.catch(() => {});
  }
}

/** A command that fails says why in a JSON document, its last line. */
function reasonIn(complaints: string): string {
  try {
    return (JSON.parse(complaints.trimEnd().split("\n").at(-1)!) as { error: string }).error;
  } catch {
    return complaints;
  }
}

/** End a process as it wants to be ended, or the hard way when it takes too long; and what it has started with it. */
async function end(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    const patience = setTimeout(() => child.kill("SIGKILL"), endMs);
    await exited;
    clearTimeout(patience);
  }
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group is gone, as it should be.
  }
}

async function isListening(url: string): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), host);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
