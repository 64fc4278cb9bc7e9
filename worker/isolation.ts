// Where a task handler runs, what it may use there, and how a task becomes one that is done elsewhere.
import { RuntimeError } from "../src/errors.ts";
import type { HostPool } from "./host-pool.ts";
import type { DefinedTask } from "./task.ts";

/** `none`: in the worker's own thread. `thread`: in a thread of its own. `process`: in a process of its own. */
export type Isolation = "none" | "thread" | "process";

/** What holds for tasks that do not say. */
export interface IsolationDefaults {
  readonly isolation?: Isolation | undefined;
  readonly memoryLimitMb?: number | undefined;
  readonly timeLimitMs?: number | undefined;
}

/**
 * The task as this worker does it: by itself, or in a thread or process.
 *
 * @param isShared whether it runs in the one thread that all such tasks share
 * @throws RuntimeError `config.invalid` where nobody else could find its task handler.
 */
export function placed(
  task: DefinedTask,
  defaults: IsolationDefaults,
  hosts: HostPool,
  isShared = false,
): DefinedTask {
  const isolation = task.isolation ?? defaults.isolation ?? "none";
  const timeLimitMs = task.timeLimitMs ?? defaults.timeLimitMs;
  const limited = { ...task, ...(timeLimitMs !== undefined && { timeLimitMs }) };
  if (isolation === "none") return limited;
  const { type, module } = task;
  if (module === undefined)
    throw new RuntimeError(
      "config.invalid",
      `The task "${type}" is to run in a ${isolation}, which can't find its handler: export it from a file with defineTask(…, { module: import.meta.url }), or let \`avtomatika worker run\` load that file.`,
    );
  const memoryLimitMb = task.memoryLimitMb ?? defaults.memoryLimitMb;
  const place = { isolation, module, type, memoryLimitMb, killAfterMs: task.killAfterMs, isShared };
  // Params are parsed where the task handler is: what a schema makes of them need not survive the way.
  const { input: _, ...rest } = limited;
  return { ...rest, handler: (context) => hosts.run(place, context) };
}
