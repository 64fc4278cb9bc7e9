// `avtomatika worker run`: the task handlers of files and folders as a worker process, until it is told to end.
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { readConnection, readSetting } from "../config.ts";
import { createLogger, type LogLevel } from "../logger.ts";
import { readWorkerConfig } from "../../worker/config.ts";
import { runTaskFiles } from "../../worker/main.ts";
import { completeConnection } from "./dev-tokens.ts";
import { wholeNumber } from "./arguments.ts";
import { print, printJsonLine } from "./output.ts";
import { stopSignal } from "./stop-signal.ts";

/** How long the process may go on after its work, for output that is under way. */
const lingerMs = 500;

interface WorkerFlags {
  readonly url?: string;
  readonly token?: string;
  readonly id?: string;
  readonly concurrency?: number;
  readonly watch?: boolean;
  readonly json?: boolean;
}

export function addWorkerRun(worker: Command): void {
  worker
    .command("run")
    .description("load task handlers made by defineTask(), connect to a server, and work")
    .argument("<paths...>", "files, or folders of files")
    .option("--url <url>", "the server's address (ORCHESTRATOR_URL)")
    .option("--token <token>", "the worker token (WORKER_TOKEN)")
    .option("--id <id>", "names the worker in lists and logs (WORKER_ID)")
    .option("--concurrency <n>", "the most tasks at once (MAX_CONCURRENT_TASKS)", wholeNumber(1))
    .option("--watch", "take up changed files without ending what runs")
    .action(async (paths: string[], _, command: Command) => {
      await runWorker(paths, command.optsWithGlobals<WorkerFlags>());
    });
}

async function runWorker(
  paths: readonly string[],
  { url, token, json, concurrency, ...options }: WorkerFlags,
): Promise<void> {
  const signal = stopSignal();
  // The worker library reads the environment alone; a file stands behind it here as it does for a server.
  if (existsSync(".env")) process.loadEnvFile(".env");
  const connection = await completeConnection(
    readConnection("worker", { flags: { url, token } }),
    "worker",
  );
  const { logLevel, orchestrators } = readWorkerConfig();
  // Several servers with all that belongs to them can't be said in one address.
  const isListed = url === undefined && readSetting("", ["ORCHESTRATORS_CONFIG"]) !== undefined;
  const log = createLogger({
    level: logLevel as LogLevel,
    format: process.stderr.isTTY ? "text" : "json",
    destination: process.stderr,
  });
  await runTaskFiles(paths, {
    ...options,
    ...(concurrency !== undefined && { maxConcurrentTasks: concurrency }),
    ...(isListed ? { orchestrators } : { url: connection.url }),
    ...(connection.token !== undefined && { token: connection.token }),
    log,
    signal,
    onConnected({ id }) {
      const where = isListed ? orchestrators.map((one) => one.url).join(",") : connection.url;
      if (json) printJsonLine({ worker_id: id, url: where });
      else print(`Worker ${id} is connected to ${where}.`);
    },
  });
  // What a task handler has left behind, such as an interval, does not keep the process.
  setTimeout(() => process.exit(), lingerMs).unref();
}
