// Short ways to say what a test commits.
import type { Commit, LeaseOffer, Op } from "../../src/store/commit.ts";
import type { JobStatus, JobSummary, NewTask, StoredTask } from "../../src/store/records.ts";
import type { Claim, Store } from "../../src/store/store.ts";

export interface Turn {
  readonly ops?: readonly Op[];
  readonly expectedRevision?: number;
  readonly blueprint?: string;
  readonly status?: JobStatus;
  readonly createdAt?: number;
  readonly envelope?: string;
}

/** The turn that takes a job to `revision` from the one before. */
export function turn(jobId: string, revision: number, options: Turn = {}): Commit {
  const {
    ops = [],
    expectedRevision = revision - 1,
    status = "running",
    createdAt = 1000,
  } = options;
  const { blueprint = "order", envelope = `{"at":${revision}}` } = options;
  const summary: JobSummary = {
    jobId,
    blueprint,
    version: "1",
    status,
    currentState: `state${revision}`,
    createdAt,
    updatedAt: createdAt + revision,
  };
  const history = Array.from({ length: revision - expectedRevision }, (_, index) => ({
    revision: expectedRevision + index + 1,
    now: createdAt,
    epoch: "e1",
    message: { type: "event", event: { type: "go", step: expectedRevision + index + 1 } } as const,
    currentState: summary.currentState,
    status,
  }));
  return { jobId, expectedRevision, revision, envelope, summary, history, ops };
}

export function newTask(jobId: string, name: string, options: Partial<NewTask> = {}): NewTask {
  return {
    taskId: `${jobId}:${name}`,
    jobId,
    child: name,
    type: "echo",
    queue: "echo",
    params: { text: name },
    priority: 5,
    retry: { maxAttempts: 3, initialMs: 1000, factor: 2, maxMs: 60_000 },
    ...options,
  };
}

export function offerTo(holder: string, leaseMs = 30_000): LeaseOffer {
  return { holder, workerId: `worker of ${holder}`, leaseMs };
}

/** Add tasks to a new job `jobId`, named `names`, in one commit. */
export async function addTasks(
  store: Store,
  jobId: string,
  names: readonly string[],
  options: Partial<NewTask> = {},
): Promise<void> {
  const ops = names.map(
    (name) => ({ op: "add_task", task: newTask(jobId, name, options) }) as const,
  );
  await store.commit(turn(jobId, 1, { ops }));
}

export function claimOf(queue: string, limit: number, holder = "h1", leaseMs = 30_000): Claim {
  return { shard: 0, queues: [{ queue, limit }], limit, ...offerTo(holder, leaseMs) };
}

/** Claim one task of a queue, which must have one. */
export async function claimOne(store: Store, holder = "h1", queue = "echo"): Promise<StoredTask> {
  const { tasks } = await store.claimTasks(claimOf(queue, 1, holder));
  return tasks[0]!;
}

/** Extend one lease by 30 s. */
export async function extend(store: Store, taskId: string, attempt: number, holder: string) {
  const [result] = await store.extendLeases([{ taskId, attempt, ...offerTo(holder) }]);
  return result;
}

/** Put an attempt back at once: lost if `settle` is false. */
export function putBack(store: Store, taskId: string, attempt: number, settle = true, delayMs = 0) {
  return store.requeueTask({ taskId, attempt, delayMs, settle, counts: false });
}
