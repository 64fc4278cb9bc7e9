// One thread or process in which task handlers run, seen from the worker.
import { fork } from "node:child_process";
import { Worker } from "node:worker_threads";
import type { Logger } from "pino";
import { TaskFailure, TransientError } from "./errors.ts";
import {
  receivedError,
  sentError,
  type Facts,
  type FromHost,
  type TaskDescription,
  type ToHost,
} from "./host-messages.ts";
import { WithStatus, type TaskContext } from "./task.ts";
import { threadEntry } from "./thread-entry.ts";

/** The functions of a context that a task handler elsewhere can call. */
const callable = [
  "progress",
  "checkpoint",
  "sendEvent",
  "stream",
  "addToHotCache",
  "removeFromHotCache",
];

const program = new URL(
  import.meta.url.endsWith(".ts") ? "./host-program.ts" : "./host-program.js",
  import.meta.url,
);

export interface HostOptions {
  readonly isolation: "thread" | "process";
  /** The most JavaScript heap, in MiB. */
  readonly memoryLimitMb: number | undefined;
  readonly log: Logger;
  readonly onEnd: () => void;
}

interface Running {
  readonly context: TaskContext;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
}

type Described = {
  resolve(tasks: readonly TaskDescription[]): void;
  reject(error: Error): void;
};

export class Host {
  readonly #options: HostOptions;
  readonly #post: (message: ToHost) => void;
  readonly #end: () => void;
  readonly #runs = new Map<number, Running>();
  #described: Described | undefined;
  #lastRun = 0;
  #why: TaskFailure | undefined;
  #hasEnded = false;

  constructor(options: HostOptions) {
    this.#options = options;
    const { memoryLimitMb: limitMb } = options;
    if (options.isolation === "thread") {
      const thread = new Worker(threadEntry(program, process.execArgv), {
        eval: true,
        ...(limitMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb: limitMb } }),
      });
      thread.on("message", (message: FromHost) => this.#take(message));
      thread.on("error", (error: NodeJS.ErrnoException) => this.#crashed(error));
      thread.on("exit", (code) => this.#ended(`it ended with ${code}`));
      this.#post = (message) => thread.postMessage(message);
      this.#end = () => void thread.terminate();
      return;
    }
    const heap = limitMb === undefined ? [] : [`--max-old-space-size=${limitMb}`];
    const child = fork(program, [], {
      execArgv: [...process.execArgv, ...heap],
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    child.on("message", (message) => this.#take(message as FromHost));
    child.on("error", (error) => this.#ended(error.message));
    child.on("exit", (code, signal) => {
      // V8 aborts where its heap may not grow.
      if (limitMb !== undefined && (signal === "SIGABRT" || code === 134)) this.#outOfMemory();
      this.#ended(signal === null ? `it ended with ${code}` : `it was ended by ${signal}`);
    });
    this.#post = (message) => {
      if (child.connected) child.send(message, (error) => error && this.#ended(error.message));
    };
    this.#end = () => void child.kill("SIGKILL");
  }

  /** How many task handlers run there. */
  get size(): number {
    return this.#runs.size;
  }

  /** It has been told to end, breaks down or is gone: whatever is begun there is lost. */
  get isEnding(): boolean {
    return this.#why !== undefined || this.#hasEnded;
  }

  /** Run a task handler. Rejects with what it throws, or with a failure that says why it will never end. */
  run(module: string, taskType: string, context: TaskContext): Promise<unknown> {
    const run = ++this.#lastRun;
    const { signal } = context;
    const onAbort = (): void =>
      this.#post({ type: "abort", run, reason: sentError(signal.reason) });
    const ended = new Promise<unknown>((resolve, reject) => {
      this.#runs.set(run, { context, resolve, reject });
    });
    try {
      const calls = callable.filter((name) => typeof Reflect.get(context, name) === "function");
      const logLevel = context.log.level;
      this.#post({ type: "run", run, module, taskType, facts: factsOf(context), calls, logLevel });
    } catch (error) {
      this.#runs.get(run)?.reject(error as Error);
    }
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    return ended.finally(() => {
      this.#runs.delete(run);
      signal.removeEventListener("abort", onAbort);
    });
  }

  /** Load task files there, and say what they export. Once for each host. */
  describe(paths: readonly string[]): Promise<readonly TaskDescription[]> {
    return new Promise((resolve, reject) => {
      this.#described = { resolve, reject };
      this.#post({ type: "describe", paths });
    });
  }

  /** End it now, and with it whatever runs there. */
  kill(why: TaskFailure): void {
    this.#why ??= why;
    this.#end();
  }

  #take(message: FromHost): void {
    switch (message.type) {
      case "described":
        this.#described?.resolve(message.tasks);
        return;
      case "undescribed":
        this.#described?.reject(receivedError(message.error));
        return;
      case "crash":
        this.#crashed(receivedError(message.error));
        return;
      case "done":
      case "failed":
      case "log":
      case "call":
        this.#takeOf(message);
    }
  }

  /** About one task handler that runs there. */
  #takeOf(message: Extract<FromHost, { readonly run: number }>): void {
    const running = this.#runs.get(message.run);
    if (!running) return;
    switch (message.type) {
      case "done": {
        const { status, output } = message;
        running.resolve(status === undefined ? output : new WithStatus(status, output));
        return;
      }
      case "failed":
        running.reject(receivedError(message.error));
        return;
      case "log":
        writeLine(running.context.log, message);
        return;
      case "call":
        void this.#answer(running.context, message);
    }
  }

  async #answer(context: TaskContext, message: Extract<FromHost, { type: "call" }>): Promise<void> {
    const { call, method, args } = message;
    try {
      this.#post({ type: "reply", call, value: await invoke(context, method, args) });
    } catch (error) {
      if (!this.#hasEnded) this.#post({ type: "refusal", call, error: sentError(error) });
    }
  }

  #crashed(error: NodeJS.ErrnoException): void {
    if (error.code === "ERR_WORKER_OUT_OF_MEMORY") this.#outOfMemory();
    const message = `The handler's ${this.#options.isolation} broke down: ${error.message}`;
    this.#why ??= new TaskFailure("HANDLER_LOST", message);
  }

  #outOfMemory(): void {
    const limit = this.#options.memoryLimitMb;
    const message = `The handler needed more memory than ${limit === undefined ? "there is" : `its ${limit} MiB`}.`;
    this.#why ??= new TaskFailure("HANDLER_MEMORY_ERROR", message);
  }

  #ended(how: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { isolation, onEnd } = this.#options;
    const why =
      this.#why ?? new TaskFailure("HANDLER_LOST", `The handler's ${isolation} is gone: ${how}.`);
    for (const { reject } of this.#runs.values()) reject(why);
    this.#described?.reject(new TransientError(why.message));
    onEnd();
  }
}

/** The members of a context that are values. */
function factsOf(context: TaskContext): Facts {
  const names = [
    ...Object.keys(context),
    ...Object.getOwnPropertyNames(Object.getPrototypeOf(context) as object),
  ];
  const elsewhere = ["signal", "log", "reports", "constructor"];
  const facts: Record<string, unknown> = {};
  for (const name of names) {
    if (elsewhere.includes(name)) continue;
    const value: unknown = Reflect.get(context, name);
    if (typeof value !== "function") facts[name] = value;
  }
  return facts;
}

function invoke(context: TaskContext, method: string, args: readonly unknown[]): unknown {
  const [name, inner] = method.split(".") as [string, string?];
  const member = Reflect.get(context, name) as (...all: readonly unknown[]) => unknown;
  if (inner === undefined) return member.apply(context, [...args]);
  const [first, ...rest] = args;
  const stream = member.call(context, first) as Record<string, (...all: unknown[]) => unknown>;
  return stream[inner]!(...rest);
}

function writeLine(
  log: Logger,
  { level, bindings, args }: Extract<FromHost, { type: "log" }>,
): void {
  const logger = Object.keys(bindings).length > 0 ? log.child(bindings) : log;
  (logger[level as "info"] as (...all: readonly unknown[]) => void)(...args);
}
