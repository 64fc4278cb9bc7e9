// What a worker and the thread or process in which a task handler runs say to each other, and how errors cross over.
import { TaskCancelled, TaskFailure } from "./errors.ts";
import type { DefinedTask } from "./task.ts";

/** A member of a task handler's context that is a value, by its name. */
export type Facts = Readonly<Record<string, unknown>>;

export type ToHost =
  | {
      readonly type: "run";
      readonly run: number;
      /** The file that exports the task. */
      readonly module: string;
      readonly taskType: string;
      readonly facts: Facts;
      /** The functions of the context that may be called. */
      readonly calls: readonly string[];
      readonly logLevel: string;
    }
  | { readonly type: "abort"; readonly run: number; readonly reason: SentError }
  | { readonly type: "reply"; readonly call: number; readonly value: unknown }
  | { readonly type: "refusal"; readonly call: number; readonly error: SentError }
  /** Load task files, and say what they export. */
  | { readonly type: "describe"; readonly paths: readonly string[] };

export type FromHost =
  | {
      readonly type: "done";
      readonly run: number;
      readonly output: unknown;
      readonly status?: string;
    }
  | { readonly type: "failed"; readonly run: number; readonly error: SentError }
  | {
      readonly type: "call";
      readonly run: number;
      readonly call: number;
      readonly method: string;
      readonly args: readonly unknown[];
    }
  | {
      readonly type: "log";
      readonly run: number;
      readonly level: string;
      readonly bindings: Facts;
      readonly args: readonly unknown[];
    }
  | { readonly type: "described"; readonly tasks: readonly TaskDescription[] }
  | { readonly type: "undescribed"; readonly error: SentError }
  /** Nothing caught this; the end of the host follows. */
  | { readonly type: "crash"; readonly error: SentError };

/** A task without what can't be sent. */
export type TaskDescription = Omit<DefinedTask, "handler" | "input" | "progress" | symbol>;

export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  /** Of a task failure. */
  readonly code?: string;
  readonly retryAfterMs?: number | undefined;
  readonly details?: unknown;
}

export function sentError(thrown: unknown): SentError {
  if (!(thrown instanceof Error)) return { name: "Error", message: String(thrown) };
  const { name, message, stack } = thrown;
  if (!(thrown instanceof TaskFailure)) return { name, message, stack };
  const { code, retryAfterMs, details } = thrown;
  return { name, message, stack, code, retryAfterMs, details };
}

export function receivedError({ name, message, stack, ...failure }: SentError): Error {
  const { code, retryAfterMs, details } = failure;
  const options = {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(details !== undefined && { details }),
  };
  const error =
    code !== undefined
      ? new TaskFailure(code, message, options)
      : name === "TaskCancelled"
        ? new TaskCancelled(message)
        : new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
