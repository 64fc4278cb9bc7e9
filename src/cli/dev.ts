// `avtomatika dev`: a server for development, with a worker process for the example tasks.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Command } from "commander";
import pc from "picocolors";
import { environmentWith } from "../config.ts";
import { exitCodes } from "./exit-codes.ts";
import { print } from "./output.ts";
import {
  announce,
  runServer,
  withServerOptions,
  type RunningServer,
  type ServerFlags,
} from "./start.ts";
import { aborted, stopSignal } from "./stop-signal.ts";

/** The task handlers that come with the package. */
const shippedTasks = join(import.meta.dirname, "../../worker/tasks");

/** How long running tasks may take when the development server is told to end. */
const graceSeconds = 2;

type DevFlags = ServerFlags & { readonly tasks?: readonly string[] };

export function addDev(program: Command): void {
  withServerOptions(
    program
      .command("dev")
      .description("start a server, and a worker that takes up changed task files")
      .option(
        "--tasks <paths...>",
        "files or folders with task handlers; the example tasks without it",
      ),
  ).action(async (_, command: Command) => {
    const { json, tasks, ...flags } = command.optsWithGlobals<DevFlags>();
    const signal = stopSignal();
    const running = await runServer(flags, signal, "take");
    if (!running) return;
    const worker = startWorker(running, tasks ?? [shippedTasks]);
    const workerEnded = once(worker, "exit");
    announce(running, json === true);
    if (!json) print(`  ${pc.dim("Ctrl-C ends it. Try:")}\n  ${tryThis(running)}\n`);
    await Promise.race([aborted(signal), workerEnded]);
    if (!signal.aborted) {
      running.log.error("the worker has ended by itself, and so does the server");
      process.exitCode = exitCodes.failed.code;
    }
    worker.kill("SIGTERM");
    await workerEnded;
    await running.close();
  });
}

/** A command to begin with; without tokens of one's own, the data directory tells where they are. */
function tryThis({
  config: { dataDirectory, blueprintsDirectory },
  example,
}: RunningServer): string {
  const where = dataDirectory === "./data" ? "" : `DATA_DIR=${dataDirectory} `;
  const start = `${where}npm run -s avtomatika -- jobs start`;
  // What blueprints of others take, nobody here knows.
  if (blueprintsDirectory !== undefined) return `${start} ${example ?? "NAME"} --data '{…}' --wait`;
  return `${start} test_flow --data '{"message":"Hello","multiply":3}' --wait`;
}

/**
 * Run this same program as a worker, in the way this process is run itself: from the sources or from the build.
 *
 * It has a process group of its own, so that Ctrl-C reaches it once, through this process; and a channel, whose
 * end tells it that this process is gone.
 */
function startWorker({ server, config }: RunningServer, tasks: readonly string[]): ChildProcess {
  const program = [...process.execArgv, process.argv[1]!];
  const verb = ["worker", "run", ...tasks, "--watch", "--url", server.url, "--id", "dev-worker"];
  return spawn(process.execPath, [...program, ...verb], {
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: environmentWith({
      WORKER_INDIVIDUAL_TOKEN: config.workerToken,
      WORKER_SHUTDOWN_TIMEOUT: `${graceSeconds}`,
    }),
  });
}
