// The tasks that a worker can do: which there are, where their task handlers run, and what runs around them.
import { RuntimeError } from "../src/errors.ts";
import { HostPool } from "./host-pool.ts";
import type { TaskDescription } from "./host-messages.ts";
import { placed } from "./isolation.ts";
import { around, type Middleware } from "./middleware.ts";
import type { WorkerSettings } from "./options.ts";
import { definedTask, type DefinedTask, type TaskContext } from "./task.ts";

export class RegisteredTasks {
  readonly #settings: WorkerSettings;
  readonly #hosts: HostPool;
  readonly #middleware: Middleware[] = [];
  #tasks = new Map<string, DefinedTask>();

  constructor(settings: WorkerSettings) {
    this.#settings = settings;
    this.#hosts = new HostPool(settings);
  }

  get(type: string): DefinedTask | undefined {
    return this.#tasks.get(type);
  }

  values(): Iterable<DefinedTask> {
    return this.#tasks.values();
  }

  /** @throws RuntimeError `config.invalid` where the type has a task handler already, or is isolated and has no `module`. */
  add(task: DefinedTask): void {
    if (this.#tasks.has(task.type))
      throw new RuntimeError(
        "config.invalid",
        `The task type "${task.type}" has two handlers; which of them should run?`,
      );
    this.#tasks.set(task.type, placed(task, this.#settings.isolation, this.#hosts));
  }

  use(middleware: Middleware): void {
    this.#middleware.push(middleware);
  }

  /** Run a task handler, with what runs around all of them. */
  perform(task: DefinedTask, context: TaskContext): unknown {
    if (this.#middleware.length === 0) return task.handler(context);
    return around(this.#middleware, context, () => task.handler(context));
  }

  /**
   * Load task files anew, and take them in the place of all tasks there are. What runs goes on as it was loaded.
   * Task handlers without isolation of their own share a thread, because only a new thread has new code.
   *
   * @returns whether other types than before are offered.
   * @throws RuntimeError `worker.load_failed`; then nothing changes.
   */
  async reload(paths: readonly string[]): Promise<boolean> {
    const before = this.#offers();
    let described: readonly TaskDescription[];
    try {
      described = await this.#hosts.reload(paths);
    } catch (error) {
      const { message } = error as Error;
      throw new RuntimeError("worker.load_failed", message, { paths }, { cause: error });
    }
    this.#tasks = new Map(described.map((task) => [task.type, this.#loaded(task)]));
    return this.#offers() !== before;
  }

  /** End the threads and processes of task handlers, with whatever still runs there. */
  close(): void {
    this.#hosts.close();
  }

  #loaded(task: TaskDescription): DefinedTask {
    const isolation = task.isolation ?? this.#settings.isolation.isolation ?? "none";
    const defined: DefinedTask = {
      ...task,
      [definedTask]: true,
      // `placed` puts the one in its place that runs it elsewhere.
      handler: () => undefined,
    };
    if (isolation !== "none") return placed(defined, this.#settings.isolation, this.#hosts);
    return placed({ ...defined, isolation: "thread" }, this.#settings.isolation, this.#hosts, true);
  }

  #offers(): string {
    return JSON.stringify(
      [...this.#tasks.values()].map(({ type, limit, pool }) => [type, limit, pool]),
    );
  }
}
