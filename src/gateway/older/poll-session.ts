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
import { ProgressRelay } from "../progress-relay.ts";
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

/** An attempt that was given away and has not come back. */
interface Held extends Attempt {
  readonly jobId: string;
  /** The address that asked for it. */
  readonly source: string;
  cancelled: boolean;
  /** Its worker counts to 100. */
  inPercent: boolean;
}

export class PollSession implements WorkerSession {
  readonly workerId: string;
  readonly holder: string;
  readonly leaseMs: number;
  readonly types = new Map<string, number | undefined>();
  readonly #parts: PollSessionParts;
  readonly #progress: ProgressRelay;
  readonly #waiting: Waiting[] = [];
  /** By the id that the worker knows. */
  readonly #held = new Map<string, Held>();
  /** Taking the session in, and again with other types: one after the other. */
  #joining: Promise<void> = Promise.resolve();
  #credits = 0;

  constructor(workerId: string, parts: PollSessionParts) {
    const { clock, limits, workers } = parts;
    this.workerId = workerId;
    // The slash keeps it apart from the holders of other sessions, whose ids have none.
    this.holder = `poll/${workerId}`;
    this.leaseMs = limits.olderLeaseMs;
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

  /** Introduce the worker to the runtime, also again once it offers types that it did not offer before. */
  join(types: readonly string[], credits: number, description: WorkerDescription): Promise<void> {
    this.#credits = credits;
    for (const type of types) this.types.set(type, undefined);
    const joined = this.#joining
      .catch(() => undefined)
      .then(async () => {
        const running = [...this.#held.values()].map(({ taskId, attempt }) => ({
          taskId,
          attempt,
        }));
        const { drop } = await this.#parts.workers.connect(this, {
          ...description,
          credits,
          draining: false,
          running,
          outbox: [],
        });
        this.#drop(drop);
      });
    this.#joining = joined;
    return joined;
  }

  /** Resolves when the runtime knows of the session as it last introduced itself. */
  joined(): Promise<void> {
    return this.#joining;
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
    this.#lookForTasks();
    return { given, withdraw };
  }

  push(task: StoredTask): void {
    const { taskId, attempt, jobId } = task;
    const waiting = this.#waiting.shift();
    if (!waiting) {
      // Whoever asked has gone while the lease was being written.
      void this.giveBack({ taskId, attempt }, 0);
      return;
    }
    const { source } = waiting;
    const held = { taskId, attempt, jobId, source, cancelled: false, inPercent: false };
    this.#held.set(wireIdOf(task), held);
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
    const { workers, limits } = this.#parts;
    if (outcome.outcome === "cancelled") {
      // Python workers say so of everything that they run when they are interrupted.
      this.#forget(attempt);
      await workers.release(this, attempt, limits.givenUpMs);
      return { status: "applied" };
    }
    this.#progress.finish(attempt);
    const status = await workers.result(this, attempt, outcome);
    this.#forget(attempt);
    return status;
  }

  /**
   * The process at this address lives. Its leases are extended where it runs as many tasks as it was given: one
   * that says it runs fewer may have lost some, and then nobody can tell which.
   *
   * @param load How many tasks it says it runs; undefined where it does not say.
   * @returns the tasks that it should stop, by the ids that it knows.
   */
  async beat(source: string, load: number | undefined): Promise<readonly string[]> {
    const held = [...this.#held].filter(([, one]) => one.source === source);
    // A command that overtook its task found nothing to stop: say it again.
    const cancelled = held.filter(([, one]) => one.cancelled);
    for (const [, one] of cancelled) this.#tellToStop(one, one.jobId);
    const vouched = load === undefined || load >= held.length ? held : [];
    const attempts = vouched.map(([, { taskId, attempt }]) => ({ taskId, attempt }));
    const lost = await this.#parts.workers.heartbeat(this, attempts);
    this.#drop(lost);
    return [...new Set([...cancelled.map(([wireId]) => wireId), ...lost.map(wireIdOf)])];
  }

  /** Whether this worker was given the task and has not answered. */
  holds(wireId: string): boolean {
    return this.#held.has(wireId);
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
    if (held) held.cancelled = true;
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

  #forget(attempt: Attempt): void {
    this.#progress.finish({ taskId: attempt.taskId, attempt: attempt.attempt });
    this.#held.delete(wireIdOf(attempt));
  }
}

function ratioOf(progress: number, inPercent: boolean): number {
  return Math.min(1, inPercent ? progress / 100 : progress);
}
