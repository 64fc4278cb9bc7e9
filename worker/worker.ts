// A worker: registers handlers, connects to the server, and runs the tasks that it is given until it is stopped.
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { systemClock, type Clock } from "../src/clock.ts";
import { RuntimeError } from "../src/errors.ts";
import {
  workerPath,
  type AttemptRef,
  type ServerFrame,
  type TaskAssign,
  type Welcome,
} from "../src/protocol/worker-frames.ts";
import { readWorkerConfig } from "./config.ts";
import { Connection } from "./connection.ts";
import { createWorkerLogger } from "./logger.ts";
import { Outbox } from "./outbox.ts";
import { Slots } from "./slots.ts";
import {
  defineTask,
  isDefinedTask,
  type DefinedTask,
  type HandlerOf,
  type SharedTask,
  type TaskHandler,
  type TaskLimit,
} from "./task.ts";

/** Attempts that one frame lists, so that the longest ids fit. */
const refsPerFrameMax = 4_000;

export interface WorkerOptions {
  /** The server's address, `http(s)://…`; `ORCHESTRATOR_URL` where absent. */
  readonly url?: string;
  /** `WORKER_TOKEN` where absent. */
  readonly token?: string;
  /** Names this worker in lists and logs; `WORKER_ID` or a random one where absent. */
  readonly id?: string;
  /** What kind of worker this is, for people. */
  readonly workerType?: string;
  /** The most tasks at once; `MAX_CONCURRENT_TASKS` or 10 where absent. */
  readonly concurrency?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly resources?: Readonly<Record<string, unknown>>;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** From 0 to below 1; spreads reconnections. */
  readonly random?: () => number;
}

export interface StopOptions {
  /** How long running tasks may take to finish, in milliseconds. What is left then is given back to the server. */
  readonly graceMs?: number;
}

/**
 * Make a worker. What is not given comes from the environment, then from the defaults.
 *
 * @throws RuntimeError `config.invalid`
 */
export function createWorker(options: WorkerOptions = {}): Worker {
  return new Worker(options);
}

export class Worker {
  readonly id: string;
  readonly #tasks = new Map<string, DefinedTask>();
  readonly #concurrency: number;
  readonly #graceMs: number;
  readonly #instanceId = randomUUID();
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #slots: Slots;
  readonly #outbox = new Outbox();
  readonly #connection: Connection;
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  /** Calls those who wait for work to end, or for the connection. */
  readonly #watchers = new Set<() => void>();
  #graceOver = false;
  #refused: RuntimeError | undefined;

  constructor(options: WorkerOptions) {
    const config = readWorkerConfig();
    const token = options.token ?? config.token;
    if (token === undefined)
      throw new RuntimeError(
        "config.invalid",
        "A worker needs a token: give `token`, or set WORKER_TOKEN.",
      );
    this.id = options.id ?? config.id ?? `worker-${randomUUID()}`;
    this.#concurrency = options.concurrency ?? config.concurrency;
    this.#graceMs = config.graceMs;
    this.#clock = options.clock ?? systemClock;
    const log = options.log ?? createWorkerLogger(config.logLevel);
    this.#log = log.child({ part: "worker", workerId: this.id });
    this.#slots = new Slots({
      workerId: this.id,
      clock: this.#clock,
      log: this.#log,
      onProgress: (frame) => this.#connection.sendEncoded(frame),
      onResult: (ref, frame) => {
        this.#outbox.add(ref, frame, this.#clock.monotonic());
        this.#connection.sendEncoded(frame);
      },
      onFree: () => this.#notify(),
    });
    this.#connection = new Connection({
      url: socketUrl(options.url ?? config.url),
      token,
      clock: this.#clock,
      random: options.random ?? Math.random,
      log: this.#log,
      ...(config.heartbeatMsMax !== undefined && { heartbeatMsMax: config.heartbeatMsMax }),
      hello: () => ({
        type: "hello",
        protocols: [1],
        worker_id: this.id,
        instance_id: this.#instanceId,
        worker_type: options.workerType ?? config.workerType,
        types: [...this.#tasks.values()].map(({ type, limit }) => ({
          type,
          ...(limit !== undefined && { limit }),
        })),
        credits: this.#concurrency,
        labels: { ...options.labels },
        resources: { ...config.resources, ...options.resources },
        ...(config.costPerSecond !== undefined && { cost_per_second: config.costPerSecond }),
        running: this.#slots.refs().slice(0, refsPerFrameMax),
        outbox: this.#outbox.refs().slice(0, refsPerFrameMax),
        draining: this.#stopped !== undefined,
      }),
      onWelcome: (welcome) => this.#resume(welcome),
      onFrame: (frame) => this.#take(frame),
      onBeat: (everyMs) => this.#beat(everyMs),
      onRefused: (error) => {
        this.#refused = error;
        this.#log.fatal({ err: error }, "the server refuses this worker");
        this.#notify();
      },
    });
  }

  /**
   * Register a handler for a type of task: by a shared definition, which types and checks it; by name; or what
   * `defineTask` returned. Register all before `start`.
   *
   * @throws RuntimeError `config.invalid` where the type has a handler already.
   */
  task(task: DefinedTask): this;
  task<Task extends SharedTask>(task: Task, handler: HandlerOf<Task>, options?: TaskLimit): this;
  task<Params = Readonly<Record<string, unknown>>, Output = unknown>(
    task: string,
    handler: TaskHandler<Params, Output>,
    options?: TaskLimit,
  ): this;
  task(
    task: DefinedTask | SharedTask | string,
    handler?: TaskHandler<never>,
    limit?: TaskLimit,
  ): this {
    const defined = isDefinedTask(task)
      ? task
      : defineTask(task as string, handler as TaskHandler, limit);
    if (this.#tasks.has(defined.type))
      throw new RuntimeError(
        "config.invalid",
        `The task type "${defined.type}" has two handlers; which of them should run?`,
      );
    this.#tasks.set(defined.type, defined);
    return this;
  }

  /**
   * Connect. Resolves when the server has welcomed this worker, however long that takes.
   *
   * @throws RuntimeError `worker.refused` where the server does not want this worker.
   */
  start(): Promise<void> {
    this.#started ??= (async () => {
      this.#connection.open();
      await this.#until(() => this.#connection.isOpen || this.#stopped !== undefined);
    })();
    return this.#started;
  }

  /**
   * Work until the process is told to end (SIGTERM, SIGINT) or `stop` is called. A first signal lets running
   * tasks finish, a second one gives them back at once.
   *
   * @throws RuntimeError `worker.refused` where the server does not want this worker.
   */
  async run(): Promise<void> {
    let signals = 0;
    const onSignal = (): void => {
      // Stopping can't fail, and what follows it waits for `#stopped` below.
      void this.stop(signals++ === 0 ? {} : { graceMs: 0 });
    };
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
    try {
      await this.start();
      await this.#until(() => this.#stopped !== undefined);
      await this.#stopped;
    } finally {
      process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
    }
  }

  /** Take no more tasks, finish what runs, give back what does not finish in time, and say goodbye. */
  stop({ graceMs = this.#graceMs }: StopOptions = {}): Promise<void> {
    if (!this.#stopped) {
      this.#log.info({ running: this.#slots.size, graceMs }, "worker stops");
      this.#stopped = this.#drain();
      this.#notify();
    }
    const grace = this.#clock.schedule(graceMs, () => {
      this.#graceOver = true;
      this.#notify();
    });
    return this.#stopped.finally(() => grace.cancel());
  }

  async #drain(): Promise<void> {
    this.#connection.send({ type: "drain" });
    const isDone = (): boolean => this.#slots.refs().length === 0 && this.#outbox.size === 0;
    await this.#until(() => isDone() || this.#graceOver || this.#refused !== undefined);
    for (const ref of this.#slots.refs()) {
      this.#connection.send({ type: "release", ...ref, reason: "drain" });
      this.#slots.abandon(ref, "the worker stops");
    }
    if (this.#outbox.size > 0)
      this.#log.error({ results: this.#outbox.refs() }, "results could not be delivered");
    await this.#connection.close("the worker stops");
    this.#log.info("worker stopped");
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case "task":
        this.#assign(frame);
        return;
      case "cancel":
        this.#slots.cancel(frame, frame.reason);
        return;
      case "result_ack":
        this.#outbox.remove(frame);
        if (frame.code !== undefined) {
          const { task_id: taskId, attempt, code } = frame;
          this.#log.warn({ taskId, attempt, code }, "the result did not count as a success");
        }
        this.#notify();
        return;
      case "heartbeat_ack":
        this.#forget(frame.lost);
        return;
      case "welcome":
      case "goaway":
      case "error":
        // The connection's own business.
        return;
    }
  }

  #assign(assign: TaskAssign): void {
    const ref = { task_id: assign.task_id, attempt: assign.attempt };
    const accept = { type: "accept", ...ref };
    // Frames are idempotent: an attempt that is here already is neither run twice nor refused.
    if (this.#slots.runs(ref)) return this.#connection.send(accept);
    if (this.#outbox.has(ref)) return this.#resend();
    const task = this.#tasks.get(assign.task_type);
    const reason = this.#whyNot(task);
    if (!task || reason) return this.#connection.send({ type: "reject", ...ref, reason });
    this.#connection.send(accept);
    this.#slots.start(assign, task);
  }

  #whyNot(task: DefinedTask | undefined): "incompatible" | "draining" | "busy" | undefined {
    if (!task) return "incompatible";
    if (this.#stopped) return "draining";
    const isFull =
      this.#slots.size >= this.#concurrency ||
      (task.limit !== undefined && this.#slots.sizeOf(task.type) >= task.limit);
    return isFull ? "busy" : undefined;
  }

  /** Take up a connection: the server has decided which attempts go on. */
  #resume(welcome: Welcome): void {
    this.#forget(welcome.drop);
    this.#resend();
    const { session_id: session, keep, drop, want } = welcome;
    this.#log.info(
      { session, kept: keep.length, dropped: drop.length, wanted: want.length },
      "connected",
    );
    this.#notify();
  }

  #beat(everyMs: number): void {
    // Results on their way count as running: their leases must not end before they have arrived.
    const running = [...this.#slots.refs(), ...this.#outbox.refs()];
    for (let from = 0; from === 0 || from < running.length; from += refsPerFrameMax)
      this.#connection.send({
        type: "heartbeat",
        running: running.slice(from, from + refsPerFrameMax),
      });
    this.#resend(2 * everyMs);
  }

  /** Send again the results that were last sent `olderMs` ago or earlier. */
  #resend(olderMs = 0): void {
    const now = this.#clock.monotonic();
    for (const frame of this.#outbox.takeUnsent(now - olderMs, now))
      this.#connection.sendEncoded(frame);
  }

  /** These attempts belong to somebody else now, or to nobody. */
  #forget(lost: readonly (AttemptRef & { readonly reason: string })[]): void {
    for (const { reason, ...ref } of lost) {
      this.#slots.abandon(ref, reason);
      this.#outbox.remove(ref);
    }
    if (lost.length > 0) {
      this.#log.warn({ lost }, "attempts are not this worker's any more");
      this.#notify();
    }
  }

  #notify(): void {
    for (const check of this.#watchers) check();
  }

  /** Resolves once the condition holds; rejects where the server refuses this worker before that. */
  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (!condition() && !this.#refused) return;
        this.#watchers.delete(check);
        if (condition()) resolve();
        else reject(this.#refused!);
      };
      this.#watchers.add(check);
      check();
    });
  }
}

/** The WebSocket address of the worker path at a server's address. */
function socketUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^(https?|wss?):$/.test(parsed.protocol))
    throw new RuntimeError("config.invalid", `The server's address is not an http(s) URL: ${url}`);
  parsed.protocol = parsed.protocol.replace(/^http/, "ws");
  parsed.pathname = parsed.pathname.replace(/\/$/, "") + workerPath;
  return parsed.href;
}
