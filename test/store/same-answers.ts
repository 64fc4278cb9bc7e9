// Makes the same random calls of several stores, and compares them answer by answer.
import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";
import type { Op } from "../../src/store/commit.ts";
import type { JobDump, KeyPage } from "../../src/store/dump.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import type { Store } from "../../src/store/store.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import { jobIds, queueNames, type RoughCall, type RoughOp } from "./random-calls.ts";
import { newTask, offerTo, turn } from "./sample.ts";

/**
 * Call a memory store and others, which are empty, and compare each answer and what they hold in the end.
 *
 * @param clock the clock of the others, which starts with the sequence
 */
export async function expectSameAnswers(
  groups: readonly (readonly RoughCall[])[],
  stores: readonly Store[],
  clock: FakeClock,
): Promise<void> {
  const model = new MemoryStore({ clock });
  for (const group of groups) {
    const calls = await Promise.all(group.map((rough) => exactCall(rough, model, clock)));
    const answers = (store: Store) => Promise.all(calls.map((call) => call(store)));
    const expected = await answers(model);
    for (const given of await Promise.all(stores.map(answers))) expectSame(given, expected);
  }
  const expected = await dump(model);
  for (const given of await Promise.all(stores.map(dump))) expectSame(given, expected);
}

/** A plain comparison first, because vitest's takes half of the time of all. */
function expectSame(given: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(given, expected)) expect(given).toEqual(expected);
}

/** Fill in revisions, attempts and times from the model: the same call can then be made of both stores. */
async function exactCall(
  rough: RoughCall,
  model: Store,
  clock: FakeClock,
): Promise<(store: Store) => Promise<unknown>> {
  const now = model.now();
  switch (rough.call) {
    case "commit": {
      const job = await model.loadJob(rough.jobId);
      const expectedRevision = Math.max(0, (job?.revision ?? 0) + rough.off);
      const ops = await Promise.all(rough.ops.map((op) => exactOp(op, rough.jobId, model)));
      const commit = turn(rough.jobId, expectedRevision + rough.steps, {
        expectedRevision,
        status: rough.status,
        blueprint: job?.summary.blueprint ?? rough.blueprint,
        createdAt: job?.summary.createdAt ?? now,
        ops,
      });
      return (store) => store.commit(commit);
    }
    case "claimTasks": {
      const { queues, limit, ageMs, holder, leaseMs } = rough;
      const ageing = ageMs !== undefined && { ageMs };
      const asked = { shard: 0, queues, limit, ...ageing, ...offerTo(holder, leaseMs) };
      return (store) => store.claimTasks(asked);
    }
    case "extendLeases": {
      const extensions = await Promise.all(
        rough.extensions.map(async ({ taskId, off, holder, progress, checkpoint }) => ({
          taskId,
          attempt: (await currentAttempt(model, taskId)) + off,
          ...offerTo(holder, 20),
          ...(progress !== undefined && { progress }),
          ...(checkpoint !== undefined && { checkpoint }),
        })),
      );
      return (store) => store.extendLeases(extensions);
    }
    case "requeueTask": {
      const { taskId, off, delayMs, settle, counts } = rough;
      const lapsed = rough.lapsed && ({ lapsed: true } as const);
      const attempt = (await currentAttempt(model, taskId)) + off;
      const error = counts && { error: { code: "TRANSIENT_ERROR", message: `at ${now}` } };
      return (store) =>
        store.requeueTask({ taskId, attempt, delayMs, settle, counts, ...lapsed, ...error });
    }
    case "clearTimer":
      return (store) => store.clearTimer(rough.jobId, rough.timerId, store.epoch());
    case "removeMessages":
      return (store) => store.removeMessages(rough.ids);
    case "delayMessage":
      return (store) => store.delayMessage(rough.id, now + rough.dueInMs);
    case "claimMessage":
      return (store) => store.claimMessage(rough.id, now - rough.agoMs, now + rough.dueInMs);
    case "removeJob": {
      const { jobId, off } = rough;
      const { revision = 0 } = (await model.loadJob(jobId)) ?? {};
      return (store) => store.removeJob(jobId, off === undefined ? undefined : revision + off);
    }
    case "claimOutlived":
      return (store) => store.claimOutlived(rough.jobIds, rough.forMs);
    case "copyJob": {
      const dump = await model.exportJob(rough.from);
      if (!dump) return async () => undefined;
      return (store) => store.importJob(renamed(dump, rough.from, rough.to));
    }
    case "listKeys":
      return (store) => allKeys(store, rough.limit);
    case "claimKey":
      return (store) => store.claimKey(rough.key, rough.jobId, rough.forMs);
    case "due":
      return (store) => store.due(rough.limit);
    case "advance":
      await clock.advance(rough.ms);
      return async (store) => store.now();
    case "listJobs":
      return (store) => twoPages(store, rough);
    case "look":
      return (store) => Promise.all([store.loadJob(rough.jobId), store.exportJob(rough.jobId)]);
  }
}

async function exactOp(rough: RoughOp, jobId: string, model: Store): Promise<Op> {
  const now = model.now();
  switch (rough.op) {
    case "add_task": {
      const { name, queue, priority, queueTimeoutMs, totalTimeoutMs, limit, holder } = rough;
      const { key = "", concurrency } = limit ?? {};
      const task = newTask(jobId, name, {
        queue,
        priority,
        ...(queueTimeoutMs !== undefined && { queueTimeoutMs }),
        ...(totalTimeoutMs !== undefined && { totalTimeoutMs }),
        ...(limit && {
          placement: { limit: { key, ...(concurrency !== undefined && { concurrency }) } },
        }),
      });
      return { op: "add_task", task, ...(holder && { offer: offerTo(holder, 20) }) };
    }
    case "finish_task": {
      const taskId = `${jobId}:${rough.name}`;
      const attempt = (await currentAttempt(model, taskId)) + rough.off;
      return { op: "finish_task", taskId, attempt, ...(rough.lapsed && { lapsed: true }) };
    }
    case "remove_task":
      return { op: "remove_task", taskId: `${jobId}:${rough.name}` };
    case "set_timer":
      return { op: "set_timer", timerId: rough.timerId, due: now + rough.dueInMs };
    case "clear_timer":
    case "keep":
      return rough;
    case "keep_until":
      return { op: "keep_until", due: now + rough.dueInMs };
    case "add_message": {
      const message = { id: rough.id, jobId, body: [rough.id, now] };
      return { op: "add_message", message, due: now + rough.dueInMs };
    }
  }
}

async function currentAttempt(model: Store, taskId: string): Promise<number> {
  return (await model.loadTask(taskId))?.attempt ?? 1;
}

async function twoPages(
  store: Store,
  { limit, blueprint, status }: Extract<RoughCall, { call: "listJobs" }>,
): Promise<unknown> {
  const query = { limit, ...(blueprint && { blueprint }), ...(status && { status }) };
  const page = await store.listJobs(query);
  return [page, page.next && (await store.listJobs({ ...query, cursor: page.next }))];
}

/** The same dump under another job's name; ids of these tests that belong to no job in particular stay as they are. */
function renamed(dump: JobDump, from: string, to: string): JobDump {
  const text = JSON.stringify(dump).replaceAll(`"${from}"`, `"${to}"`);
  return JSON.parse(text.replaceAll(`"${from}:`, `"${to}:`)) as JobDump;
}

async function allKeys(store: Store, limit: number): Promise<unknown> {
  const keys: KeyPage["keys"][number][] = [];
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await store.listKeys(limit, cursor);
    keys.push(...page.keys);
    cursor = page.next;
  }
  return keys.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** All that can be read, and what is left in the queues and among what is due. */
async function dump(store: Store): Promise<unknown> {
  const queues = queueNames.map((queue) => ({ queue, limit: 100 }));
  return {
    jobs: await Promise.all(jobIds.map((jobId) => store.exportJob(jobId))),
    history: await Promise.all(jobIds.map((jobId) => store.history(jobId, 0, 1000))),
    tasks: await Promise.all(jobIds.map((jobId) => store.listTasks(jobId))),
    list: await store.listJobs({ limit: 100 }),
    counts: await store.countJobs(),
    waiting: await store.countQueues(),
    since: await store.queuedSince(),
    due: await store.due(1000),
    claimed: await store.claimTasks({ shard: 0, queues, limit: 100, ...offerTo("last") }),
    left: await store.countQueues(),
  };
}
