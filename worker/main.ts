// Runs the handlers of files and folders as one worker process.
import { loadTasks } from "./load-tasks.ts";
import type { WorkerOptions } from "./options.ts";
import { createWorker } from "./worker.ts";

/**
 * Load handlers, and work until SIGTERM or SIGINT.
 *
 * @param paths Files or folders that export what `defineTask` returns.
 * @throws RuntimeError `worker.load_failed`, `worker.refused`, `config.invalid`
 */
export async function runTaskFiles(
  paths: readonly string[],
  options: WorkerOptions = {},
): Promise<void> {
  const worker = createWorker(options);
  for (const task of await loadTasks(paths)) worker.task(task);
  await worker.run();
}
