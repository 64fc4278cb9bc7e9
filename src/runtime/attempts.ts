// How attempts end: by a result, an error, a release, silence, or a lost worker. Every way is fenced by the attempt.
import type { Failure } from "../actor/envelope.ts";
import type { Logger } from "../logger.ts";
import type { StoredTask } from "../store/records.ts";
import { shardOf } from "../store/shard.ts";
import type { Attempt, Requeue, Store } from "../store/store.ts";
import { backoffMs } from "./backoff.ts";
import type { AttemptOutcome, ResultStatus } from "./runtime.ts";
import type { TurnRunner } from "./turn-runner.ts";

export interface AttemptsOptions {
  readonly store: Store;
  readonly turns: TurnRunner;
  readonly log: Logger;
  /** A number from 0 up to 1, for jitter. */
  readonly random: () => number;
  /** How many workers a task may take down before it is given to no other. */
  readonly lossesMax: number;
  /** A worker has let its lease end without a word. */
  readonly lostWorker: (workerId: string) => void;
  /** A task will be ready again at this store time; 0 stands for now. */
  readonly requeued: (task: StoredTask, at: number) => void;
}

/** Errors that another attempt would only repeat. */
const finalCodes: ReadonlySet<string> = new Set([
  "PERMANENT_ERROR",
  "INVALID_INPUT_ERROR",
  "CONTRACT_VIOLATION_ERROR",
  "TOTAL_TIMEOUT",
]);

/** Which job and child an attempt belongs to. */
export interface Assignment extends Attempt {
  readonly jobId: string;
  readonly child: string;
  /** The task's type. */
  readonly type: string;
}

export class Attempts {
  readonly #options: AttemptsOptions;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Take the outcome of an attempt. Resolves when what follows from it is durable. */
  async end(assignment: Assignment, outcome: AttemptOutcome): Promise<ResultStatus> {
    const { jobId, child, taskId, attempt } = assignment;
    switch (outcome.outcome) {
      case "ok": {
        const { output, status } = outcome;
        const mail = {
          kind: "result",
          attempt: { taskId, attempt },
          child,
          taskType: assignment.type,
          output,
          status,
        } as const;
        return answer(await this.#options.turns.deliver(jobId, mail));
      }
      case "error":
        return this.#failed(assignment, outcome.error, {
          settle: true,
          retryAfterMs: outcome.retryAfterMs,
        });
      case "cancelled":
        // Nobody asked for it, or the task would be gone: the worker was stopped. Not the task's fault.
        return (await this.giveBack(assignment, 0)) ? { status: "applied" } : { status: "fenced" };
    }
  }

  /** Queue an attempt's task again without using up a retry. */
  async giveBack({ taskId, attempt }: Attempt, delayMs: number): Promise<boolean> {
    const task = await this.#options.store.loadTask(taskId);
    if (!task) return false;
    return this.#requeue(task, { attempt, delayMs, settle: true, counts: false });
  }

  /** The lease of this task has ended without a word from its worker. Nothing happens where it was renewed meanwhile. */
  async lost({ lease, ...task }: StoredTask): Promise<void> {
    if (lease) this.#options.lostWorker(lease.workerId);
    const message = `The worker ${lease?.workerId} stopped renewing its lease.`;
    await this.#failed(task, { code: "WORKER_LOST", message }, { settle: false, lapsed: true });
  }

  /** The task has waited for a worker longer than it may. */
  async overdue(task: StoredTask): Promise<void> {
    const { taskId, jobId, child, since, queueTimeoutMs = Infinity } = task;
    const isQueue = since + queueTimeoutMs <= this.#options.store.now(shardOf(jobId));
    const message = `No worker took the task within ${queueTimeoutMs} ms.`;
    const error = isQueue ? { code: "QUEUE_TIMEOUT", message } : totalTimeout(task, task.lastError);
    await this.#options.turns.deliver(jobId, { kind: "failure", taskId, child, error });
  }

  /** @param how `settle` is false where the worker may still come back with a result that nobody has begun to replace */
  async #failed(
    { taskId, attempt, jobId, child }: Assignment,
    error: Failure,
    how: {
      readonly settle: boolean;
      readonly lapsed?: true;
      readonly retryAfterMs?: number | undefined;
    },
  ): Promise<ResultStatus> {
    const { settle, lapsed = false, retryAfterMs } = how;
    const { store, turns, random, log } = this.#options;
    const task = await store.loadTask(taskId);
    if (!task) return { status: "unknown" };
    // Lost workers are counted by themselves: they say little of the work, and that they are lost again and again a lot.
    const count = 1 + (lapsed ? task.losses : task.failures);
    const delayMs = retryAfterMs ?? backoffMs(task.retry, count, random());
    const last = this.#lastError(task, error, { lapsed, count, delayMs });
    if (last) {
      log.info({ jobId, taskId, attempt, code: last.code }, "task failed for good");
      const mail = { kind: "failure", taskId, attempt, child, error: last, lapsed } as const;
      return answer(await turns.deliver(jobId, mail));
    }
    log.info({ jobId, taskId, attempt, code: error.code, delayMs }, "task will be tried again");
    const requeued = await this.#requeue(task, {
      attempt,
      delayMs,
      settle,
      counts: true,
      ...(lapsed && { lapsed }),
      error,
    });
    return { status: requeued ? "applied" : "fenced" };
  }

  /** What the task fails with for good; undefined where it is tried again. */
  #lastError(
    task: StoredTask,
    error: Failure,
    { lapsed, count, delayMs }: { lapsed: boolean; count: number; delayMs: number },
  ): Failure | undefined {
    const { store, lossesMax } = this.#options;
    if (finalCodes.has(error.code)) return error;
    if (lapsed) {
      if (count >= lossesMax) return poison(count, error);
    } else if (count >= task.retry.maxAttempts) return error;
    const { createdAt, totalTimeoutMs = Infinity } = task;
    const isTooLate = createdAt + totalTimeoutMs <= store.now(shardOf(task.jobId)) + delayMs;
    return isTooLate ? totalTimeout(task, error) : undefined;
  }

  async #requeue(task: StoredTask, how: Omit<Requeue, "taskId">): Promise<boolean> {
    const { store, requeued } = this.#options;
    const { taskId, jobId } = task;
    const outcome = await store.requeueTask({ taskId, ...how });
    if (outcome === "fenced") return false;
    requeued(task, how.delayMs > 0 ? store.now(shardOf(jobId)) + how.delayMs : 0);
    return true;
  }
}

/** A task that takes its workers with it must not have them all. */
function poison(losses: number, last: Failure): Failure {
  return {
    code: "POISON_TASK",
    message: `The task was lost with its worker ${losses} times, so it is given to no other. ${last.message}`,
  };
}

export function totalTimeout(
  { totalTimeoutMs }: Pick<StoredTask, "totalTimeoutMs">,
  last?: Failure,
): Failure {
  const before = last ? ` Its last attempt: ${last.message}` : "";
  return {
    code: "TOTAL_TIMEOUT",
    message: `The task was not done within ${totalTimeoutMs} ms in all.${before}`,
  };
}

function answer(delivery: Awaited<ReturnType<TurnRunner["deliver"]>>): ResultStatus {
  switch (delivery.outcome) {
    case "stepped":
      return { status: "applied", ...(delivery.code !== undefined && { code: delivery.code }) };
    // Only an event is.
    case "refused":
    case "ignored":
      return { status: "fenced" };
    case "unknown":
      return { status: "unknown" };
  }
}
