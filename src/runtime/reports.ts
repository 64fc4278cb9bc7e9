// What workers tell of attempts that run: passed on to those who watch, to the machine, and where it must last, to the store.
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { shardOf } from "../store/shard.ts";
import type { Attempt, Extension, ExtensionResult, Store } from "../store/store.ts";
import { Checkpoints, type CheckpointStatus } from "./checkpoints.ts";
import type { Followers } from "./followers.ts";
import type { JobEvents } from "./job-events.ts";
import { isReservedEvent } from "./internal-event.ts";
import type {
  LogLine,
  RuntimeLimits,
  StreamChunk,
  TaskEvent,
  TaskEventStatus,
  TaskProgress,
} from "./runtime.ts";
import type { StreamTails } from "./stream-tails.ts";
import type { Delivery, TurnRunner } from "./turn-runner.ts";
import type { Running, WorkerPool, WorkerSession } from "./worker-pool.ts";

/** A machine that listens hears of one task's progress at most so often: each time is a turn, and so a write. */
const tellMs = 1_000;

export interface ReportsOptions {
  readonly store: Store;
  readonly pool: WorkerPool;
  readonly turns: TurnRunner;
  readonly events: JobEvents;
  readonly followers: Followers;
  readonly tails: StreamTails;
  readonly clock: Clock;
  readonly limits: RuntimeLimits;
  readonly log: Logger;
  readonly leased: (taskId: string, until: number) => void;
}

export class Reports {
  readonly #options: ReportsOptions;
  readonly #checkpoints: Checkpoints;
  /** Tasks whose machine has been told of progress within the last interval, and what to tell it next. */
  readonly #telling = new Map<string, { latest?: TaskProgress }>();

  constructor(options: ReportsOptions) {
    this.#options = options;
    const { clock } = options;
    this.#checkpoints = new Checkpoints({ clock, write: (one) => this.#write(one) });
  }

  progress(session: WorkerSession, attempt: Attempt, progress: TaskProgress): boolean {
    const running = this.#runningOf(session, attempt);
    if (!running) return false;
    running.progress = progress;
    if (this.#isWatched(running)) this.#publish({ type: "progress", ...about(running), progress });
    if (running.wantsProgress) this.#tell(running, progress);
    return true;
  }

  log(session: WorkerSession, attempt: Attempt, line: LogLine): boolean {
    const running = this.#runningOf(session, attempt);
    if (!running) return false;
    if (this.#isWatched(running)) this.#publish({ type: "log", ...about(running), line });
    return true;
  }

  chunk(session: WorkerSession, attempt: Attempt, chunk: StreamChunk): boolean {
    const { tails, events, followers } = this.#options;
    const running = this.#runningOf(session, attempt);
    if (!running) return false;
    const event = { type: "chunk", ...about(running), chunk } as const;
    // Kept although nobody may watch yet: whoever comes later reads the tail.
    if (tails.take(event)) {
      events.streamed(running.jobId);
      followers.tell(event);
    }
    return true;
  }

  async checkpoint(
    session: WorkerSession,
    attempt: Attempt,
    data: unknown,
  ): Promise<CheckpointStatus> {
    if (!this.#runningOf(session, attempt)) return "fenced";
    return this.#checkpoints.save(this.#checkpointed(session, attempt, data));
  }

  /** Only the holder of the attempt is heard: its lease is extended first, as by a checkpoint. */
  async event(
    session: WorkerSession,
    attempt: Attempt,
    { number, event }: TaskEvent,
  ): Promise<TaskEventStatus> {
    const running = this.#runningOf(session, attempt);
    if (!running) return { status: "fenced" };
    if (isReservedEvent(event.type)) return { status: "refused", code: "event.reserved" };
    const held = await this.#write(this.#extension(session, attempt));
    if (held !== "kept") return { status: held };
    const { jobId, child } = running;
    const { taskId } = attempt;
    const mail = {
      kind: "task_event",
      attempt: { taskId, attempt: attempt.attempt },
      child,
      number,
      event,
    } as const;
    return eventStatus(await this.#options.turns.deliver(jobId, mail));
  }

  /** The attempt is given back: what it leaves to the next one is stored before that can begin. */
  async handOver(session: WorkerSession, attempt: Attempt, checkpoint: unknown): Promise<void> {
    this.#checkpoints.drop(attempt);
    await this.#write(this.#checkpointed(session, attempt, checkpoint));
  }

  /** An attempt ends, and another one may follow: store what is held back of it. */
  flush(attempt: Attempt): Promise<void> {
    return this.#checkpoints.flush(attempt);
  }

  /** A task is over. */
  drop(attempt: Attempt): void {
    this.#checkpoints.drop(attempt);
  }

  stop(): Promise<void> {
    return this.#checkpoints.stop();
  }

  /** Nobody wants to hear of an attempt that a later one has followed. */
  #runningOf(session: WorkerSession, attempt: Attempt): Running | undefined {
    const { pool } = this.#options;
    const running = pool.running(session, attempt);
    return running && pool.latest(attempt.taskId)?.running === running ? running : undefined;
  }

  /** Making an event for nobody is work for nothing. */
  #isWatched({ jobId }: Running): boolean {
    return this.#options.events.isFollowed(jobId) || this.#options.followers.has(jobId);
  }

  #publish(event: Parameters<JobEvents["publish"]>[0]): void {
    this.#options.events.publish(event);
    this.#options.followers.tell(event);
  }

  #extension(session: WorkerSession, { taskId, attempt }: Attempt): Extension {
    const { holder, workerId, leaseMs = this.#options.limits.leaseMs } = session;
    return { taskId, attempt, holder, workerId, leaseMs };
  }

  #checkpointed(session: WorkerSession, attempt: Attempt, data: unknown): Extension {
    return { ...this.#extension(session, attempt), checkpoint: data ?? null };
  }

  /** A worker that says where it is lives, so its lease is extended by the same write. */
  async #write(extension: Extension): Promise<ExtensionResult> {
    const { store, leased } = this.#options;
    const { taskId, leaseMs } = extension;
    const [result = "unknown"] = await store.extendLeases([extension]);
    if (result === "kept") leased(taskId, store.now(shardOf(taskId)) + leaseMs);
    return result;
  }

  /** Give the machine the latest progress: one turn per task and interval, skipping what is overtaken meanwhile. */
  #tell({ jobId, child, taskId, ...running }: Running, progress: TaskProgress): void {
    const telling = this.#telling.get(taskId);
    if (telling) {
      telling.latest = progress;
      return;
    }
    const { turns, clock, log } = this.#options;
    const mine: { latest?: TaskProgress } = {};
    this.#telling.set(taskId, mine);
    const told = turns
      .deliver(jobId, { kind: "progress", taskId, child, data: progress.data })
      .catch((error: unknown) => {
        log.warn({ err: error, jobId, taskId }, "telling a job of progress failed");
      });
    clock.schedule(tellMs, () => {
      void told.then(() => {
        this.#telling.delete(taskId);
        if (mine.latest) this.#tell({ jobId, child, taskId, ...running }, mine.latest);
      });
    });
  }
}

function about({ jobId, taskId, child, type, attempt }: Running) {
  return { jobId, taskId, child, taskType: type, attempt };
}

/** One that was taken before has been answered, though perhaps not heard. */
function eventStatus(delivery: Delivery): TaskEventStatus {
  switch (delivery.outcome) {
    case "stepped":
      return { status: "accepted" };
    case "refused":
      return { status: "refused", code: "event.invalid" };
    case "unknown":
      return { status: "unknown" };
    case "ignored":
      switch (delivery.reason) {
        case "repeated":
          return { status: "accepted" };
        case "unhandled":
          return { status: "ignored" };
        case "full":
          return { status: "refused", code: "job.too_many_deferred" };
        case "early":
        case "fenced":
        case "finished":
          return { status: "fenced" };
      }
  }
}
