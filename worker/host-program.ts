// Runs task handlers for a worker, in a thread or a process of its own.
import { isMainThread, parentPort } from "node:worker_threads";
import { pino, type Logger } from "pino";
import {
  receivedError,
  sentError,
  type FromHost,
  type SentError,
  type ToHost,
} from "./host-messages.ts";
import { loadTasks } from "./load-tasks.ts";
import { parseParams } from "./params.ts";
import { isDefinedTask, WithStatus, type DefinedTask, type TaskContext } from "./task.ts";

type RunMessage = Extract<ToHost, { type: "run" }>;

const aborts = new Map<number, AbortController>();
const replies = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
let lastCall = 0;

function say(message: FromHost): void {
  if (parentPort) parentPort.postMessage(message);
  else process.send!(message);
}

function take(message: ToHost): void {
  switch (message.type) {
    case "run":
      void run(message);
      return;
    case "abort":
      aborts.get(message.run)?.abort(receivedError(message.reason));
      return;
    case "reply":
      replies.get(message.call)?.resolve(message.value);
      replies.delete(message.call);
      return;
    case "refusal":
      replies.get(message.call)?.reject(receivedError(message.error));
      replies.delete(message.call);
      return;
    case "describe":
      void describe(message.paths);
  }
}

async function run(message: RunMessage): Promise<void> {
  const { run: id, taskType } = message;
  const abort = new AbortController();
  aborts.set(id, abort);
  try {
    const task = await find(message.module, taskType);
    const params = parseParams(task, message.facts["params"]);
    const returned: unknown = await task.handler(contextOf(message, params, abort.signal));
    if (returned instanceof WithStatus)
      say({ type: "done", run: id, output: returned.output, status: String(returned.status) });
    else say({ type: "done", run: id, output: returned });
  } catch (error) {
    fail(id, sentError(error));
  } finally {
    aborts.delete(id);
  }
}

/** The failure matters more than its details. */
function fail(run: number, error: SentError): void {
  try {
    say({ type: "failed", run, error });
  } catch {
    say({ type: "failed", run, error: { ...error, details: undefined } });
  }
}

async function find(module: string, type: string): Promise<DefinedTask> {
  const exported = Object.values((await import(module)) as Record<string, unknown>);
  const task = exported.filter(isDefinedTask).find((one) => one.type === type);
  if (!task) throw new Error(`${module} exports no task "${type}" made by defineTask().`);
  return task;
}

function contextOf(message: RunMessage, params: unknown, signal: AbortSignal): TaskContext {
  const { run: id, facts, calls } = message;
  const call = (method: string, args: readonly unknown[]): Promise<unknown> => {
    const answered = new Promise((resolve, reject) => replies.set(++lastCall, { resolve, reject }));
    // Whoever does not wait for it need not hear of its failure.
    answered.catch(() => undefined);
    say({ type: "call", run: id, call: lastCall, method, args });
    return answered;
  };
  const functions = calls.map((name) => [name, (...args: unknown[]) => call(name, args)] as const);
  return {
    ...facts,
    ...Object.fromEntries(functions),
    ...(calls.includes("stream") && {
      stream: (name: unknown) => ({
        write: (data: unknown) => call("stream.write", [name, data]),
        end: () => call("stream.end", [name]),
      }),
    }),
    params,
    signal,
    log: loggerOf(message),
  } as unknown as TaskContext;
}

/** A logger whose lines are written by the worker, where all others are. */
function loggerOf({ run: id, logLevel }: RunMessage): Logger {
  return pino({
    level: logLevel,
    base: null,
    hooks: {
      logMethod(args: readonly unknown[], _method, number) {
        const level = pino.levels.labels[number] ?? "info";
        const line = { type: "log", run: id, level, bindings: this.bindings() } as const;
        try {
          say({ ...line, args });
        } catch {
          // Something in it can't be sent.
          say({ ...line, args: args.map(String) });
        }
      },
    },
  });
}

async function describe(paths: readonly string[]): Promise<void> {
  try {
    const tasks = await loadTasks(paths);
    say({
      type: "described",
      tasks: tasks.map(({ handler: _handler, input: _input, progress: _progress, ...rest }) => ({
        ...rest,
      })),
    });
  } catch (error) {
    say({ type: "undescribed", error: sentError(error) });
  }
}

if (isMainThread) {
  process.on("message", take);
  // The worker has gone, however it came to that.
  process.on("disconnect", () => process.exit());
  // The worker decides when this ends: a Ctrl-C at the terminal reaches both.
  process.on("SIGINT", () => undefined).on("SIGTERM", () => undefined);
  process.on("uncaughtException", (error) => {
    process.send!({ type: "crash", error: sentError(error) } satisfies FromHost, () =>
      process.exit(1),
    );
  });
} else parentPort!.on("message", take);
