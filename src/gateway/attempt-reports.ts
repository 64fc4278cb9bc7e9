// What a worker tells of attempts that still run: progress, checkpoints, events, log lines and streams, each within its limits.
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { LogRate, logRate } from "../protocol/log-rate.ts";
import type {
  Checkpoint,
  CheckpointAck,
  Chunk,
  Event,
  Log,
  Progress,
  ServerFrame,
} from "../protocol/worker-frames.ts";
import { checkpointBytesMax, eventBytesMax } from "../protocol/worker-limits.ts";
import type { WorkerService } from "../runtime/runtime.ts";
import { attemptKey, type Attempt, type WorkerSession } from "../runtime/worker-pool.ts";
import { attemptOf } from "./frames.ts";
import type { Refusals } from "./refusals.ts";
import { ProgressRelay } from "./progress-relay.ts";
import { StreamWindows, type StreamLimits } from "./stream-windows.ts";

export interface ReportLimits extends StreamLimits {
  /** The least time between two reports of one attempt's progress. */
  readonly progressMs: number;
}

export interface AttemptReportsParts {
  readonly session: WorkerSession;
  readonly workers: WorkerService;
  readonly clock: Clock;
  readonly limits: ReportLimits;
  readonly log: Logger;
  readonly refusals: Refusals;
  readonly send: (frame: ServerFrame) => void;
  /** The worker broke a limit that it was told of. */
  readonly fail: (problem: string) => void;
}

/** A connection may carry the lines of many attempts. */
const attemptsPerSession = 10;
/** The most characters of a line's fields, as JSON. */
const fieldsCharsMax = 8_192;

export class AttemptReports {
  readonly #parts: AttemptReportsParts;
  readonly #progress: ProgressRelay;
  readonly #streams: StreamWindows;
  readonly #logRate: LogRate;
  /** Lines that were dropped here, by task, until the next line of it can say so. */
  readonly #dropped = new Map<string, number>();
  /** By `attemptKey`: the event of an attempt that is on its way to the job. */
  readonly #taking = new Map<string, number>();

  constructor(parts: AttemptReportsParts) {
    this.#parts = parts;
    const { session, workers, clock, limits, refusals, send } = parts;
    this.#progress = new ProgressRelay(clock, limits.progressMs, (attempt, progress) => {
      if (!workers.progress(session, attempt, progress)) refusals.foreign("progress", attempt);
    });
    this.#streams = new StreamWindows(clock, limits, send);
    const { perSecond, burst } = logRate;
    this.#logRate = new LogRate(
      perSecond * attemptsPerSession,
      burst * attemptsPerSession,
      clock.monotonic(),
    );
  }

  take(frame: Progress | Checkpoint | Event | Log | Chunk): void {
    switch (frame.type) {
      case "progress": {
        const { ratio, message, data } = frame;
        this.#progress.report(attemptOf(frame), {
          ...(ratio !== undefined && { ratio }),
          ...(message !== undefined && { message }),
          ...(data !== undefined && { data }),
        });
        return;
      }
      case "checkpoint":
        void this.#takeCheckpoint(frame);
        return;
      case "event":
        void this.#takeEvent(frame);
        return;
      case "log":
        this.#takeLog(frame);
        return;
      case "chunk": {
        const { session, workers, refusals, fail } = this.#parts;
        const attempt = attemptOf(frame);
        const problem = this.#streams.take(frame, (chunk) => {
          const isTaken = workers.chunk(session, attempt, chunk);
          if (!isTaken) refusals.foreign("chunk", attempt);
          return isTaken;
        });
        if (problem !== undefined) fail(problem);
        return;
      }
    }
  }

  /** Pass on what is held back of an attempt that ends. */
  finish(attempt: Attempt): void {
    this.#progress.finish(attempt);
    this.#streams.finish(attempt.taskId, attempt.attempt);
    this.#dropped.delete(attempt.taskId);
  }

  /** The connection has ended: nobody is there to answer. */
  clear(): void {
    this.#progress.clear();
    this.#streams.clear();
    this.#dropped.clear();
  }

  async #takeCheckpoint(frame: Checkpoint): Promise<void> {
    const { session, workers, log, refusals } = this.#parts;
    const attempt = attemptOf(frame);
    if (!fitsCheckpoint(frame.data)) return this.#acknowledge(frame, "too_large");
    try {
      const status = await workers.checkpoint(session, attempt, frame.data);
      if (isForeign(status)) refusals.foreign("checkpoint", attempt);
      // The acknowledgement of the later one covers this one.
      if (status !== "superseded") this.#acknowledge(frame, status);
    } catch (error) {
      // Without an acknowledgement the worker says it again.
      log.error({ err: error, ...attempt }, "a checkpoint could not be kept");
    }
  }

  async #takeEvent(frame: Event): Promise<void> {
    const { session, workers, log, refusals, send, fail } = this.#parts;
    const { task_id, attempt, number } = frame;
    const answer = { type: "event_ack", task_id, attempt, number } as const;
    const key = attemptKey(attemptOf(frame));
    const taking = this.#taking.get(key);
    if (taking !== undefined) {
      // Taken one after the other, so that a number says which have been taken.
      if (taking !== number) fail("event: send the next one once this one is answered");
      return;
    }
    const { event: type, data } = frame;
    if (!fits(data, eventBytesMax))
      return send({ ...answer, status: "refused", code: "request.body_too_large" });
    this.#taking.set(key, number);
    try {
      const event = { ...data, type };
      const taken = await workers.event(session, attemptOf(frame), { number, event });
      if (isForeign(taken.status)) refusals.foreign("event", attemptOf(frame));
      send({ ...answer, ...taken });
    } catch (error) {
      // Without an answer the worker sends it again.
      log.error({ err: error, ...attemptOf(frame) }, "an event could not be taken");
    } finally {
      this.#taking.delete(key);
    }
  }

  #acknowledge({ task_id, attempt, number }: Checkpoint, status: CheckpointAck["status"]): void {
    this.#parts.send({ type: "checkpoint_ack", task_id, attempt, number, status });
  }

  #takeLog(frame: Log): void {
    const { session, workers, clock, refusals } = this.#parts;
    const { task_id: taskId, level, message, fields, at } = frame;
    const dropped = (this.#dropped.get(taskId) ?? 0) + frame.dropped;
    if (!this.#logRate.takes(clock.monotonic())) {
      this.#dropped.set(taskId, dropped + 1);
      return;
    }
    this.#dropped.delete(taskId);
    const fits = fields !== undefined && JSON.stringify(fields).length <= fieldsCharsMax;
    const isTaken = workers.logLine(session, attemptOf(frame), {
      level,
      message,
      ...(fits && { fields }),
      at: at === undefined ? clock.now() : Date.parse(at),
      dropped,
    });
    if (!isTaken) refusals.foreign("log", attemptOf(frame));
  }
}

const isForeign = (status: string): boolean => status === "fenced" || status === "unknown";

/** Whether the store may keep this as a checkpoint. */
export function fitsCheckpoint(data: unknown): boolean {
  return fits(data, checkpointBytesMax);
}

function fits(data: unknown, bytesMax: number): boolean {
  return Buffer.byteLength(JSON.stringify(data ?? null)) <= bytesMax;
}
