// Puts the parts of the runtime together for one node: turns, dispatch, attempts, what is due, and its two services.
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import type { Clock } from "../clock.ts";
import { randomIds, type Ids } from "../id.ts";
import type { Logger } from "../logger.ts";
import { keptForMs } from "../store/claimed-key.ts";
import type { Commit } from "../store/commit.ts";
import { overdueAt, type StoredJob, type StoredTask } from "../store/records.ts";
import { shardOf } from "../store/shard.ts";
import type { Store } from "../store/store.ts";
import type { Archive } from "../archive/archive.ts";
import { noteInArchive } from "./archived-note.ts";
import { Archivist } from "./archivist.ts";
import { Attempts } from "./attempts.ts";
import { Dispatcher } from "./dispatcher.ts";
import { DueLoops } from "./due-loops.ts";
import { Followers } from "./followers.ts";
import { createHear } from "./hear.ts";
import { createInTurnRunner } from "./in-turn.ts";
import { JobEvents } from "./job-events.ts";
import { Jobs } from "./job-service.ts";
import { Lapses } from "./lapses.ts";
import { LocalWorker } from "./local-worker.ts";
import { Membership, type NodeView } from "./membership.ts";
import { Outbox } from "./outbox.ts";
import { Past } from "./past.ts";
import { NodeRelay } from "./relay.ts";
import { Quarantine, type QuarantineService } from "./quarantine.ts";
import { Queues, type QueueService } from "./queue-service.ts";
import {
  isFinished,
  type JobEvent,
  type JobService,
  type PastService,
  type Relay,
  type RuntimeLimits,
  type VersionService,
  type WorkerService,
} from "./runtime.ts";
import { Strays } from "./strays.ts";
import { StreamTails } from "./stream-tails.ts";
import { Rewinds, type RewindCounts } from "./rewinds.ts";
import type { Turn } from "./turn.ts";
import { TurnRunner, type CommittedTurn } from "./turn-runner.ts";
import { Versions } from "./versions.ts";
import { WorkerPool } from "./worker-pool.ts";
import { Workers } from "./worker-service.ts";

export interface RuntimeOptions {
  readonly store: Store;
  readonly blueprints: BlueprintRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits?: Partial<RuntimeLimits>;
  /** Where jobs go that have been kept for long enough; without one they are forgotten. */
  readonly archive?: Archive;
  /** How long ended jobs are kept whose blueprint does not say, in milliseconds; for ever where absent. */
  readonly retentionMs?: number;
  /** How long idempotency keys are kept at least, in milliseconds; a day where absent. */
  readonly keyMs?: number;
  readonly ids?: Ids;
  /** A number from 0 up to 1, for jitter; `Math.random` where absent. */
  readonly random?: () => number;
}

export interface Runtime {
  readonly jobs: JobService;
  readonly past: PastService;
  readonly versions: VersionService;
  readonly workers: WorkerService;
  /** For the edges of several nodes. */
  readonly relay: Relay;
  readonly queues: QueueService;
  readonly quarantine: QuarantineService;
  /** How often the store was seen to have gone back in time. */
  rewinds(): RewindCounts;
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
  runTimeoutMs: 300_000,
  retriesMax: 3,
  lossesMax: 3,
  ageMs: 60_000,
  softLimit: 3,
};

/** How long the node that committed an outbox message has it to itself. */
const outboxDelayMs = 30_000;
/** Other nodes are told of no more queues that wait for a rate. */
const atRateMax = 1000;
/** Promises of native machines that one node runs at once. */
const localCredits = 64;

export function createRuntime(options: RuntimeOptions): Runtime {
  const { store, blueprints, clock, archive, retentionMs } = options;
  const { ids = randomIds, random = Math.random, keyMs = keptForMs } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const log = options.log.child({ part: "runtime" });
  const serves = blueprints.digest;

  const pool = new WorkerPool(() => clock.monotonic(), limits.softLimit);
  const followers = new Followers(store.nodes);
  const membership = new Membership({
    store,
    clock,
    log,
    view: here,
    changed: () => dueLoops.lookEverywhere(),
  });
  const events = new JobEvents({
    follow: async (jobId) => {
      if (store.nodes.shared) await store.nodes.follow(jobId);
    },
    unfollow,
  });
  const tails = new StreamTails(clock);
  const dispatcher = new Dispatcher({
    store,
    pool,
    clock,
    limits,
    log,
    place: () => membership.place,
    pushed: (member, task) => workers.pushed(member, task),
    undelivered: (task) => workers.undelivered(task),
    followed: (jobId, nodeIds) => followers.set(jobId, nodeIds),
  });
  const strays = new Strays({ store, pool, cancelGraceMs: limits.cancelGraceMs });
  const turns = new TurnRunner({
    store,
    blueprints,
    outboxDelayMs,
    limits,
    ...(retentionMs !== undefined && { retentionMs }),
    runInTurn: createInTurnRunner(clock, limits.handlerTimeoutMs),
    effects: {
      offer: (task) => dispatcher.offer(task),
      withdraw: (commit) => dispatcher.withdraw(commit),
      strays: (taken) => strays.among(taken),
      committed,
    },
  });
  const attempts = new Attempts({
    store,
    turns,
    log,
    random,
    lossesMax: limits.lossesMax,
    lostWorker: (workerId) => pool.noteOutcome(workerId, false),
    requeued,
  });
  const outbox = new Outbox({
    store,
    ...(archive && { archive }),
    turns,
    blueprints,
    random,
    log,
    noteArchived: async (jobId, message) => {
      if (archive) await noteInArchive({ archive, store }, jobId, message);
    },
    delayed: (jobId, due) => dueLoops.expect(shardOf(jobId), due),
  });
  const archivist = new Archivist({
    store,
    ...(archive && { archive }),
    blueprints,
    clock,
    random,
    log,
    claimed: (jobIds, forMs) => {
      for (const shard of new Set(jobIds.map(shardOf)))
        dueLoops.expect(shard, store.now(shard) + forMs);
    },
  });
  const rewinds = new Rewinds({ store, blueprints, turns, events, log });
  const dueLoops = new DueLoops({
    membership,
    messageMs: outboxDelayMs,
    store,
    clock,
    random,
    turns,
    attempts,
    dispatcher,
    log,
    looked: (shard) => rewinds.looked(shard),
    lapsed: (task) => lapses.lapsed(task),
    perform: (message) => outbox.perform(message),
    outlived: (jobId) => archivist.outlived(jobId),
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
    followers,
    tails,
    disowned: (workerId, attempts) => rewinds.disowned(workerId, attempts),
    joined: (member) => strays.joined(member),
    elsewhere: () => membership.others().flatMap((node) => node.workers),
    leased: (taskId, until) => dueLoops.expect(shardOf(taskId), until),
  });
  const lapses = new Lapses({
    store,
    pool,
    attempts,
    elsewhere: () => membership.others().flatMap((node) => node.workers),
    roundMs: () => membership.roundMs,
    takenUp: (member, task) => workers.takenUp(member, task),
  });
  const queues = new Queues({
    store,
    dispatcher,
    clock,
    log,
    nodes: () => [here(), ...membership.others()],
  });
  const progress = (taskId: string) => pool.latest(taskId)?.running.progress;
  const jobs = new Jobs({
    store,
    ...(archive && { archive }),
    blueprints,
    turns,
    events,
    tails,
    ids,
    keyMs,
    clock,
    progress,
    why: (tasks) => queues.why(tasks),
  });
  const past = new Past({ store, ...(archive && { archive }), blueprints, turns, ids, keyMs });
  const versions = new Versions({ store, blueprints, turns });
  const local = new LocalWorker({
    nodeId: store.nodes.nodeId,
    blueprints,
    workers,
    clock,
    limits,
    log,
    credits: localCredits,
  });

  /** What this node says of itself. */
  function here(): NodeView {
    return {
      workers: workers.here(),
      atRate: dispatcher.atRate.slice(0, atRateMax),
      serves,
    };
  }

  /** Everything here leaves the process, so it happens only after the commit is durable (law 4). */
  function committed(done: CommittedTurn): void {
    const { turn, commit, job, leased, now, followers: nodeIds } = done;
    rewinds.committed(done);
    const { jobId, summary } = commit;
    followers.set(jobId, nodeIds);
    dispatcher.committed(commit, leased, now);
    workers.cancel(turn.takenAway);
    strays.stop(done.strays);
    expectWhatIsDue(commit, now);
    for (const { label, value } of turn.logged) log.info({ jobId, label, value }, "job logged");
    if (turn.messages.length > 0) perform(turn, jobId);
    for (const inline of turn.inline) void runInline(jobId, inline);
    const isFollowed = events.isFollowed(jobId);
    if (isFollowed) publishSteps(commit);
    for (const event of turn.emitted) {
      const emitted: JobEvent = { type: "emitted", jobId, event };
      events.publish(emitted);
      followers.tell(emitted);
    }
    if (!isFinished(summary.status)) return;
    events.ended(jobId);
    if (isFollowed) publishEnd(job);
  }

  function publishSteps({ jobId, history }: Commit): void {
    for (const { revision, currentState, status, now } of history)
      events.publish({ type: "state", id: revision, jobId, currentState, status, at: now });
  }

  function expectWhatIsDue({ jobId, ops }: Commit, now: number): void {
    const shard = shardOf(jobId);
    for (const op of ops) {
      if (op.op === "set_timer" || op.op === "keep_until") dueLoops.expect(shard, op.due);
      if (op.op !== "add_task") continue;
      const { queueTimeoutMs = Infinity, totalTimeoutMs = Infinity } = op.task;
      const waitMs = Math.min(queueTimeoutMs, totalTimeoutMs);
      if (waitMs !== Infinity) dueLoops.expect(shard, now + waitMs);
    }
  }

  function requeued(task: StoredTask, at: number): void {
    const { jobId, queue } = task;
    const shard = shardOf(jobId);
    dispatcher.ended(task);
    if (at > 0) return dueLoops.expect(shard, at);
    const overdue = overdueAt({ ...task, since: store.now(shard) });
    if (overdue !== undefined) dueLoops.expect(shard, overdue);
    dispatcher.queued(shard, [queue]);
  }

  function perform({ messages }: Turn, jobId: string): void {
    outbox.performNow(messages).catch((error: unknown) => {
      log.error({ err: error }, "the outbox failed; its messages are tried again when due");
      const shard = shardOf(jobId);
      dueLoops.expect(shard, store.now(shard) + outboxDelayMs);
    });
  }

  /** Nobody here follows the job any more. */
  function unfollow(jobId: string): void {
    if (!store.nodes.shared) return;
    store.nodes.unfollow(jobId).catch((error: unknown) => {
      // Hints go on, and are ignored.
      log.warn({ err: error, jobId }, "a job could not be unfollowed");
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

  const relay = new NodeRelay(store.nodes);
  return {
    jobs,
    past,
    versions,
    workers,
    relay,
    queues,
    quarantine: new Quarantine({ store, ...(archive && { archive }), blueprints, turns }),
    rewinds: () => rewinds.counts,
    async start() {
      const hear = createHear({
        dispatcher,
        dueLoops,
        events,
        followers,
        relay,
        strays,
        tails,
        queues,
        turns,
        workers,
        log,
      });
      await store.nodes.listen(hear);
      await membership.start();
      await queues.start();
      await local.start();
      dueLoops.start();
    },
    async stop() {
      jobs.close();
      dispatcher.stop();
      await workers.stop();
      queues.stop();
      local.stop();
      await membership.stop();
      await dueLoops.stop();
      await archivist.stop();
      await rewinds.idle();
      await turns.idle();
    },
  };
}
