// What workers ask for: joining, leases, progress and results. The gateway speaks to this.
import type { Clock, TimerHandle } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { Attempt, Extension, ExtensionResult, Store } from "../store/store.ts";
import type { StoredTask } from "../store/records.ts";
import { shardOf } from "../store/shard.ts";
import { totalTimeout, type Attempts } from "./attempts.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Followers } from "./followers.ts";
import { holdsLease, lostAttempts } from "./held-attempts.ts";
import { toItsCredit } from "./dispatch/reputation.ts";
import type { JobEvents } from "./job-events.ts";
import { Reports } from "./reports.ts";
import type {
  AttemptOutcome,
  CheckpointStatus,
  LogLine,
  LostAttempt,
  ResultStatus,
  RuntimeLimits,
  StreamChunk,
  TaskEvent,
  TaskEventStatus,
  TaskProgress,
  Welcome,
  WorkerDescription,
  WorkerIntroduction,
  WorkerService,
} from "./runtime.ts";
import type { StreamTails } from "./stream-tails.ts";
import type { TurnRunner } from "./turn-runner.ts";
import {
  attemptKey,
  runningAttempt,
  type Member,
  type WorkerPool,
  type WorkerSession,
} from "./worker-pool.ts";
import type { WorkerUsage, WorkerView } from "./worker-view.ts";

export interface WorkerServiceOptions {
  readonly store: Store;
  readonly pool: WorkerPool;
  readonly dispatcher: Dispatcher;
  readonly attempts: Attempts;
  readonly turns: TurnRunner;
  readonly events: JobEvents;
  readonly clock: Clock;
  readonly limits: RuntimeLimits;
  readonly log: Logger;
  readonly followers: Followers;
  readonly tails: StreamTails;
  /** A worker holds attempts that the store does not have like that. */
  readonly disowned: (workerId: string, attempts: readonly Attempt[]) => void;
  /** A session has been taken in. */
  readonly joined: (member: Member) => void;
  /** The workers of other nodes. */
  readonly elsewhere: () => readonly WorkerView[];
  /** The lease of a task will end at this store time unless it is extended. */
  readonly leased: (taskId: string, until: number) => void;
}

export class Workers implements WorkerService {
  readonly #options: WorkerServiceOptions;
  /** By `attemptKey`: pushed attempts that nobody has accepted yet, oldest first. */
  readonly #unaccepted = new Map<string, { member: Member; attempt: Attempt; deadline: number }>();
  #acceptTimer: TimerHandle | undefined;
  readonly #reports: Reports;

  constructor(options: WorkerServiceOptions) {
    this.#options = options;
    this.#reports = new Reports(options);
  }

  async connect(session: WorkerSession, introduction: WorkerIntroduction): Promise<Welcome> {
    const { pool, store, dispatcher, clock, log } = this.#options;
    const asked = [...introduction.running, ...introduction.outbox];
    const results = await this.#extend(session, asked);
    asked.forEach((attempt, index) => {
      if (results[index] === "kept") this.#unaccepted.delete(attemptKey(attempt));
    });
    const tasks = await Promise.all(
      introduction.running.map(({ taskId }) => store.loadTask(taskId)),
    );
    const member = pool.add(session, introduction, clock.now());
    introduction.running.forEach(({ attempt }, index) => {
      const task = tasks[index];
      if (results[index] !== "kept" || !task) return;
      pool.run(member, runningAttempt({ ...task, attempt }));
      this.#limitRun(member, task);
    });
    log.info({ workerId: session.workerId, kept: member.running.size }, "worker connected");
    this.#options.joined(member);
    dispatcher.fill(member);
    const lost = lostAttempts(introduction.running, results);
    this.#options.disowned(session.workerId, lostAttempts(asked, results));
    return {
      keep: introduction.running.filter((_, index) => results[index] === "kept"),
      drop: lost,
      want: introduction.outbox,
    };
  }

  disconnect(session: WorkerSession): void {
    const { pool, log } = this.#options;
    const member = pool.of(session);
    if (!member) return;
    pool.remove(session);
    log.info({ workerId: session.workerId, detached: member.running.size }, "worker disconnected");
  }

  accept(session: WorkerSession, attempt: Attempt): boolean {
    this.#answered(session, attempt);
    return this.#options.pool.running(session, attempt) !== undefined;
  }

  async release(
    session: WorkerSession,
    attempt: Attempt,
    delayMs: number,
    handOver?: { readonly checkpoint: unknown },
  ): Promise<boolean> {
    this.#answered(session, attempt);
    try {
      if (!(await this.#holds(session, attempt))) return false;
      if (handOver) await this.#reports.handOver(session, attempt, handOver.checkpoint);
      else await this.#reports.flush(attempt);
      return await this.#options.attempts.giveBack(attempt, delayMs);
    } finally {
      this.#free(session, attempt);
    }
  }

  async heartbeat(
    session: WorkerSession,
    running: readonly Attempt[],
  ): Promise<readonly LostAttempt[]> {
    if (running.length === 0) return [];
    const lost = lostAttempts(running, await this.#extend(session, running));
    this.#options.disowned(session.workerId, lost);
    // The worker forgets them without another word.
    for (const attempt of lost) this.#free(session, attempt);
    return lost;
  }

  noteUsage(session: WorkerSession, usage: WorkerUsage): void {
    const member = this.#options.pool.of(session);
    if (member) member.usage = usage;
  }

  forget(session: WorkerSession, attempt: Attempt): void {
    this.#answered(session, attempt);
    this.#free(session, attempt);
  }

  async recheck(session: WorkerSession, attempts: readonly Attempt[]): Promise<readonly Attempt[]> {
    const load = ({ taskId }: Attempt) => this.#options.store.loadTask(taskId);
    const tasks = await Promise.all(attempts.map(load));
    const isOurs = ({ attempt }: Attempt, task: StoredTask | undefined): boolean =>
      task?.attempt === attempt && task.lease?.holder === session.holder;
    const gone = attempts.filter((attempt, index) => !isOurs(attempt, tasks[index]));
    for (const attempt of gone) this.#free(session, attempt);
    return gone;
  }

  /** A session has taken up an attempt that it was not known to run. */
  async takenUp(member: Member, task: StoredTask): Promise<void> {
    const [result] = await this.#extend(member.session, [task]);
    if (result !== "kept" || !this.#options.pool.has(member)) return;
    this.#options.pool.run(member, runningAttempt(task));
    this.#limitRun(member, task);
  }

  progress(session: WorkerSession, attempt: Attempt, progress: TaskProgress): boolean {
    return this.#reports.progress(session, attempt, progress);
  }

  checkpoint(session: WorkerSession, attempt: Attempt, data: unknown): Promise<CheckpointStatus> {
    return this.#reports.checkpoint(session, attempt, data);
  }

  event(session: WorkerSession, attempt: Attempt, event: TaskEvent): Promise<TaskEventStatus> {
    return this.#reports.event(session, attempt, event);
  }

  logLine(session: WorkerSession, attempt: Attempt, line: LogLine): boolean {
    return this.#reports.log(session, attempt, line);
  }

  chunk(session: WorkerSession, attempt: Attempt, chunk: StreamChunk): boolean {
    return this.#reports.chunk(session, attempt, chunk);
  }

  async result(
    session: WorkerSession,
    attempt: Attempt,
    outcome: AttemptOutcome,
  ): Promise<ResultStatus> {
    const { pool, store, attempts } = this.#options;
    this.#answered(session, attempt);
    const known = pool.running(session, attempt);
    const task = known ?? (await store.loadTask(attempt.taskId));
    if (!task) {
      this.#free(session, attempt);
      return { status: "unknown" };
    }
    if (!known && !holdsLease(task as StoredTask, session)) {
      this.#free(session, attempt);
      return { status: "fenced" };
    }
    const { jobId, child, type } = task;
    if (outcome.outcome === "ok") this.#reports.drop(attempt);
    else await this.#reports.flush(attempt);
    const status = await attempts.end(
      { taskId: attempt.taskId, attempt: attempt.attempt, jobId, child, type },
      outcome,
    );
    const isGood = status.status === "applied" ? toItsCredit(outcome, status.code) : undefined;
    if (isGood !== undefined) pool.noteOutcome(session.workerId, isGood);
    this.#free(session, attempt);
    return status;
  }

  setCredits(session: WorkerSession, credits: number): void {
    const member = this.#options.pool.of(session);
    if (!member) return;
    member.credits = credits;
    member.lacks.clear();
    this.#options.dispatcher.fill(member);
  }

  describe(session: WorkerSession, description: Partial<WorkerDescription>): void {
    const { pool, dispatcher } = this.#options;
    const member = pool.describe(session, description);
    // It may satisfy now what it did not before.
    if (member) dispatcher.fill(member);
  }

  drain(session: WorkerSession): void {
    const member = this.#options.pool.of(session);
    if (member) member.draining = true;
  }

  list(): readonly WorkerView[] {
    return [...this.here(), ...this.#options.elsewhere()];
  }

  /** The workers that are connected to this node. */
  here(): readonly WorkerView[] {
    return this.#options.pool.list().filter(({ workerType }) => workerType !== "node");
  }

  /** An attempt has been pushed: its worker has `acceptMs` to say that it has it. */
  pushed(member: Member, task: StoredTask): void {
    const { taskId, attempt, lease } = task;
    if (lease) this.#options.leased(taskId, lease.until);
    this.#limitRun(member, task);
    const deadline = this.#options.clock.monotonic() + this.#options.limits.acceptMs;
    this.#unaccepted.set(attemptKey(task), { member, attempt: { taskId, attempt }, deadline });
    this.#watchAcceptance();
  }

  /** An attempt was leased to a session that has gone meanwhile: nobody has heard of it, so another may have it. */
  undelivered(task: StoredTask): void {
    // Should that fail, its lease ends by itself.
    if (task.lease) this.#options.leased(task.taskId, task.lease.until);
    this.#putBack(task);
  }

  /** The job does not want these tasks any more: tell the workers that run them. */
  cancel(tasks: readonly { taskId: string; reason: string }[]): void {
    for (const { taskId, reason } of tasks) this.stopAttempt(taskId, reason);
  }

  /** Tell the worker that runs a task to stop, if it is connected here. */
  stopAttempt(taskId: string, reason: string): void {
    const run = this.#options.pool.latest(taskId);
    if (!run) return;
    const { attempt } = run.running;
    run.member.session.cancel({ taskId, attempt }, reason, this.#options.limits.cancelGraceMs);
  }

  /** Whether a worker that is connected here runs a task of the job. */
  runs(jobId: string): boolean {
    for (const { running } of this.#options.pool.members())
      for (const task of running.values()) if (task.jobId === jobId) return true;
    return false;
  }

  async stop(): Promise<void> {
    this.#acceptTimer?.cancel();
    this.#unaccepted.clear();
    await this.#reports.stop();
  }

  /** End an attempt that runs longer than its task allows, as an error that is tried again. */
  #limitRun(member: Member, task: StoredTask): void {
    const { clock, store, log, pool } = this.#options;
    const { taskId, attempt, createdAt, lease } = task;
    const { runTimeoutMs = Infinity, totalTimeoutMs = Infinity } = task;
    const running = pool.running(member.session, task);
    if (!running || !lease) return;
    const runEnd = lease.startedAt + runTimeoutMs;
    const end = Math.min(runEnd, createdAt + totalTimeoutMs);
    if (end === Infinity) return;
    running.deadline = clock.schedule(Math.max(0, end - store.now(shardOf(taskId))), () => {
      const message = `The attempt ran longer than ${runTimeoutMs} ms.`;
      const error = end === runEnd ? { code: "RUN_TIMEOUT", message } : totalTimeout(task);
      const reason = error.message;
      const { cancelGraceMs } = this.#options.limits;
      if (end === runEnd) pool.noteOutcome(member.session.workerId, false);
      member.session.cancel({ taskId, attempt }, reason, cancelGraceMs);
      this.#reports
        .flush(running)
        .then(() => this.#options.attempts.end({ ...running }, { outcome: "error", error }))
        .catch((cause: unknown) => log.error({ err: cause, taskId }, "ending an attempt failed"));
    });
  }

  #watchAcceptance(): void {
    const { clock } = this.#options;
    if (this.#acceptTimer || this.#unaccepted.size === 0) return;
    const [first] = this.#unaccepted.values();
    this.#acceptTimer = clock.schedule(first!.deadline - clock.monotonic(), () => {
      this.#acceptTimer = undefined;
      this.#reclaimUnaccepted();
      this.#watchAcceptance();
    });
  }

  /** The session has said something about an attempt that was pushed to it. */
  #answered(session: WorkerSession, attempt: Attempt): void {
    const key = attemptKey(attempt);
    if (this.#unaccepted.get(key)?.member.session === session) this.#unaccepted.delete(key);
    const member = this.#options.pool.of(session);
    if (member) member.ignored = 0;
  }

  #reclaimUnaccepted(): void {
    const { clock, log } = this.#options;
    for (const [key, { member, attempt, deadline }] of this.#unaccepted) {
      if (deadline > clock.monotonic()) break;
      this.#unaccepted.delete(key);
      const { workerId } = member.session;
      member.ignored++;
      log.warn({ workerId, ...attempt }, "worker did not accept a task in time");
      // The slot stays counted until the worker says something: it may be running the task after all.
      this.#putBack(attempt);
    }
  }

  #putBack(attempt: Attempt): void {
    const { attempts, log } = this.#options;
    attempts.giveBack(attempt, 0).catch((error: unknown) => {
      const { taskId } = attempt;
      log.error({ err: error, taskId }, "putting back an unaccepted task failed");
    });
  }

  /** Extend leases, or take them up again where they have ended. */
  async #extend(
    session: WorkerSession,
    attempts: readonly Attempt[],
  ): Promise<readonly ExtensionResult[]> {
    const { pool, store, limits } = this.#options;
    const { holder, workerId, leaseMs = limits.leaseMs } = session;
    const extensions = attempts.map(({ taskId, attempt }): Extension => {
      const progress = pool.running(session, { taskId, attempt })?.progress;
      const base = { taskId, attempt, holder, workerId, leaseMs };
      return progress === undefined ? base : { ...base, progress };
    });
    const results = await store.extendLeases(extensions);
    extensions.forEach(({ taskId }, index) => {
      if (results[index] === "kept")
        this.#options.leased(taskId, store.now(shardOf(taskId)) + leaseMs);
    });
    return results;
  }

  async #holds(session: WorkerSession, attempt: Attempt): Promise<boolean> {
    if (this.#options.pool.running(session, attempt)) return true;
    const task = await this.#options.store.loadTask(attempt.taskId);
    return task !== undefined && holdsLease(task, session);
  }

  #free(session: WorkerSession, attempt: Attempt): void {
    const { pool, dispatcher } = this.#options;
    const member = pool.of(session);
    if (!member) return;
    dispatcher.freed(member, pool.finish(member, attempt));
  }
}
