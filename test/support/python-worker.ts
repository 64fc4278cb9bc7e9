// A process of the Python worker that the tests bring along, where this machine has a Python to run it.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export const sdkWorkerFile = join(import.meta.dirname, "python/sdk_worker.py");

/** Why the tests of Python workers can't run here; undefined where they can. */
export const noPython: string | undefined =
  spawnSync("python3", ["-c", "import asyncio, sys; assert sys.version_info >= (3, 8)"]).status ===
  0
    ? undefined
    : "there is no python3 of 3.8 or later on this machine";

export interface PythonWorker {
  readonly child: ChildProcess;
  /** What it has logged. */
  readonly log: () => string;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Times of the library, shortened so that tests need not wait for them. */
const hasty = {
  HEARTBEAT_INTERVAL: "0.5",
  TASK_POLL_ERROR_DELAY: "0.2",
  RESULT_RETRY_INITIAL_DELAY: "0.2",
  SOCKET_RETRY_DELAY: "0.2",
};

export function startPythonWorker(
  url: string,
  token: string,
  env: Readonly<Record<string, string>> = {},
): PythonWorker {
  const child = spawn("python3", [sdkWorkerFile], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      ORCHESTRATOR_URL: url,
      WORKER_ID: "py-worker-1",
      WORKER_TOKEN: token,
      ...hasty,
      ...env,
    },
  });
  let log = "";
  child.stderr!.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const exited = once(child, "close");
  return {
    child,
    log: () => log,
    async kill(signal = "SIGKILL") {
      child.kill(signal);
      await exited;
    },
  };
}
