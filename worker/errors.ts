// What a task handler throws to say how its task failed, and so whether it is worth another attempt.

export interface TaskErrorOptions extends ErrorOptions {
  /** The least time before the next attempt, in milliseconds; the server's backoff where absent. */
  readonly retryAfterMs?: number;
  /** Anything that helps whoever looks into it; it must survive JSON. */
  readonly details?: unknown;
}

/** A failure of a task with its class. Throw one of its subclasses; any other exception counts as transient. */
export class TaskFailure extends Error {
  readonly code: string;
  readonly retryAfterMs: number | undefined;
  readonly details: unknown;

  constructor(code: string, message: string, options: TaskErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
  }
}

/** It may work next time: the task is tried again, after a growing delay, as often as its policy says. */
export class TransientError extends TaskFailure {
  override readonly name = "TransientError";
  constructor(message: string, options?: TaskErrorOptions) {
    super("TRANSIENT_ERROR", message, options);
  }
}

/** It will never work: the task is not tried again. */
export class PermanentError extends TaskFailure {
  override readonly name = "PermanentError";
  constructor(message: string, options?: TaskErrorOptions) {
    super("PERMANENT_ERROR", message, options);
  }
}

/** The params make no sense: the task is not tried again, and the job fails rather than being quarantined. */
export class InvalidInputError extends TaskFailure {
  override readonly name = "InvalidInputError";
  constructor(message: string, options?: TaskErrorOptions) {
    super("INVALID_INPUT_ERROR", message, options);
  }
}

/** The reason of a task handler's `AbortSignal`: the result is not wanted any more. */
export class TaskCancelled extends Error {
  override readonly name = "TaskCancelled";
}
