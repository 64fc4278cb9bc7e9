// Runs the promises of native machines on this node, as a worker would: under a lease, after the commit.
import type { Clock, TimerHandle } from "../clock.ts";
import { actorKind } from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import { promiseScope } from "../blueprint/promise-scope.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import type { Logger } from "../logger.ts";
import type { StoredTask } from "../store/records.ts";
import type { Attempt } from "../store/store.ts";
import { asStored } from "./in-turn.ts";
import { localQueue, type LocalParams } from "./local-task.ts";
import type {
  AttemptOutcome,
  RuntimeLimits,
  WorkerIntroduction,
  WorkerService,
} from "./runtime.ts";
import { attemptKey, nodeHolder, type WorkerSession } from "./worker-pool.ts";

export interface LocalWorkerOptions {
  readonly nodeId: string;
  readonly blueprints: BlueprintRegistry;
  readonly workers: WorkerService;
  readonly clock: Clock;
  readonly limits: RuntimeLimits;
  readonly log: Logger;
  /** The most promises at once. */
  readonly credits: number;
}

export class LocalWorker implements WorkerSession {
  readonly holder: string;
  readonly workerId: string;
  readonly types: ReadonlyMap<string, undefined>;
  readonly #options: LocalWorkerOptions;
  readonly #blueprints: ReadonlyMap<string, Blueprint>;
  /** By `attemptKey`. */
  readonly #running = new Map<string, { attempt: Attempt; abort: AbortController }>();
  #heartbeat: TimerHandle | undefined;

  constructor(options: LocalWorkerOptions) {
    this.#options = options;
    this.holder = nodeHolder(options.nodeId);
    this.workerId = `node:${options.nodeId}`;
    this.#blueprints = new Map(options.blueprints.list().map((item) => [localQueue(item), item]));
    this.types = new Map([...this.#blueprints.keys()].map((queue) => [queue, undefined]));
  }

  async start(): Promise<void> {
    const introduction: WorkerIntroduction = {
      workerType: "node",
      credits: this.#options.credits,
      labels: {},
      resources: {},
      draining: false,
      running: [],
      outbox: [],
    };
    await this.#options.workers.connect(this, introduction);
  }

  /**
   * Abandon what runs: another node, or the next life of this one, takes it up, at once where it heeds its signal,
   * else when its lease ends.
   */
  stop(): void {
    this.#heartbeat?.cancel();
    this.#options.workers.disconnect(this);
    for (const { abort } of this.#running.values()) abort.abort();
    this.#running.clear();
  }

  push(task: StoredTask): void {
    const { taskId, attempt } = task;
    const abort = new AbortController();
    const key = attemptKey(task);
    this.#running.set(key, { attempt: { taskId, attempt }, abort });
    this.#beat();
    this.#options.workers.accept(this, { taskId, attempt });
    this.#run(task, abort.signal)
      .then((outcome) => this.#options.workers.result(this, { taskId, attempt }, outcome))
      .catch((error: unknown) => {
        this.#options.log.error({ err: error, taskId }, "the result of a promise was not stored");
      })
      .finally(() => this.#running.delete(key));
  }

  cancel(attempt: Attempt, reason: string): void {
    this.#running.get(attemptKey(attempt))?.abort.abort(new Error(reason));
  }

  async #run(task: StoredTask, signal: AbortSignal): Promise<AttemptOutcome> {
    const { src, input } = task.params as LocalParams;
    const machine = this.#blueprints.get(task.queue)!.machine;
    const kind = actorKind(machine, src);
    if (kind.kind !== "promise")
      return permanent(`'${src}' is not a promise in this version of the blueprint.`);
    try {
      const output = asStored(await kind.creator(promiseScope(input, signal)));
      return { outcome: "ok", output, status: "success" };
    } catch (error) {
      // Not its own failure: the node stops, or the attempt is not wanted any more.
      if (signal.aborted) return { outcome: "cancelled" };
      return permanent(error instanceof Error ? error.message : String(error));
    }
  }

  /** Renew the leases from time to time, for as long as anything runs. */
  #beat(): void {
    const { clock, limits, workers, log } = this.#options;
    this.#heartbeat ??= clock.schedule(limits.leaseMs / 3, () => {
      this.#heartbeat = undefined;
      if (this.#running.size === 0) return;
      const running = [...this.#running.values()].map(({ attempt }) => attempt);
      workers.heartbeat(this, running).then(
        (lost) => {
          for (const attempt of lost) this.cancel(attempt, "the lease is lost");
        },
        (error: unknown) => log.error({ err: error }, "renewing leases of promises failed"),
      );
      this.#beat();
    });
  }
}

const permanent = (message: string): AttemptOutcome => ({
  outcome: "error",
  error: { code: "PERMANENT_ERROR", message },
});
