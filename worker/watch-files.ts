// Notices changes of source files, for workers that take up new code while they work.
import { statSync, watch, type FSWatcher } from "node:fs";
import { dirname } from "node:path";
import type { Logger } from "pino";

/** Editors write a file in several steps, and several files at once. */
const quietMs = 100;
const source = /\.([mc]?[jt]sx?|json)$/;
const elsewhere = /(^|[\\/])(node_modules|\.[^\\/]+)[\\/]/;

/**
 * Watch files and folders, with all that is below those folders; of a file, the folder that it is in. A failure to take
 * a change up is told in the log, and the next change is another try.
 *
 * @returns what stops watching.
 */
export function watchFiles(
  paths: readonly string[],
  log: Logger,
  takeUp: () => Promise<void>,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  let busy = false;
  let again = false;
  const change = async (): Promise<void> => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    do {
      again = false;
      try {
        await takeUp();
        log.info({ paths }, "changed task files are taken up");
      } catch (error) {
        log.error({ err: error }, "changed task files can't be taken up; the old ones stay");
      }
    } while (again);
    busy = false;
  };
  const folders = new Set(
    paths.map((path) => (statSync(path).isDirectory() ? path : dirname(path))),
  );
  const watchers = [...folders].map((folder): FSWatcher => {
    const watcher = watch(folder, { recursive: true }, (_event, name) => {
      if (name !== null && (!source.test(name) || elsewhere.test(name))) return;
      clearTimeout(timer);
      timer = setTimeout(() => void change(), quietMs);
    });
    watcher.on("error", (error) => log.warn({ err: error, folder }, "a folder can't be watched"));
    return watcher;
  });
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
