// Finds the task handlers that files export, for `avtomatika worker run <file|dir>`.
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { RuntimeError } from "../src/errors.ts";
import { isDefinedTask, type DefinedTask } from "./task.ts";

/** Files, and which one of a file's exports is wanted, where it is not all of them. */
interface Place {
  readonly file: string;
  readonly only?: string;
}

/**
 * Import files, and folders of files, and collect every export that `defineTask` made.
 *
 * @param paths Files or folders, relative to the working directory, or `FILE:export` for one export alone. Folders are
 *   not searched deeper.
 * @throws RuntimeError `worker.load_failed` where a path is not there, does not load, or exports no task.
 */
export async function loadTasks(paths: readonly string[]): Promise<readonly DefinedTask[]> {
  const places = (await Promise.all(paths.map((path) => placesAt(resolve(path))))).flat();
  const found = await Promise.all(places.map(tasksIn));
  // Each once, with the first file that exports it.
  const modules = new Map(found.flat().toReversed());
  const tasks = [...modules].toReversed().map(([task, module]) => ({ ...task, module }));
  if (tasks.length === 0)
    throw new RuntimeError(
      "worker.load_failed",
      `No file exports a task made by defineTask(): ${paths.join(", ")}`,
      { paths },
    );
  return tasks;
}

async function placesAt(path: string): Promise<readonly Place[]> {
  const [, file, only] = /^(.+\.[mc]?[jt]s):([A-Za-z_$][\w$]*)$/.exec(path) ?? [];
  if (file !== undefined && only !== undefined) return [{ file, only }];
  try {
    if (!(await stat(path)).isDirectory()) return [{ file: path }];
    const names = await readdir(path);
    return names
      .filter((name) => /\.[mc]?[jt]s$/.test(name) && !/\.(d|test)\.[mc]?ts$/.test(name))
      .toSorted()
      .map((name) => ({ file: join(path, name) }));
  } catch (error) {
    throw loadFailed(path, error);
  }
}

async function tasksIn({
  file,
  only,
}: Place): Promise<readonly (readonly [DefinedTask, string])[]> {
  const { href } = pathToFileURL(file);
  try {
    const module = (await import(href)) as Record<string, unknown>;
    return Object.entries(module)
      .filter(([name]) => only === undefined || name === only)
      .map(([, exported]) => exported)
      .filter(isDefinedTask)
      .map((task) => [task, href] as const);
  } catch (error) {
    throw loadFailed(file, error);
  }
}

function loadFailed(path: string, cause: unknown): RuntimeError {
  const message = `${path} can't be loaded: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new RuntimeError("worker.load_failed", message, { path }, { cause });
}
