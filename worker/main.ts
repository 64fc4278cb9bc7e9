// Runs the task handlers of files and folders as one worker process.
import { loadTasks } from "./load-tasks.ts";
import type { WorkerOptions } from "./options.ts";
import { watchFiles } from "./watch-files.ts";
import { createWorker, type Worker } from "./worker.ts";

export interface RunOptions extends WorkerOptions {
  /** Take up changed files without ending what runs. Task handlers run in a thread then. */
  readonly watch?: boolean;
  /** Ends the work as a signal to the process does. */
  readonly signal?: AbortSignal;
  /** Called when the server has welcomed the worker for the first time. */
  readonly onConnected?: (worker: Worker) => void;
}

/**
 * Load task handlers, and work until SIGTERM or SIGINT.
 *
 * @param paths Files or folders that export what `defineTask` returns.
 * @throws RuntimeError `worker.load_failed`, `worker.refused`, `config.invalid`
 */
export async function runTaskFiles(
  paths: readonly string[],
  { signal, onConnected, watch = false, ...options }: RunOptions = {},
): Promise<void> {
  const worker = createWorker(options);
  const stop = (): void => void worker.stop();
  if (signal?.aborted) return;
  // Also while files are being loaded: the thread that loads them must not keep the process.
  signal?.addEventListener("abort", stop);
  try {
    if (watch) await worker.reload(paths);
    else for (const task of await loadTasks(paths)) worker.task(task);
  } catch (error) {
    if (!watch || !signal?.aborted) throw error;
  }
  if (signal?.aborted) return worker.stop();
  const connected = worker.start().then(() => {
    if (!signal?.aborted) onConnected?.(worker);
  });
  const ended = Promise.all([worker.run(), connected]);
  if (!watch) return void (await ended);
  const stopWatching = watchFiles(paths, worker.log, () => worker.reload(paths));
  await ended.finally(stopWatching);
}
