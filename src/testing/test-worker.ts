// The worker of a test: takes the tasks of one type, and runs them in the slots that real workers have.
import type { Logger } from "pino";
import { Slots } from "../../worker/slots.ts";
import type { DefinedTask, TaskContext } from "../../worker/task.ts";
import type { Clock, TimerHandle } from "../clock.ts";
import { outcomeOf, taskFrame } from "../gateway/frames.ts";
import { Event, Progress, TaskResult, type AttemptRef } from "../protocol/worker-frames.ts";
import type { RuntimeLimits, WorkerService } from "../runtime/runtime.ts";
import type { Attempt, StoredTask, WorkerSession } from "../runtime/worker-pool.ts";

export interface TestWorkerOptions {
  readonly type: string;
  /** Does the task. */
  readonly task: DefinedTask;
  readonly workers: WorkerService;
  readonly clock: Clock;
  readonly limits: Pick<RuntimeLimits, "leaseMs">;
  readonly log: Logger;
  /** An attempt has begun. */
  readonly began: (task: StoredTask) => void;
}

/** Enough for any test. */
const credits = 10_000;

export class TestWorker implements WorkerSession {
  readonly holder: string;
  readonly workerId: string;
  readonly types: ReadonlyMap<string, undefined>;
  readonly #options: TestWorkerOptions;
  readonly #slots: Slots;
  /** Attempts that nobody hears of any more. */
  readonly #silent = new Set<string>();
  #heartbeat: TimerHandle | undefined;

  constructor(options: TestWorkerOptions) {
    this.#options = options;
    this.workerId = `test-${options.type}`;
    this.holder = `${this.workerId}:1`;
    this.types = new Map([[options.type, undefined]]);
    this.#slots = new Slots({
      workerId: this.workerId,
      clock: options.clock,
      log: options.log,
      // Of all that is told beside progress, events alone move a job.
      wire: {
        send: (_, frame) => this.#event(Event.parse(JSON.parse(frame))),
        server: () => ({ features: new Set(["event"]), windowBytes: Infinity }),
      },
      onProgress: (frame) => this.#progress(Progress.parse(JSON.parse(frame))),
      onResult: (_, frame) => this.#result(TaskResult.parse(JSON.parse(frame))),
      onFree: () => {},
    });
  }

  connect(): Promise<unknown> {
    return this.#options.workers.connect(this, {
      workerType: "test",
      credits,
      labels: {},
      resources: {},
      draining: false,
      running: [],
      outbox: [],
    });
  }

  push(task: StoredTask, leaseMs: number): void {
    const { workers, task: defined, began } = this.#options;
    workers.accept(this, task);
    began(task);
    const frame = JSON.parse(JSON.stringify(taskFrame(task, leaseMs))) as ReturnType<
      typeof taskFrame
    >;
    this.#slots.start(frame, defined);
    this.#beat();
  }

  cancel({ taskId, attempt }: Attempt, reason: string): void {
    this.#slots.cancel({ task_id: taskId, attempt }, reason);
  }

  /** Let nobody hear of an attempt any more. */
  silence({ taskId, attempt }: TaskContext): void {
    this.#silent.add(keyOf({ task_id: taskId, attempt }));
  }

  close(): void {
    this.#heartbeat?.cancel();
    for (const ref of this.#slots.refs()) this.#slots.abandon(ref, "the test is over");
  }

  #progress({ task_id, attempt, ratio, message, data }: Progress): void {
    this.#options.workers.progress(
      this,
      { taskId: task_id, attempt },
      {
        ...(ratio !== undefined && { ratio }),
        ...(message !== undefined && { message }),
        ...(data !== undefined && { data }),
      },
    );
  }

  #event({ task_id, attempt, number, event: type, data }: Event): void {
    const { workers, log } = this.#options;
    const about = { taskId: task_id, attempt };
    workers.event(this, about, { number, event: { ...data, type } }).then(
      (said) => this.#slots.take({ type: "event_ack", task_id, attempt, number, ...said }),
      (error: unknown) => log.error({ err: error, ...about }, "an event could not be taken"),
    );
  }

  #result(frame: TaskResult): void {
    const { workers, log } = this.#options;
    const attempt = { taskId: frame.task_id, attempt: frame.attempt };
    workers.result(this, attempt, outcomeOf(frame)).catch((error: unknown) => {
      log.error({ err: error, ...attempt }, "a result could not be taken");
    });
  }

  /** Renew the leases of what runs, as workers do. */
  #beat(): void {
    const { clock, limits, workers, log } = this.#options;
    this.#heartbeat ??= clock.schedule(limits.leaseMs / 3, () => {
      this.#heartbeat = undefined;
      const running = this.#slots.refs().filter((ref) => !this.#silent.has(keyOf(ref)));
      if (running.length === 0) return;
      const attempts = running.map(({ task_id, attempt }) => ({ taskId: task_id, attempt }));
      workers.heartbeat(this, attempts).then(
        (lost) => {
          for (const { taskId, attempt } of lost)
            this.#slots.abandon({ task_id: taskId, attempt }, "the lease is lost");
        },
        (error: unknown) => log.error({ err: error }, "a heartbeat could not be taken"),
      );
      this.#beat();
    });
  }
}

const keyOf = ({ task_id, attempt }: AttemptRef): string => `${task_id} ${attempt}`;
