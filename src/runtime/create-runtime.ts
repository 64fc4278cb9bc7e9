// Puts the parts of the runtime together over one store: turns, dispatch, attempts, what is due, and its two services.
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import type { Clock } from "../clock.ts";
import { randomIds, type Ids } from "../id.ts";
import type { Logger } from "../logger.ts";
import type { Commit } from "../store/commit.ts";
import type { StoredJob, StoredTask } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { Attempts } from "./attempts.ts";
import { Dispatcher } from "./dispatcher.ts";
import { DueLoop } from "./due-loop.ts";
import { createInTurnRunner } from "./in-turn.ts";
import { JobEvents } from "./job-events.ts";
import { Jobs } from "./job-service.ts";
import { LocalWorker } from "./local-worker.ts";
import { Outbox } from "./outbox.ts";
import { isFinished, type JobService, type RuntimeLimits, type WorkerService } from "./runtime.ts";
import type { Turn } from "./turn.ts";
import { TurnRunner } from "./turn-runner.ts";
import { WorkerPool } from "./worker-pool.ts";
import { Workers } from "./worker-service.ts";

export interface RuntimeOptions {
  readonly store: Store;
  readonly blueprints: BlueprintRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  /** Names this node among those of one store. */
  readonly nodeId: string;
  readonly limits?: Partial<RuntimeLimits>;
  readonly ids?: Ids;
  /** A number from 0 up to 1, for jitter; `Math.random` where absent. */
  readonly random?: () => number;
}

export interface Runtime {
  readonly jobs: JobService;
  readonly workers: WorkerService;
  /** Look for what waits and what is due, and go on with it. */
  start(): Promise<void>;
  /** Begin nothing new, and let the turns that are under way end. The store stays open. */
  stop(): Promise<void>;
}

export const defaultLimits: RuntimeLimits = {
  leaseMs: 45_000,
  acceptMs: 5_000,
  cancelGraceMs: 10_000,
  handlerTimeoutMs: 10_000,
};

/** How long the node that committed an outbox message has it to itself. */
const outboxDelayMs = 30_000;
/** Promises of native machines that one node runs at once. */
const localCredits = 64;

export function createRuntime(options: RuntimeOptions): Runtime {
  const { store, blueprints, clock, nodeId } = options;
  const { ids = randomIds, random = Math.random } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const log = options.log.child({ part: "runtime" });

  const pool = new WorkerPool();
  const events = new JobEvents();
  const dispatcher = new Dispatcher({
    store,
    pool,
    clock,
    limits,
    log,
    pushed: (member, task) => workers.pushed(member, task),
    undelivered: (task) => workers.undelivered(task),
  });
  const turns = new TurnRunner({
    store,
    blueprints,
    outboxDelayMs,
    runInTurn: createInTurnRunner(clock, limits.handlerTimeoutMs),
    effects: {
      offer: (task) => dispatcher.offer(task),
      withdraw: (commit) => dispatcher.withdraw(commit),
      committed,
    },
  });
  const attempts = new Attempts({
    store,
    turns,
    log,
    random,
    requeued,
  });
  const outbox = new Outbox({
    store,
    turns,
    blueprints,
    random,
    log,
    delayed: (due) => dueLoop.expect(due),
  });
  const dueLoop = new DueLoop({
    store,
    clock,
    random,
    turns,
    attempts,
    dispatcher,
    log,
    perform: (message) => outbox.perform(message),
  });
  const workers = new Workers({
    store,
    pool,
    dispatcher,
    attempts,
    turns,
    events,
    clock,
    limits,
    log,
    leased: (until) => dueLoop.expect(until),
  });
  const progress = (taskId: string) => pool.owner(taskId)?.running.get(taskId)?.progress;
  const jobs = new Jobs({ store, blueprints, turns, events, ids, clock, progress });
  const local = new LocalWorker({
    nodeId,
    blueprints,
    workers,
    clock,
    limits,
    log,
    credits: localCredits,
  });

  /** Everything here leaves the process, so it happens only after the commit is durable (law 4). */
  function committed(
    turn: Turn,
    commit: Commit,
    leased: ReadonlySet<string>,
    job: StoredJob,
  ): void {
    const { jobId, summary } = commit;
    dispatcher.committed(commit, leased, store.now());
    workers.cancel(turn.takenAway);
    expectWhatIsDue(commit);
    for (const { label, value } of turn.logged) log.info({ jobId, label, value }, "job logged");
    if (turn.messages.length > 0) perform(turn);
    for (const inline of turn.inline) void runInline(jobId, inline);
    if (!events.isFollowed(jobId)) return;
    for (const { revision, currentState, status, now } of commit.history)
      events.publish({ type: "state", id: revision, jobId, currentState, status, at: now });
    for (const event of turn.emitted) events.publish({ type: "emitted", jobId, event });
    if (isFinished(summary.status)) publishEnd(job);
  }

  function expectWhatIsDue({ ops }: Commit): void {
    const now = store.now();
    for (const op of ops) {
      if (op.op === "set_timer") dueLoop.expect(op.due);
      if (op.op === "add_task" && op.task.queueTimeoutMs !== undefined)
        dueLoop.expect(now + op.task.queueTimeoutMs);
    }
  }

  function requeued({ queue, queueTimeoutMs }: StoredTask, at: number): void {
    if (at > 0) return dueLoop.expect(at);
    if (queueTimeoutMs !== undefined) dueLoop.expect(store.now() + queueTimeoutMs);
    dispatcher.queued([queue]);
  }

  function perform({ messages }: Turn): void {
    outbox.performNow(messages).catch((error: unknown) => {
      log.error({ err: error }, "the outbox failed; its messages are tried again when due");
      dueLoop.expect(store.now() + outboxDelayMs);
    });
  }

  async function runInline(jobId: string, { action, run }: Turn["inline"][number]): Promise<void> {
    try {
      await run();
    } catch (error) {
      log.warn({ err: error, jobId, action }, "inline action failed; it is not tried again");
    }
  }

  function publishEnd(job: StoredJob): void {
    const { jobId } = job.summary;
    jobs.view(job).then(
      (view) => events.publish({ type: "finished", id: job.revision, jobId, job: view }),
      (error: unknown) => log.error({ err: error, jobId }, "showing a finished job failed"),
    );
  }

  return {
    jobs,
    workers,
    async start() {
      await dispatcher.start();
      await local.start();
      dueLoop.start();
    },
    async stop() {
      jobs.close();
      dispatcher.stop();
      workers.stop();
      local.stop();
      await dueLoop.stop();
      await turns.idle();
    },
  };
}
