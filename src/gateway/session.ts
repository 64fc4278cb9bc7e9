// One connected worker: turns its frames into calls of the runtime, and what the runtime wants said into frames.
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import {
  closeCodes,
  frameBytesMax,
  hotNamesMax,
  type AttemptRef,
  type Hello,
  type HotCache,
  type ServerFrame,
  type TaskResult,
  type WorkerFrame,
} from "../protocol/worker-frames.ts";
import type {
  AttemptOutcome,
  LostAttempt,
  WorkerDescription,
  WorkerService,
} from "../runtime/runtime.ts";
import type { Attempt, StoredTask, WorkerSession } from "../runtime/worker-pool.ts";
import type { FrameSocket } from "./frame-socket.ts";
import { outcomeOf, taskFrame } from "./frames.ts";
import { ProgressRelay } from "./progress-relay.ts";

/** The version of the frames; what changes inside it is only added. */
export const protocolVersion = 1;

/** How long a refused attempt stays away from workers, where the worker itself names no time. */
const rejectedMs = { busy: 1_000, draining: 0, incompatible: 5_000, invalid: 5_000 } as const;

export interface SessionLimits {
  readonly heartbeatMs: number;
  readonly heartbeatsMissedMax: number;
  readonly acceptMs: number;
  /** The least time between two reports of one attempt's progress. */
  readonly progressMs: number;
}

export interface SessionParts {
  readonly id: string;
  readonly workers: WorkerService;
  readonly socket: FrameSocket;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly log: Logger;
}

export class Session implements WorkerSession {
  readonly holder: string;
  readonly workerId: string;
  readonly types: ReadonlyMap<string, number | undefined>;
  readonly #parts: SessionParts;
  readonly #progress: ProgressRelay;
  #state: "introducing" | "open" | "ended" = "introducing";
  /** What the runtime says before the welcome is out; a worker hears nothing before its welcome. */
  #early: string[] = [];
  #credits: number;
  #description: WorkerDescription;

  constructor(hello: Hello, parts: SessionParts) {
    this.holder = `${hello.worker_id}:${hello.instance_id}`;
    this.workerId = hello.worker_id;
    this.types = new Map(hello.types.map(({ type, limit }) => [type, limit]));
    this.#parts = parts;
    this.#credits = hello.credits;
    this.#description = {
      workerType: hello.worker_type,
      labels: hello.labels,
      resources: hello.resources,
      ...(hello.cost_per_second !== undefined && { costPerSecond: hello.cost_per_second }),
      ...(hello.hot_cache.length > 0 && { hotCache: hello.hot_cache }),
    };
    this.#progress = new ProgressRelay(parts.clock, parts.limits.progressMs, (attempt, progress) =>
      parts.workers.progress(this, attempt, progress),
    );
  }

  /** Introduce the worker to the runtime, and welcome it with what the runtime decided about its attempts. */
  async open(hello: Hello): Promise<void> {
    const { id, workers, socket, clock, limits, log } = this.#parts;
    if (this.#hasEnded()) return;
    let welcome;
    try {
      welcome = await workers.connect(this, {
        ...this.#description,
        credits: hello.credits,
        draining: hello.draining,
        running: hello.running.map(attemptOf),
        outbox: hello.outbox.map(attemptOf),
      });
    } catch (error) {
      log.error({ err: error }, "a worker could not be taken in");
      socket.close(closeCodes.draining, "the server can't take workers in now");
      return;
    }
    if (this.#hasEnded()) {
      // The connection broke while the runtime was taking the session in.
      workers.disconnect(this);
      return;
    }
    this.#state = "open";
    socket.send({
      type: "welcome",
      protocol: protocolVersion,
      session_id: id,
      heartbeat_ms: limits.heartbeatMs,
      heartbeats_missed_max: limits.heartbeatsMissedMax,
      accept_ms: limits.acceptMs,
      frame_bytes_max: frameBytesMax,
      server_time: new Date(clock.now()).toISOString(),
      keep: welcome.keep.map(refOf),
      drop: welcome.drop.map(lostRefOf),
      want: welcome.want.map(refOf),
    });
    for (const frame of this.#early) socket.sendEncoded(frame);
    this.#early = [];
    socket.watch(limits.heartbeatMs, limits.heartbeatsMissedMax);
  }

  /** Act on a frame of the worker. */
  take(frame: WorkerFrame): void {
    const { workers, socket } = this.#parts;
    if (this.#state === "introducing") {
      socket.fail("protocol.frame_unexpected", "Wait for the welcome before the next frame.");
      return;
    }
    switch (frame.type) {
      case "result":
        void this.#takeResult(frame);
        return;
      case "accept":
        workers.accept(this, attemptOf(frame));
        return;
      case "progress": {
        const { ratio, message, data } = frame;
        this.#progress.report(attemptOf(frame), {
          ...(ratio !== undefined && { ratio }),
          ...(message !== undefined && { message }),
          ...(data !== undefined && { data }),
        });
        return;
      }
      case "heartbeat":
        void this.#takeHeartbeat(frame.running);
        return;
      case "reject":
        void this.#release(frame, frame.retry_after_ms ?? rejectedMs[frame.reason]);
        return;
      case "release":
        void this.#release(frame, 0);
        return;
      case "credit":
        this.#credits = frame.credits;
        workers.setCredits(this, frame.credits);
        return;
      case "hot_cache":
        this.#changeHotCache(frame);
        return;
      case "drain":
        workers.drain(this);
        return;
      case "bye":
        socket.close(closeCodes.bye, "bye");
        return;
      case "hello":
        socket.fail("protocol.frame_unexpected", "A connection begins with one hello, not two.");
        return;
    }
  }

  push(task: StoredTask, leaseMs: number): void {
    const { taskId, attempt } = task;
    const frame = JSON.stringify(taskFrame(task, leaseMs));
    if (frame.length <= frameBytesMax && Buffer.byteLength(frame) <= frameBytesMax) {
      this.#say(frame);
      return;
    }
    // No worker can ever be told of it, so the session answers in the worker's place.
    const message = `The task's params make a frame of more than ${frameBytesMax} bytes.`;
    void this.#settle(
      { taskId, attempt },
      { outcome: "error", error: { code: "INVALID_INPUT_ERROR", message } },
    );
  }

  cancel({ taskId, attempt }: Attempt, reason: string, graceMs: number): void {
    this.#send({ type: "cancel", task_id: taskId, attempt, reason, grace_ms: graceMs });
  }

  /** The worker reads too slowly, or has caught up: no tasks are pushed until it has. */
  setSlow(slow: boolean): void {
    const { workers, log } = this.#parts;
    if (slow) log.warn("worker reads too slowly; it gets no tasks until it has caught up");
    workers.setCredits(this, slow ? 0 : this.#credits);
  }

  /** Say that the server is about to close. */
  goaway(reason: string, reconnectAfterMs: number): void {
    this.#parts.workers.drain(this);
    this.#send({ type: "goaway", reason, reconnect_after_ms: reconnectAfterMs });
  }

  /** The connection has ended. */
  end(): void {
    this.#state = "ended";
    this.#early = [];
    this.#progress.clear();
    this.#parts.workers.disconnect(this);
  }

  #hasEnded(): boolean {
    return this.#state === "ended";
  }

  #changeHotCache({ add, remove }: HotCache): void {
    const hot = new Set(this.#description.hotCache);
    for (const name of remove) hot.delete(name);
    for (const name of add) if (hot.size < hotNamesMax) hot.add(name);
    this.#description = { ...this.#description, hotCache: [...hot] };
    this.#parts.workers.describe(this, this.#description);
  }

  async #takeResult(frame: TaskResult): Promise<void> {
    const attempt = attemptOf(frame);
    this.#progress.finish(attempt);
    const settled = await this.#settle(attempt, outcomeOf(frame));
    if (settled) this.#send({ type: "result_ack", ...refOf(attempt), ...settled });
  }

  /** @returns what became of the outcome; undefined where nothing did, and the worker has to say it again later. */
  async #settle(attempt: Attempt, outcome: AttemptOutcome) {
    try {
      return await this.#parts.workers.result(this, attempt, outcome);
    } catch (error) {
      this.#parts.log.error({ err: error, ...attempt }, "a result could not be taken");
      return undefined;
    }
  }

  async #takeHeartbeat(running: readonly AttemptRef[]): Promise<void> {
    const { workers, clock, log } = this.#parts;
    try {
      const lost = await workers.heartbeat(this, running.map(attemptOf));
      const server_time = new Date(clock.now()).toISOString();
      this.#send({ type: "heartbeat_ack", server_time, lost: lost.map(lostRefOf) });
    } catch (error) {
      log.error({ err: error }, "leases could not be extended");
    }
  }

  async #release(ref: AttemptRef, delayMs: number): Promise<void> {
    const attempt = attemptOf(ref);
    this.#progress.finish(attempt);
    try {
      await this.#parts.workers.release(this, attempt, delayMs);
    } catch (error) {
      // Its lease will end by itself.
      this.#parts.log.error({ err: error, ...attempt }, "an attempt could not be taken back");
    }
  }

  #send(frame: ServerFrame): void {
    this.#say(JSON.stringify(frame));
  }

  #say(frame: string): void {
    if (this.#state === "introducing") this.#early.push(frame);
    else this.#parts.socket.sendEncoded(frame);
  }
}

function attemptOf({ task_id, attempt }: AttemptRef): Attempt {
  return { taskId: task_id, attempt };
}

function refOf({ taskId, attempt }: Attempt): AttemptRef {
  return { task_id: taskId, attempt };
}

function lostRefOf(lost: LostAttempt): AttemptRef & Pick<LostAttempt, "reason"> {
  return { ...refOf(lost), reason: lost.reason };
}
