// One attempt as its task handler sees it. What many task handlers never touch (signal, logger, throttle) is made when asked for.
import type { Logger } from "pino";
import type { Clock, TimerHandle } from "../src/clock.ts";
import type { AttemptRef, TaskAssign } from "../src/protocol/worker-frames.ts";
import { AttemptReports } from "./attempt-reports.ts";
import type { AttemptWire } from "./attempt-wire.ts";
import { TaskFailure, TransientError } from "./errors.ts";
import type { EventOutcome } from "./events.ts";
import type { HotCache } from "./hot-cache.ts";
import { ProgressThrottle } from "./progress-throttle.ts";
import { toSendable } from "./sendable.ts";
import type { TaskStream } from "./stream-writer.ts";
import type { DefinedTask, TaskContext } from "./task.ts";

/** The longest message of a progress frame. */
const messageCharsMax = 1024;

interface Report {
  readonly ratio: number | undefined;
  readonly message: string | undefined;
  readonly data: unknown;
}

export interface RunParts {
  readonly workerId: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Nobody is told of it where absent. */
  readonly hotCache?: HotCache;
  /** How the attempt's other reports get to the server; nobody is told of them where absent. */
  readonly wire?: AttemptWire;
  onProgress(frame: string, ref: AttemptRef): void;
}

export class Run implements TaskContext {
  readonly params: unknown;
  readonly deadline: Date | undefined;
  readonly #assign: TaskAssign;
  readonly #task: DefinedTask;
  readonly #parts: RunParts;
  readonly #overdue: TimerHandle | undefined;
  /** Checkpoints, events, log lines and streams. */
  readonly reports: AttemptReports;
  #controller: AbortController | undefined;
  #throttle: ProgressThrottle<Report> | undefined;
  #aborted: Error | undefined;
  #ended = false;

  constructor(assign: TaskAssign, params: unknown, task: DefinedTask, parts: RunParts) {
    this.params = params;
    this.#assign = assign;
    this.#task = task;
    this.#parts = parts;
    const { task_id: taskId, attempt, job_id: jobId } = assign;
    this.reports = new AttemptReports({
      ref: { task_id: taskId, attempt },
      clock: parts.clock,
      log: () => parts.log.child({ jobId, taskId, attempt, taskType: task.type }),
      wire: parts.wire,
    });
    const { run_timeout_ms: serverMs = Infinity } = assign;
    const { timeLimitMs: ownMs = Infinity } = task;
    const limitMs = Math.min(serverMs, ownMs);
    if (limitMs === Infinity) return;
    this.deadline = new Date(parts.clock.now() + limitMs);
    const message = `The attempt ran longer than its ${limitMs} ms.`;
    this.#overdue = parts.clock.schedule(limitMs, () =>
      this.abort(
        ownMs < serverMs
          ? new TaskFailure("HANDLER_TIMEOUT", message)
          : new TransientError(message),
      ),
    );
  }

  get taskType(): string {
    return this.#task.type;
  }
  get taskId(): string {
    return this.#assign.task_id;
  }
  get jobId(): string {
    return this.#assign.job_id;
  }
  get attempt(): number {
    return this.#assign.attempt;
  }
  get attemptsMax(): number {
    return this.#assign.attempts_max;
  }
  get idempotencyKey(): string {
    return this.#assign.task_id;
  }
  get priority(): number {
    return this.#assign.priority;
  }
  get workerId(): string {
    return this.#parts.workerId;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  get log(): Logger {
    return this.reports.log;
  }
  get lastCheckpoint(): unknown {
    return this.#assign.checkpoint;
  }

  /** A member rather than a method, so that it can be taken out of the context. */
  readonly progress = (ratio: number | undefined, message?: string, data?: unknown): void => {
    if (this.#ended || this.#aborted) return;
    this.#throttle ??= new ProgressThrottle(this.#parts.clock, (report) => this.#send(report));
    this.#throttle.report({ ratio, message, data });
  };

  readonly checkpoint = (data: unknown): Promise<void> => this.reports.checkpoint(data);
  readonly sendEvent = (
    type: string,
    data?: Readonly<Record<string, unknown>>,
  ): Promise<EventOutcome> => this.reports.sendEvent(type, data);
  readonly stream = (name: string): TaskStream => this.reports.stream(name);

  readonly addToHotCache = (name: string): void => this.#parts.hotCache?.add(name);
  readonly removeFromHotCache = (name: string): void => this.#parts.hotCache?.remove(name);

  /** Ask the task handler to stop. The first reason stands. */
  abort(reason: Error): void {
    if (this.#aborted) return;
    this.#aborted = reason;
    this.#throttle?.cancel();
    this.reports.end(() => reason);
    this.#controller?.abort(reason);
  }

  /** The task handler has ended; the last report of its progress goes out where anyone wants it. */
  end(wanted: boolean): void {
    this.#ended = true;
    this.#overdue?.cancel();
    if (wanted) this.#throttle?.finish();
    else this.#throttle?.cancel();
    this.reports.end(handlerEnded);
  }

  #send({ ratio, message, data }: Report): void {
    const frame = {
      type: "progress",
      task_id: this.taskId,
      attempt: this.attempt,
      ratio: typeof ratio === "number" && !Number.isNaN(ratio) ? clamp(ratio) : undefined,
      message: message === undefined ? undefined : String(message).slice(0, messageCharsMax),
      data,
    };
    const { json, problem } = this.#unfit(data) ?? toSendable(frame);
    if (problem !== undefined)
      this.log.warn({ problem }, "progress is sent without its data, which can't be sent");
    this.#parts.onProgress(json ?? JSON.stringify({ ...frame, data: undefined }), this.#assign);
  }

  #unfit(data: unknown): { readonly json?: never; readonly problem: string } | undefined {
    if (data === undefined || !this.#task.progress) return undefined;
    const { success, error } = this.#task.progress.safeParse(data);
    return success ? undefined : { problem: error.message };
  }
}

const handlerEnded = (): Error => new Error("The handler has ended.");

function clamp(ratio: number): number {
  return Math.min(1, Math.max(0, ratio));
}
