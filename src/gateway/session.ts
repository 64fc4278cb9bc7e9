// One connected worker: turns its frames into calls of the runtime, and what the runtime wants said into frames.
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import {
  closeCodes,
  frameBytesMax,
  type AttemptRef,
  type Hello,
  type ServerFrame,
  type TaskResult,
  type WorkerFrame,
} from "../protocol/worker-frames.ts";
import { features } from "../protocol/worker-limits.ts";
import type { AttemptOutcome, WorkerService } from "../runtime/runtime.ts";
import {
  processHolder,
  type Attempt,
  type StoredTask,
  type TypePool,
  type WorkerSession,
} from "../runtime/worker-pool.ts";
import type { FrameSocket } from "../socket/frame-socket.ts";
import { Allowance } from "./allowance.ts";
import { AttemptReports, fitsCheckpoint, type ReportLimits } from "./attempt-reports.ts";
import { Refusals } from "./refusals.ts";
import { SelfDescription } from "./self-description.ts";
import {
  attemptOf,
  decisionPages,
  lostRefOf,
  outcomeOf,
  refOf,
  taskFrame,
  usageOf,
} from "./frames.ts";

/** How long a refused attempt stays away from workers, where the worker itself names no time. */
const rejectedMs = { busy: 1_000, draining: 0, incompatible: 5_000, invalid: 5_000 } as const;

/** What is said over it are workers' frames. */
export type WorkerSocket = FrameSocket<WorkerFrame>;

export interface SessionLimits extends ReportLimits {
  readonly heartbeatMs: number;
  readonly heartbeatsMissedMax: number;
  readonly acceptMs: number;
}

export interface SessionParts {
  readonly id: string;
  readonly workers: WorkerService;
  readonly socket: WorkerSocket;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly log: Logger;
  /** The version of the frames that both sides speak. */
  readonly protocol: number;
  /** Whether this token is good for the worker: it takes the place of the one that the connection was opened with. */
  readonly authenticate: (token: string) => boolean;
}

export class Session implements WorkerSession {
  readonly holder: string;
  readonly workerId: string;
  readonly #parts: SessionParts;
  readonly #reports: AttemptReports;
  readonly #allowance: Allowance;
  readonly #description: SelfDescription;
  readonly #refusals: Refusals;
  #state: "introducing" | "open" | "ended" = "introducing";
  /** What the runtime says before the welcome is out; a worker hears nothing before its welcome. */
  #early: string[] = [];
  #isSlow = false;

  constructor(hello: Hello, parts: SessionParts) {
    this.holder = processHolder(hello.worker_id, hello.instance_id);
    this.workerId = hello.worker_id;
    this.#parts = parts;
    this.#allowance = new Allowance(hello);
    this.#description = new SelfDescription(hello);
    this.#refusals = new Refusals(parts.log, parts.clock);
    this.#reports = new AttemptReports({
      ...parts,
      refusals: this.#refusals,
      session: this,
      send: (frame) => this.#send(frame),
      fail: (problem) => parts.socket.fail("protocol.frame_invalid", problem),
    });
  }

  get types(): ReadonlyMap<string, number | undefined> {
    return this.#allowance.types;
  }

  get pools(): readonly TypePool[] {
    return this.#allowance.pools;
  }

  /** Introduce the worker to the runtime, and welcome it with what the runtime decided about its attempts. */
  async open(hello: Hello): Promise<void> {
    const { id, workers, socket, clock, limits, log } = this.#parts;
    if (this.#hasEnded()) return;
    let welcome;
    try {
      welcome = await workers.connect(this, {
        ...this.#description.now,
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
    const [decided, ...more] = decisionPages(welcome);
    socket.send({
      type: "welcome",
      protocol: this.#parts.protocol,
      session_id: id,
      heartbeat_ms: limits.heartbeatMs,
      heartbeats_missed_max: limits.heartbeatsMissedMax,
      accept_ms: limits.acceptMs,
      frame_bytes_max: frameBytesMax,
      features: [...features],
      stream_window_bytes: limits.streamWindowBytes,
      server_time: new Date(clock.now()).toISOString(),
      ...decided!,
    });
    for (const page of more) socket.send({ type: "welcome_more", ...page });
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
        if (!workers.accept(this, attemptOf(frame)))
          this.#refusals.foreign(frame.type, attemptOf(frame));
        return;
      case "progress":
      case "checkpoint":
      case "event":
      case "log":
      case "chunk":
        this.#reports.take(frame);
        return;
      case "heartbeat":
        if (frame.load) workers.noteUsage(this, usageOf(frame.load));
        void this.#takeHeartbeat(frame.running);
        return;
      case "reject":
        void this.#release(frame, frame.retry_after_ms ?? rejectedMs[frame.reason]);
        return;
      case "release": {
        const { checkpoint } = frame;
        const hasOne = checkpoint !== undefined && fitsCheckpoint(checkpoint);
        void this.#release(frame, 0, hasOne ? { checkpoint } : undefined);
        return;
      }
      case "credit":
        this.#allowance.change(frame);
        this.#tellCredits();
        return;
      case "labels":
      case "hot_cache":
        workers.describe(this, this.#description.change(frame));
        return;
      case "auth":
        this.#authenticate(frame.token);
        return;
      case "drain":
        workers.drain(this);
        return;
      case "bye":
        socket.close(closeCodes.bye, "bye");
        return;
      case "hello":
      case "hello_more":
        socket.fail("protocol.frame_unexpected", "A connection begins with one hello, not two.");
        return;
    }
  }

  push(task: StoredTask, leaseMs: number): void {
    const { taskId, attempt } = task;
    const frame = JSON.stringify(taskFrame(task, leaseMs));
    if (fits(frame)) return this.#say(frame);
    if (task.checkpoint !== undefined) {
      const { checkpoint: _, ...rest } = task;
      this.#parts.log.warn({ taskId }, "a checkpoint does not fit beside its task's params");
      return this.push(rest, leaseMs);
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
    if (slow)
      this.#parts.log.warn("worker reads too slowly; it gets no tasks until it has caught up");
    this.#isSlow = slow;
    this.#tellCredits();
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
    this.#reports.clear();
    this.#parts.workers.disconnect(this);
  }

  #hasEnded(): boolean {
    return this.#state === "ended";
  }

  #tellCredits(): void {
    this.#parts.workers.setCredits(this, this.#isSlow ? 0 : this.#allowance.credits);
  }

  #authenticate(token: string): void {
    const { socket, log, authenticate } = this.#parts;
    if (authenticate(token)) return;
    log.info("worker refused: its new token is not good");
    const message = `The token is not good for the worker ${this.workerId}.`;
    socket.send({ type: "error", code: "auth.invalid_token", message, fatal: true });
    socket.close(closeCodes.auth, "auth.invalid_token");
  }

  async #takeResult(frame: TaskResult): Promise<void> {
    const attempt = attemptOf(frame);
    this.#reports.finish(attempt);
    const settled = await this.#settle(attempt, outcomeOf(frame));
    if (!settled) return;
    const { status } = settled;
    if (status !== "applied") this.#refusals.note({ ...attempt, status }, "result ignored");
    this.#send({ type: "result_ack", ...refOf(attempt), ...settled });
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
      if (lost.length > 0) this.#refusals.note({ lost }, "attempts are not this worker's");
      const server_time = new Date(clock.now()).toISOString();
      this.#send({ type: "heartbeat_ack", server_time, lost: lost.map(lostRefOf) });
    } catch (error) {
      log.error({ err: error }, "leases could not be extended");
    }
  }

  async #release(
    frame: AttemptRef & { readonly type: string },
    delayMs: number,
    handOver?: { readonly checkpoint: unknown },
  ): Promise<void> {
    const attempt = attemptOf(frame);
    this.#reports.finish(attempt);
    try {
      const isTaken = await this.#parts.workers.release(this, attempt, delayMs, handOver);
      if (!isTaken) this.#refusals.foreign(frame.type, attempt);
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

function fits(frame: string): boolean {
  return frame.length <= frameBytesMax && Buffer.byteLength(frame) <= frameBytesMax;
}
