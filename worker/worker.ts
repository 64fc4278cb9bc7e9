// A worker: registers task handlers, connects to the server, and runs the tasks that it is given until it is stopped.
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { z } from "zod";
import type { RuntimeError } from "../src/errors.ts";
import type {
  AttemptRef,
  Hello,
  ServerFrame,
  TaskAssign,
  Welcome,
} from "../src/protocol/worker-frames.ts";
import type { TaskLimits } from "./allowance.ts";
import { Capacity } from "./capacity.ts";
import { connect } from "./connection.ts";
import { HotCache } from "./hot-cache.ts";
import type { Middleware } from "./middleware.ts";
import { Monitor } from "./monitor.ts";
import { socketUrl, workerSettings, type StopOptions, type WorkerOptions } from "./options.ts";
import { refPages } from "./pages.ts";
import { RegisteredTasks } from "./registered-tasks.ts";
import { Results } from "./results.ts";
import { Self } from "./self.ts";
import { Slots } from "./slots.ts";
import {
  defineTask,
  isDefinedTask,
  type DefinedTask,
  type HandlerOf,
  type SharedTask,
  type TaskHandler,
  type TaskOptions,
} from "./task.ts";
import { onEndSignals } from "./end-signals.ts";
import { Uplinks, type Uplink } from "./uplinks.ts";
import { WaitingRoom } from "./waiting-room.ts";

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
  readonly log: Logger;
  readonly #settings: ReturnType<typeof workerSettings>;
  readonly #instanceId = randomUUID();
  readonly #tasks: RegisteredTasks;
  readonly #slots: Slots;
  readonly #outbox: Results;
  readonly #uplinks: Uplinks;
  readonly #capacity: Capacity;
  readonly #self: Self;
  readonly #hotCache: HotCache;
  readonly #monitor: Monitor;
  /** Of those who wait for work to end, or for the connection. */
  readonly #waiting = new WaitingRoom();
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #graceOver = false;
  #refused: RuntimeError | undefined;

  constructor(options: WorkerOptions) {
    const settings = workerSettings(options);
    const { id, clock, log } = settings;
    this.id = id;
    this.log = log;
    this.#settings = settings;
    this.#hotCache = new HotCache((frame) => this.#uplinks.announce("hot_cache", frame), log);
    this.#self = new Self(settings, this.#instanceId, this.#hotCache);
    this.#capacity = new Capacity({
      most: settings.maxConcurrentTasks,
      ask: settings.capacity,
      clock,
      log,
      onChange: () => this.#uplinks.divide(),
    });
    this.#tasks = new RegisteredTasks(settings);
    this.#monitor = new Monitor({ settings, now: () => this.#now() });
    this.#slots = new Slots({
      workerId: id,
      clock,
      log,
      hotCache: this.#hotCache,
      perform: (task, run) => this.#tasks.perform(task, run),
      onEnd: (type, ending, ms) => this.#monitor.ended(type, ending, ms),
      wire: {
        send: (ref, frame) => this.#uplinks.sendEncoded(ref, frame),
        server: (ref) => this.#uplinks.ownerOf(ref),
      },
      onProgress: (frame, ref) => this.#uplinks.sendEncoded(ref, frame),
      onResult: (ref, frame) => this.#outbox.add(ref, frame),
      onFree: () => this.#notify(),
    });
    this.#uplinks = new Uplinks({
      ...settings,
      mode: settings.orchestratorMode,
      connect,
      slots: () => this.#capacity.credits,
      hello: (uplink, credits) => this.#hello(uplink, credits),
      onWelcome: (uplink, welcome, lost) => this.#resume(uplink, welcome, lost),
      onFrame: (uplink, frame) => this.#take(uplink, frame),
      onBeat: (uplink, everyMs) => this.#beat(uplink, everyMs),
      onChange: () => this.#notify(),
      onRefused: (error) => {
        this.#refused = error;
        log.fatal({ err: error }, "the server refuses this worker");
        this.#notify();
      },
    });
    const instance = { worker_id: id, instance_id: this.#instanceId };
    this.#outbox = new Results({ ...settings, instance, uplinks: this.#uplinks, connect });
  }

  /**
   * Register a task handler for a type of task: by a shared definition, which types and checks it; by name; or what
   * `defineTask` returned. Register all before `start`.
   *
   * @throws RuntimeError `config.invalid` where the type has a task handler already, or is isolated and has no `module`.
   */
  task(task: DefinedTask): this;
  task<Task extends SharedTask>(task: Task, handler: HandlerOf<Task>, options?: TaskOptions): this;
  task<Params = Readonly<Record<string, unknown>>>(
    task: string,
    handler: TaskHandler<Params>,
    options?: TaskOptions,
  ): this;
  task(
    task: DefinedTask | SharedTask | string,
    handler?: TaskHandler<never>,
    limit?: TaskOptions,
  ): this {
    const defined = isDefinedTask(task)
      ? task
      : defineTask(task as string, handler as TaskHandler, limit);
    this.#tasks.add(defined);
    return this;
  }

  /**
   * Load task files anew, in the place of all tasks there are, in a thread of their own. What runs goes on as it was
   * loaded; what comes is done by the new files.
   *
   * @throws RuntimeError `worker.load_failed`; then nothing changes.
   */
  async reload(paths: readonly string[]): Promise<void> {
    // Servers learn of types at the beginning of a connection.
    if (await this.#tasks.reload(paths)) this.#uplinks.reconnect();
  }

  /** Run something around every task handler. Register all before `start`; the first registered is the outermost. */
  use(middleware: Middleware): this {
    this.#tasks.use(middleware);
    return this;
  }

  /**
   * Change how many tasks of some types, or pools of types, this worker takes at once; 0 pauses them. What runs goes on.
   *
   * @throws RangeError where a number is no count of tasks.
   */
  setLimits(limits: TaskLimits): void {
    this.#self.allowance.change(limits);
    this.#uplinks.announce("limits", { type: "credit", ...limits });
  }

  /** Change labels, by which tasks choose their workers: such as when a model has been loaded. */
  setLabels(set: Readonly<Record<string, string>>, unset: readonly string[] = []): void {
    this.#self.setLabels(set, unset);
    this.#uplinks.announce("labels", { type: "labels", set, unset });
  }

  /**
   * Use another token from now on: also over connections that are open, which stay so.
   * @param url the server that it is for, as it was given; all where absent
   * @throws RuntimeError `config.invalid` where it is none of this worker's.
   */
  setToken(token: string, url?: string): void {
    const address = url === undefined ? undefined : socketUrl(url);
    this.#uplinks.authenticate(token, address);
    this.#outbox.authenticate(token, address);
  }

  /** The port on which `/health`, `/ready` and `/metrics` are served; undefined where they are not. */
  get healthPort(): number | undefined {
    return this.#monitor.port;
  }

  /** Tell servers that something is loaded here (a model, a data set), for tasks that want it. */
  addToHotCache(name: string): void {
    this.#hotCache.add(name);
  }

  removeFromHotCache(name: string): void {
    this.#hotCache.remove(name);
  }

  /**
   * Connect. Resolves when the server has welcomed this worker, however long that takes.
   *
   * @throws RuntimeError `worker.refused` where the server does not want this worker.
   */
  start(): Promise<void> {
    this.#started ??= (async () => {
      await this.#monitor.start();
      await this.#outbox.open();
      await this.#capacity.start();
      if (this.#stopped === undefined) this.#uplinks.open();
      await this.#until(() => this.#uplinks.isOpen || this.#stopped !== undefined);
    })();
    return this.#started;
  }

  /**
   * Work until the process is told to end (SIGTERM, SIGINT) or `stop` is called. A first signal lets running
   * tasks finish, a second one gives them back at once. The process itself ends when nothing keeps it: a task handler
   * that ignores its signal does, until it is done.
   *
   * @throws RuntimeError `worker.refused` where the server does not want this worker.
   */
  async run(): Promise<void> {
    // Stopping can't fail, and what follows it waits for `#stopped` below.
    const ignore = onEndSignals((nth) => void this.stop(nth === 0 ? {} : { graceMs: 0 }));
    try {
      await this.start();
      await this.#until(() => this.#stopped !== undefined);
      await this.#stopped;
    } finally {
      ignore();
    }
  }

  /** Take no more tasks, finish what runs, give back what does not finish in time, and say goodbye. */
  stop({ graceMs = this.#settings.graceMs }: StopOptions = {}): Promise<void> {
    if (!this.#stopped) {
      this.log.info({ running: this.#slots.size, graceMs }, "worker stops");
      this.#stopped = this.#drain();
      this.#notify();
    }
    const grace = this.#settings.clock.schedule(graceMs, () => {
      this.#graceOver = true;
      this.#notify();
    });
    return this.#stopped.finally(() => grace.cancel());
  }

  async #drain(): Promise<void> {
    this.#capacity.stop();
    this.#uplinks.broadcast({ type: "drain" });
    await this.#until(() => this.#isIdle() || this.#graceOver || this.#refused !== undefined);
    for (const ref of this.#slots.refs()) {
      const release = { type: "release", ...ref, reason: "drain" };
      this.#uplinks.send({ ...release, ...this.#slots.unsaved(ref) });
      this.#slots.abandon(ref, "the worker stops");
    }
    await Promise.all([this.#uplinks.close("the worker stops"), this.#outbox.close()]);
    this.#tasks.close();
    await this.#monitor.stop();
    this.log.info("worker stopped");
  }

  #now() {
    return {
      slots: this.#capacity.credits,
      running: this.#slots.sizes(),
      resultsWaiting: this.#outbox.size,
      orchestrators: this.#uplinks.all.map(({ url, line }) => ({ url, isConnected: line.isOpen })),
      isStopping: this.#stopped !== undefined,
    };
  }

  #hello(uplink: Uplink, credits: number): z.input<typeof Hello> {
    const held = this.#uplinks.held(uplink, this.#slots.refs(), this.#outbox.refs());
    return this.#self.hello(this.#tasks.values(), {
      credits,
      running: [...held.running],
      outbox: [...held.outbox],
      draining: this.#stopped !== undefined,
    });
  }

  #take(uplink: Uplink, frame: ServerFrame): void {
    switch (frame.type) {
      case "task":
        this.#assign(uplink, frame);
        return;
      case "cancel":
        this.#slots.cancel(frame, frame.reason);
        return;
      case "result_ack":
        this.#outbox.acknowledged(frame);
        this.#uplinks.forget(frame);
        this.#notify();
        return;
      case "checkpoint_ack":
      case "event_ack":
      case "stream_credit":
        this.#slots.take(frame);
        return;
      case "heartbeat_ack":
        this.#forget(frame.lost);
        return;
      case "welcome":
      case "welcome_more":
      case "goaway":
      case "error":
        // The connection's own business.
        return;
    }
  }

  #assign(uplink: Uplink, assign: TaskAssign): void {
    const ref = { task_id: assign.task_id, attempt: assign.attempt };
    // Frames are idempotent: an attempt that is here already is neither run twice nor refused.
    if (this.#slots.runs(ref)) return this.#uplinks.send({ type: "accept", ...ref });
    if (this.#outbox.has(ref)) return this.#resend(uplink);
    const task = this.#tasks.get(assign.task_type);
    const reason = this.#whyNot(task);
    if (!task || reason) return uplink.line.send({ type: "reject", ...ref, reason });
    this.#uplinks.accept(ref, uplink);
    this.#slots.start(assign, task);
  }

  #whyNot(task: DefinedTask | undefined): "incompatible" | "draining" | "busy" | undefined {
    if (!task) return "incompatible";
    if (this.#stopped) return "draining";
    const isFull =
      this.#slots.size >= this.#settings.maxConcurrentTasks ||
      !this.#self.allowance.hasRoom(task, this.#tasks.values(), (types) =>
        this.#slots.sizeOf(types),
      );
    return isFull ? "busy" : undefined;
  }

  /** Take up a connection: the server has decided which attempts go on. */
  #resume(uplink: Uplink, welcome: Welcome, lost: Welcome["drop"]): void {
    for (const ref of lost) {
      this.#outbox.remove(ref);
      if (!this.#slots.runs(ref)) this.#uplinks.forget(ref);
    }
    this.#forget(lost);
    this.#slots.resume((ref) => this.#uplinks.ownerOf(ref) === uplink);
    this.#resend(uplink);
    const { session_id: session, keep, want } = welcome;
    const counts = { kept: keep.length, dropped: lost.length, wanted: want.length };
    this.log.info({ session, ...counts }, "connected");
    this.#notify();
  }

  #beat(uplink: Uplink, everyMs: number): void {
    // Results on their way count as running: their leases must not end before they have arrived.
    const running = [...this.#slots.refs(), ...this.#outbox.refs()].filter(
      (ref) => this.#uplinks.ownerOf(ref) === uplink,
    );
    const [first = [], ...more] = refPages(running);
    const load = uplink.load.take(uplink.lag.take());
    uplink.line.send({ type: "heartbeat", running: first, load });
    for (const page of more) uplink.line.send({ type: "heartbeat", running: page });
    this.#resend(uplink, 2 * everyMs);
  }

  /** Send again the results for a server that were last sent `olderMs` ago or earlier. */
  #resend(uplink: Uplink, olderMs = 0): void {
    this.#outbox.resend((ref) => this.#uplinks.ownerOf(ref) === uplink, olderMs);
  }

  /** These attempts belong to somebody else now, or to nobody. */
  #forget(lost: readonly (AttemptRef & { readonly reason: string })[]): void {
    // A result that is on its way is answered by its own acknowledgement: applied, the task is unknown, too.
    const held = lost.filter((ref) => this.#slots.runs(ref));
    for (const { reason, ...ref } of held) {
      this.#slots.abandon(ref, reason);
      this.#uplinks.forget(ref);
    }
    if (held.length === 0) return;
    this.log.warn({ lost: held }, "attempts are not this worker's any more");
    this.#notify();
  }

  /** Nothing runs whose result is wanted, and every result has arrived. */
  #isIdle(): boolean {
    return this.#outbox.size === 0 && this.#slots.refs().length === 0;
  }

  #notify(): void {
    this.#waiting.notify();
    this.#uplinks.leaveIdle();
  }

  /** Rejects where the server refuses this worker before the condition holds. */
  #until(condition: () => boolean): Promise<void> {
    return this.#waiting.until(condition, () => this.#refused);
  }
}
