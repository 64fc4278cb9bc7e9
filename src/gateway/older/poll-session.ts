// One worker id of the older dialect: gives tasks to the polls that ask for them, however many processes share the id.
import type { Clock, TimerHandle } from "../../clock.ts";
import type { Logger } from "../../logger.ts";
import type { OlderCommand, OlderProgress } from "../../protocol/older-dialect.ts";
import type {
  LostAttempt,
  ResultStatus,
  TaskProgress,
  WorkerDescription,
  WorkerService,
} from "../../runtime/runtime.ts";
import type { Attempt, StoredTask, WorkerSession } from "../../runtime/worker-pool.ts";
import { askingHolder } from "../../runtime/worker-pool.ts";
import { ProgressRelay } from "../progress-relay.ts";
import { Holdings } from "./holdings.ts";
import type { OlderOutcome } from "./result.ts";
import { attemptOfWireId, wireIdOf } from "./wire-id.ts";

export interface PollSessionLimits {
  /** How long a lease lasts: handlers of this dialect may hold up their own heartbeats. */
  readonly olderLeaseMs: number;
  /** The least time between two reports of one attempt's progress. */
  readonly progressMs: number;
  /** How long a task stays away from workers whose last one gave it up because it was stopped. */
  readonly givenUpMs: number;
}

export interface PollSessionParts {
  readonly workers: WorkerService;
  readonly clock: Clock;
  readonly limits: PollSessionLimits;
  readonly log: Logger;
  /** Say something to the worker over its WebSockets, where it has any. */
  readonly tell: (workerId: string, command: OlderCommand) => void;
  /** A worker has answered an attempt that another node gave it, or a former life of this one. */
  readonly answeredHere: (workerId: string, attempt: Attempt) => void;
}

/** A request that waits for a task. */
export interface Poll {
  /** Resolves with a task, or with undefined once nothing will come of it. */
  readonly given: Promise<StoredTask | undefined>;
  /** Take no task for this request any more. */
  readonly withdraw: () => void;
}

interface Waiting {
  readonly source: string;
  readonly give: (task: StoredTask | undefined) => void;
}

export class PollSession implements WorkerSession {
  readonly workerId: string;
  readonly holder: string;
  readonly leaseMs: number;
  readonly types = new Map<string, number | undefined>();
  readonly #parts: PollSessionParts;
  readonly #progress: ProgressRelay;
  readonly #waiting: Waiting[] = [];
  readonly #held: Holdings;
  /** What it was told to stop though this node does not know that it has it, by the id that it knows; and for how long. */
  readonly #strays = new Map<string, { readonly attempt: Attempt; readonly until: number }>();
  /** Taking the session in. */
  #joining: Promise<void> | undefined;
  #credits = 0;

  constructor(workerId: string, parts: PollSessionParts) {
    const { clock, limits, workers } = parts;
    this.workerId = workerId;
    this.holder = askingHolder(workerId);
    this.leaseMs = limits.olderLeaseMs;
    this.#held = new Holdings(this.leaseMs);
    this.#parts = parts;
    this.#progress = new ProgressRelay(clock, limits.progressMs, (attempt, progress) =>
      workers.progress(this, attempt, progress),
    );
  }

  /** How many tasks are asked for now. */
  get asking(): number {
    return this.#waiting.length;
  }

  /** How many attempts are out. */
  get heldSize(): number {
    return this.#held.size;
  }

  /** Introduce the worker to the runtime. */
  async join(
    types: readonly string[],
    credits: number,
    description: WorkerDescription,
  ): Promise<void> {
    this.#credits = credits;
    for (const type of types) this.types.set(type, undefined);
    // What it runs comes to light as it beats: no worker of this dialect tells it.
    const idle = { credits, draining: false, running: [], outbox: [] };
    this.#joining = this.#parts.workers.connect(this, { ...description, ...idle }).then(() => {});
    await this.#joining;
  }

  /** The worker describes itself anew, perhaps with types that it did not offer before. */
  describe(types: readonly string[], credits: number, description: WorkerDescription): void {
    this.#credits = credits;
    for (const type of types) if (!this.types.has(type)) this.types.set(type, undefined);
    this.#parts.workers.describe(this, description);
  }

  /** Resolves when the runtime knows of the session. */
  async joined(): Promise<void> {
    await this.#joining;
  }

  /** Of the types that are known, the worker takes these now. A busy worker names none, and does not ask either. */
  offer(types: readonly string[]): void {
    if (types.length === 0) return;
    const offered = new Set(types);
    for (const type of this.types.keys()) this.types.set(type, offered.has(type) ? undefined : 0);
    this.#lookForTasks();
  }

  /** Ask for a task, `waitMs` at most. */
  ask(source: string, waitMs: number): Poll {
    let waiting: Waiting | undefined;
    let timer: TimerHandle | undefined;
    const given = new Promise<StoredTask | undefined>((resolve) => {
      waiting = {
        source,
        give: (task) => {
          timer?.cancel();
          resolve(task);
        },
      };
    });
    const withdraw = (): void => {
      const at = this.#waiting.indexOf(waiting!);
      if (at >= 0) this.#waiting.splice(at, 1);
      waiting!.give(undefined);
    };
    this.#waiting.push(waiting!);
    timer = this.#parts.clock.schedule(waitMs, withdraw);
    for (const attempt of this.#strayed()) this.#tellToStop(attempt, undefined);
    this.#lookForTasks();
    return { given, withdraw };
  }

  push(task: StoredTask): void {
    const { taskId, attempt } = task;
    const waiting = this.#waiting.shift();
    if (!waiting) {
      // Whoever asked has gone while the lease was being written.
      void this.giveBack({ taskId, attempt }, 0);
      return;
    }
    this.#held.add(task, waiting.source, this.#parts.clock.monotonic());
    waiting.give(task);
  }

  /** The answer with this task has gone out. */
  delivered({ taskId, attempt }: Attempt): void {
    this.#parts.workers.accept(this, { taskId, attempt });
  }

  /** The attempt is not run here: queue its task again. */
  async giveBack(attempt: Attempt, delayMs: number): Promise<void> {
    const { taskId, attempt: number } = attempt;
    this.#forget(attempt);
    try {
      await this.#parts.workers.release(this, { taskId, attempt: number }, delayMs);
    } catch (error) {
      // Its lease will end by itself.
      this.#parts.log.error({ err: error, taskId }, "an attempt could not be taken back");
    }
  }

  /** Take a result. Resolves when what follows from it is durable. */
  async take(wireId: string, outcome: OlderOutcome): Promise<ResultStatus> {
    const attempt = attemptOfWireId(wireId);
    const isOwn = this.#held.get(wireId)?.isGuessed === false;
    const status = await this.#takeResult(attempt, outcome);
    if (!isOwn) this.#parts.answeredHere(this.workerId, attempt);
    return status;
  }

  async #takeResult(attempt: Attempt, outcome: OlderOutcome): Promise<ResultStatus> {
    const { workers, limits } = this.#parts;
    if (outcome.outcome === "cancelled") {
      // Python workers say so of everything that they run when they are interrupted.
      this.#forget(attempt);
      const isOurs = await workers.release(this, attempt, limits.givenUpMs);
      return { status: isOurs ? "applied" : "fenced" };
    }
    this.#progress.finish(attempt);
    const status = await workers.result(this, attempt, outcome);
    this.#forget(attempt);
    return status;
  }

  /** An attempt that was given here has been answered at another node. */
  answeredElsewhere(attempt: Attempt): void {
    this.#forget(attempt);
    this.#parts.workers.forget(this, attempt);
  }

  /**
   * The process at this address lives. Its leases are extended where it runs as many tasks as it was given: one
   * that says it runs fewer may have lost some, and then nobody can tell which.
   *
   * @param load How many tasks it says it runs; undefined where it does not say.
   * @returns the tasks that it should stop, by the ids that it knows.
   */
  async beat(source: string, load: number | undefined): Promise<readonly string[]> {
    const { workers, clock } = this.#parts;
    this.#held.beat(source, load, clock.monotonic());
    const cancelled = this.#held.of(source).filter((one) => one.cancelled);
    // A command that overtook its task found nothing to stop: say it again.
    for (const one of cancelled) this.#tellToStop(one, one.jobId);
    const strayed = this.#strayed();
    for (const one of strayed) this.#tellToStop(one, undefined);
    const doubtful = this.#held.doubtful(source, clock.monotonic());
    if (doubtful.length > 0)
      for (const one of await workers.recheck(this, doubtful)) this.#forget(one);
    const lost = await workers.heartbeat(this, this.#held.vouched(source, clock.monotonic()));
    this.#drop(lost);
    return [...new Set([...cancelled, ...strayed, ...lost].map(wireIdOf))];
  }

  takeUp(task: StoredTask): boolean {
    return this.#held.guess(task, this.#parts.clock.monotonic());
  }

  /** Whether this worker was given the task and has not answered. */
  holds(wireId: string): boolean {
    return this.#held.get(wireId) !== undefined;
  }

  /** The worker reports how far it is. */
  report({ task_id, progress, message }: OlderProgress): void {
    const held = this.#held.get(task_id);
    // What a former life of this server gave away may be reported, too: the runtime knows whose it is.
    const attempt = held ?? attemptOfWireId(task_id);
    if (held && progress !== undefined && progress > 1) held.inPercent = true;
    const ratio = progress === undefined ? undefined : ratioOf(progress, held?.inPercent ?? false);
    this.#progress.report({ taskId: attempt.taskId, attempt: attempt.attempt }, {
      ...(ratio !== undefined && { ratio }),
      ...(message !== undefined && message !== "" && { message: message.slice(0, 1024) }),
    } satisfies TaskProgress);
  }

  cancel(attempt: Attempt): void {
    const held = this.#held.get(wireIdOf(attempt));
    const until = this.#parts.clock.monotonic() + this.leaseMs;
    if (held) held.cancelled = true;
    else this.#strays.set(wireIdOf(attempt), { attempt, until });
    this.#tellToStop(attempt, held?.jobId);
  }

  /** Nobody is there any more, or the server stops: answer who waits, and leave the pool. */
  end(): void {
    for (const { give } of this.#waiting.splice(0)) give(undefined);
    this.#progress.clear();
    this.#parts.workers.disconnect(this);
  }

  /** Setting the credits is what makes the runtime look for tasks; how many it may give is said by `asking`. */
  #lookForTasks(): void {
    if (this.asking > 0) this.#parts.workers.setCredits(this, this.#credits);
  }

  #drop(lost: readonly LostAttempt[]): void {
    for (const attempt of lost) {
      const held = this.#held.get(wireIdOf(attempt));
      this.#forget(attempt);
      this.#tellToStop(attempt, held?.jobId);
    }
  }

  #tellToStop(attempt: Attempt, jobId: string | undefined): void {
    this.#parts.tell(this.workerId, {
      type: "cancel_task",
      command: "cancel_task",
      task_id: wireIdOf(attempt),
      job_id: jobId ?? attempt.taskId.split(":", 1)[0]!,
    });
  }

  #strayed(): readonly Attempt[] {
    const now = this.#parts.clock.monotonic();
    for (const [wireId, { until }] of this.#strays) if (until <= now) this.#strays.delete(wireId);
    return [...this.#strays.values()].map(({ attempt }) => attempt);
  }

  #forget(attempt: Attempt): void {
    this.#strays.delete(wireIdOf(attempt));
    this.#progress.finish({ taskId: attempt.taskId, attempt: attempt.attempt });
    this.#held.delete(attempt);
  }
}

function ratioOf(progress: number, inPercent: boolean): number {
  return Math.min(1, inPercent ? progress / 100 : progress);
}
