// A worker session that does nothing by itself: tests look at what it was given and answer in its name.
import type {
  AttemptOutcome,
  WorkerIntroduction,
  WorkerService,
} from "../../src/runtime/runtime.ts";
import type { StoredTask } from "../../src/store/records.ts";
import type { Attempt } from "../../src/store/store.ts";
import type { WorkerSession } from "../../src/runtime/worker-pool.ts";

export class ScriptedWorker implements WorkerSession {
  readonly holder: string;
  readonly workerId: string;
  readonly types: ReadonlyMap<string, number | undefined>;
  /** What it says of itself when it connects. */
  readonly #says: Partial<WorkerIntroduction>;
  readonly tasks: StoredTask[] = [];
  readonly cancelled: { attempt: Attempt; reason: string }[] = [];
  readonly #workers: WorkerService;

  constructor(
    workers: WorkerService,
    workerId: string,
    types: readonly string[],
    says: Partial<WorkerIntroduction> = {},
  ) {
    this.#says = says;
    this.#workers = workers;
    this.workerId = workerId;
    this.holder = `${workerId}:1`;
    this.types = new Map(types.map((type) => [type, undefined]));
  }

  connect(credits = 10, running: readonly Attempt[] = []) {
    return this.#workers.connect(this, {
      workerType: "scripted",
      credits,
      labels: {},
      resources: {},
      draining: false,
      running,
      outbox: [],
      ...this.#says,
    });
  }

  push(task: StoredTask): void {
    this.tasks.push(task);
  }
  cancel(attempt: Attempt, reason: string): void {
    this.cancelled.push({ attempt, reason });
  }

  /** Accept the newest task, as a real worker does at once. */
  accept(): StoredTask {
    const task = this.tasks.at(-1)!;
    this.#workers.accept(this, task);
    return task;
  }

  answer(task: StoredTask, outcome: AttemptOutcome) {
    return this.#workers.result(this, { taskId: task.taskId, attempt: task.attempt }, outcome);
  }
  succeed(task: StoredTask, output: unknown = {}) {
    return this.answer(task, { outcome: "ok", output, status: "success" });
  }
  fail(task: StoredTask, code = "TRANSIENT_ERROR", message = "it failed") {
    return this.answer(task, { outcome: "error", error: { code, message } });
  }
}
