// The threads and processes in which task handlers run: started when needed, kept for the next task, killed where they must be.
import type { Logger } from "pino";
import type { Clock, TimerHandle } from "../src/clock.ts";
import { TaskCancelled, TaskFailure } from "./errors.ts";
import { Host } from "./host.ts";
import type { TaskDescription } from "./host-messages.ts";
import type { TaskContext } from "./task.ts";

/** How long a thread or process without work is kept. */
const idleMs = 60_000;
/** How long a task handler may take to stop where its task does not say. */
const killAfterMs = 5_000;

export interface Place {
  readonly isolation: "thread" | "process";
  /** The file that exports the task. */
  readonly module: string;
  readonly type: string;
  readonly memoryLimitMb: number | undefined;
  /** How long the task handler may go on once its signal is aborted, in milliseconds. */
  readonly killAfterMs: number | undefined;
  /** In the one thread that all such tasks share, and that is not ended for one of them. */
  readonly isShared?: boolean;
}

export interface HostPoolOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

export class HostPool {
  readonly #options: HostPoolOptions;
  readonly #all = new Set<Host>();
  /** Hosts without work, by what they are like. */
  readonly #idle = new Map<string, { readonly host: Host; readonly timer: TimerHandle }[]>();
  #shared: Host | undefined;
  /** Made before the latest change of files: they end when they have nothing to do. */
  readonly #retired = new Set<Host>();

  constructor(options: HostPoolOptions) {
    this.#options = options;
  }

  /**
   * Run a task handler elsewhere.
   *
   * @throws TaskFailure `HANDLER_LOST`, `HANDLER_MEMORY_ERROR` or `HANDLER_TIMEOUT` besides what the task handler throws.
   */
  async run(place: Place, context: TaskContext): Promise<unknown> {
    const { isolation, memoryLimitMb, module, type } = place;
    const key = `${isolation} ${memoryLimitMb}`;
    const host = place.isShared ? this.#sharedHost() : this.#take(key, isolation, memoryLimitMb);
    const stopWatching = this.#watch(host, place, context.signal);
    try {
      return await host.run(module, type, context);
    } finally {
      stopWatching();
      if (this.#retired.has(host)) this.#endIfIdle(host);
      else if (host !== this.#shared && !host.isEnding) this.#keep(key, host);
    }
  }

  /**
   * Load task files in a new shared thread, and say what they export. It takes the place of the threads and processes
   * that are there, which end when they have nothing to do.
   *
   * @throws Error where the files can't be loaded; then nothing changes.
   */
  async reload(paths: readonly string[]): Promise<readonly TaskDescription[]> {
    const fresh = this.#start("thread", undefined);
    try {
      const tasks = await fresh.describe(paths);
      for (const host of this.#all) if (host !== fresh) this.#retired.add(host);
      this.#shared = fresh;
      for (const kept of this.#idle.values()) for (const { timer } of kept) timer.cancel();
      this.#idle.clear();
      for (const host of this.#retired) this.#endIfIdle(host);
      return tasks;
    } catch (error) {
      fresh.kill(new TaskFailure("HANDLER_LOST", "The files could not be loaded."));
      throw error;
    }
  }

  /** End all, with whatever still runs there. */
  close(): void {
    const why = new TaskFailure("HANDLER_LOST", "The worker has stopped.");
    for (const kept of this.#idle.values()) for (const { timer } of kept) timer.cancel();
    for (const host of this.#all) host.kill(why);
  }

  #start(isolation: "thread" | "process", memoryLimitMb: number | undefined): Host {
    const { log } = this.#options;
    const onEnd = (): void => {
      this.#all.delete(host);
      this.#retired.delete(host);
      if (this.#shared === host) this.#shared = undefined;
      for (const [key, kept] of this.#idle)
        this.#idle.set(
          key,
          kept.filter((one) => one.host !== host),
        );
    };
    const host = new Host({ isolation, memoryLimitMb, log, onEnd });
    this.#all.add(host);
    return host;
  }

  #sharedHost(): Host {
    if (!this.#shared || this.#shared.isEnding) this.#shared = this.#start("thread", undefined);
    return this.#shared;
  }

  #take(key: string, isolation: "thread" | "process", memoryLimitMb: number | undefined): Host {
    const kept = this.#idle.get(key) ?? [];
    for (let one = kept.pop(); one; one = kept.pop()) {
      one.timer.cancel();
      if (!one.host.isEnding) return one.host;
    }
    return this.#start(isolation, memoryLimitMb);
  }

  #keep(key: string, host: Host): void {
    const timer = this.#options.clock.schedule(idleMs, () => {
      const kept = this.#idle.get(key) ?? [];
      this.#idle.set(
        key,
        kept.filter((one) => one.host !== host),
      );
      host.kill(new TaskFailure("HANDLER_LOST", "It had nothing to do."));
    });
    const kept = this.#idle.get(key) ?? [];
    this.#idle.set(key, [...kept, { host, timer }]);
  }

  #endIfIdle(host: Host): void {
    if (host.size === 0) host.kill(new TaskFailure("HANDLER_LOST", "It had nothing to do."));
  }

  /** Kill the host of a task handler that ignores its signal. A shared one has others to think of. */
  #watch(host: Host, place: Place, signal: AbortSignal): () => void {
    if (place.isShared) return () => undefined;
    const graceMs = place.killAfterMs ?? killAfterMs;
    let timer: TimerHandle | undefined;
    const onAbort = (): void => {
      timer = this.#options.clock.schedule(graceMs, () => {
        const { log } = this.#options;
        log.warn({ taskType: place.type, graceMs }, "a handler ignores its signal and is killed");
        const reason: unknown = signal.reason;
        const why = reason instanceof TaskCancelled ? "cancelled" : (reason as Error).message;
        const message = `The handler was killed ${graceMs} ms after it was told to stop: ${why}`;
        host.kill(new TaskFailure("HANDLER_TIMEOUT", message));
      });
    };
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    return () => {
      timer?.cancel();
      signal.removeEventListener("abort", onAbort);
    };
  }
}
