// Jobs as a whole: kept for a while once they have ended, forgotten, and moved from store to store.
import { expect } from "vitest";
import type { Op } from "../../src/store/commit.ts";
import type { JobDump } from "../../src/store/dump.ts";
import type { StoredTask } from "../../src/store/records.ts";
import type { Store } from "../../src/store/store.ts";
import type { Cases } from "./conformance.ts";
import { addTasks, claimOf, claimOne, extend, newTask, offerTo, putBack, turn } from "./sample.ts";

/** A job that has ended and is kept for `keptMs`. */
const endedJob = (store: Store, jobId: string, keptMs: number) =>
  store.commit(
    turn(jobId, 1, {
      status: "finished",
      ops: [{ op: "keep_until", due: store.now() + keptMs }],
    }),
  );

/** A job with everything that a job can have: tasks that are leased, delayed and queued, timers and a message. */
async function richJob(store: Store, jobId: string): Promise<JobDump> {
  const now = store.now();
  const message = { id: `${jobId}:1.0`, jobId, body: { kind: "action", n: [1, null] } };
  const ops: readonly Op[] = [
    { op: "add_task", task: newTask(jobId, "leased", { queue: "one" }) },
    { op: "add_task", task: newTask(jobId, "delayed", { queue: "two" }) },
    { op: "add_task", task: newTask(jobId, "queued", { queueTimeoutMs: 5000, priority: 7 }) },
    { op: "set_timer", timerId: "late", due: now + 9000 },
    { op: "set_timer", timerId: "early", due: now + 4000 },
    { op: "add_message", message, due: now + 3000 },
  ];
  await store.commit(turn(jobId, 1, { ops }));
  await store.commit(turn(jobId, 2, { status: "waiting_for_parallel_tasks" }));
  await claimOne(store, "h1", "one");
  await store.extendLeases([
    {
      taskId: `${jobId}:leased`,
      attempt: 1,
      ...offerTo("h1"),
      progress: { ratio: 0.5 },
      checkpoint: [7],
    },
  ]);
  await claimOne(store, "h1", "two");
  await store.requeueTask({
    taskId: `${jobId}:delayed`,
    attempt: 1,
    delayMs: 2000,
    settle: true,
    counts: true,
    error: { code: "TRANSIENT_ERROR", message: "again" },
  });
  await store.delayMessage(message.id, now + 6000);
  return (await store.exportJob(jobId))!;
}

export const wholeJobCases: Cases = {
  "gives an outlived job to the first who claims it, until its time is over": async ({
    store,
    clock,
  }) => {
    await endedJob(store, "j1", 1000);
    await endedJob(store, "j2", 5000);
    expect(await store.claimOutlived(["j1", "j2", "j3"], 3000)).toEqual([]);
    await clock.advance(1000);
    expect((await store.due(9)).outlived).toEqual(["j1"]);
    expect(await store.claimOutlived(["j3", "j2", "j1"], 3000)).toEqual(["j1"]);
    expect(await store.claimOutlived(["j1"], 3000)).toEqual([]);
    expect(await store.due(9)).toMatchObject({ outlived: [], next: store.now() + 3000 });
    await clock.advance(3000);
    expect((await store.due(9)).outlived).toEqual(["j1"]);
    expect(await store.claimOutlived(["j1"], 1)).toEqual(["j1"]);
  },
  "forgets a job only at the revision that is named, and then is done with it": async ({
    store,
    clock,
  }) => {
    await endedJob(store, "j1", 1000);
    await store.removeJob("j1", 2);
    expect(await store.loadJob("j1")).toBeDefined();
    await store.removeJob("j1", 1);
    expect(await store.loadJob("j1")).toBeUndefined();
    await clock.advance(1000);
    expect((await store.due(9)).outlived).toEqual([]);
    expect(await store.claimOutlived(["j1"], 1)).toEqual([]);
  },
  "exports a job with all that is its own, and nothing of its neighbours": async ({ store }) => {
    const neighbours = ["j", "j1", "j12"];
    for (const jobId of neighbours) await store.commit(turn(jobId, 1));
    const now = store.now();
    const dump = await richJob(store, "j11");
    expect(dump.job).toEqual(await store.loadJob("j11"));
    expect(dump.history).toEqual(await store.history("j11", 0, 9));
    expect(dump.tasks).toEqual(await store.listTasks("j11"));
    expect(dump.tasks.map(({ child, state }) => [child, state])).toEqual([
      ["leased", "leased"],
      ["delayed", "delayed"],
      ["queued", "queued"],
    ]);
    expect(dump.timers).toEqual([
      { timerId: "early", due: now + 4000 },
      { timerId: "late", due: now + 9000 },
    ]);
    expect(dump.messages).toMatchObject([{ id: "j11:1.0", tries: 1, due: now + 6000 }]);
    expect(dump).not.toHaveProperty("keptUntil");
    for (const jobId of neighbours)
      expect(await store.exportJob(jobId)).toMatchObject({ tasks: [], timers: [], messages: [] });
    expect(await store.exportJob("j111")).toBeUndefined();
  },
  "takes in a job as it was given away": async ({ store, reopen }) => {
    const dump = await richJob(store, "j1");
    const moved = movedTo("j2", dump);
    expect(await store.importJob(moved)).toEqual({ outcome: "imported" });
    const next = await reopen();
    expect(await next.exportJob("j2")).toEqual(moved);
    expect(await next.exportJob("j1")).toEqual(dump);
    expect(await next.countJobs()).toEqual({ waiting_for_parallel_tasks: 2 });
    expect(await next.countQueues()).toEqual({ two: 2, echo: 2 });
    expect((await next.listJobs({ limit: 9 })).jobs.map(({ jobId }) => jobId)).toEqual([
      "j2",
      "j1",
    ]);
  },
  "goes on with a job that was taken in: leases, attempts, queues and what is due": async ({
    store,
    clock,
  }) => {
    const dump = movedTo("j2", await richJob(store, "j1"));
    await store.importJob(dump);
    expect(await extend(store, "j2:leased", 1, "h2")).toBe("fenced");
    expect(await extend(store, "j2:leased", 1, "h1")).toBe("kept");
    expect(await putBack(store, "j2:delayed", 1)).toBe("fenced");
    const { tasks } = await store.claimTasks(claimOf("echo", 9));
    expect(tasks.map(({ taskId }) => taskId)).toEqual(["j1:queued", "j2:queued"]);
    await clock.advance(2000);
    await store.due(9);
    const retried = await store.claimTasks(claimOf("two", 9));
    expect(retried.tasks.map(({ taskId, attempt }) => [taskId, attempt])).toEqual([
      ["j1:delayed", 2],
      ["j2:delayed", 2],
    ]);
    await clock.advance(7000);
    const due = await store.due(99);
    expect(due.timers.map(({ jobId, timerId }) => [jobId, timerId])).toEqual([
      ["j1", "early"],
      ["j2", "early"],
      ["j1", "late"],
      ["j2", "late"],
    ]);
    expect(due.messages.map(({ id }) => id)).toEqual(["j1:1.0", "j2:1.0"]);
    const finish = [{ op: "finish_task", taskId: "j2:leased", attempt: 1 }] as const;
    expect(await store.commit(turn("j2", 3, { ops: finish }))).toMatchObject({
      outcome: "committed",
    });
  },
  "takes in who held a lost attempt, and one of which nobody knows who did": async ({ store }) => {
    await store.commit(turn("j1", 1, { ops: [{ op: "add_task", task: newTask("j1", "a") }] }));
    await claimOne(store, "h1");
    await putBack(store, "j1:a", 1, false);
    const dump = (await store.exportJob("j1"))!;
    expect(dump.tasks).toMatchObject([{ attempt: 1, lastHolder: "h1" }]);
    const known = movedTo("j2", dump);
    await store.importJob(known);
    expect(await store.exportJob("j2")).toEqual(known);
    expect(await extend(store, "j2:a", 1, "h2")).toBe("fenced");
    // As it was stored before holders were remembered.
    const [{ lastHolder: _, ...task }] = dump.tasks as [StoredTask];
    await store.importJob(movedTo("j3", { ...dump, tasks: [task] }));
    expect(await store.loadTask("j3:a")).not.toHaveProperty("lastHolder");
    expect(await extend(store, "j3:a", 1, "h2")).toBe("kept");
  },
  "keeps an ended job that was taken in until it was to be kept": async ({ store, clock }) => {
    await endedJob(store, "j1", 1000);
    const dump = movedTo("j2", (await store.exportJob("j1"))!);
    expect(dump.keptUntil).toBe(store.now() + 1000);
    await store.importJob(dump);
    await clock.advance(1000);
    expect((await store.due(9)).outlived).toEqual(["j1", "j2"]);
    await store.removeJob("j2");
    expect(await store.exportJob("j2")).toBeUndefined();
    expect(await store.countJobs()).toEqual({ finished: 1 });
  },
  "tells since when the first of a queue waits, though a task that was taken in behind it is older":
    async ({ store, clock }) => {
      const begin = store.now();
      await addTasks(store, "j1", ["a"]);
      const older = movedTo("j3", (await store.exportJob("j1"))!);
      await clock.advance(10);
      await addTasks(store, "j2", ["b"]);
      await store.importJob(older);
      await claimOne(store);
      expect(await store.queuedSince()).toEqual({ echo: { since: begin + 10, shard: 0 } });
      expect(await claimOne(store)).toMatchObject({ taskId: "j2:b" });
      expect(await store.queuedSince()).toEqual({ echo: { since: begin, shard: 0 } });
    },
  "takes in no job that it has, at whatever revision": async ({ store }) => {
    const dump = await richJob(store, "j1");
    expect(await store.importJob(dump)).toEqual({ outcome: "exists", revision: 2 });
    await store.commit(turn("j1", 3));
    const later = await store.exportJob("j1");
    expect(await store.importJob(dump)).toEqual({ outcome: "exists", revision: 3 });
    expect(await store.exportJob("j1")).toEqual(later);
    expect(await store.countQueues()).toEqual({ two: 1, echo: 1 });
  },
  "lists claimed keys page by page, long ones as they are kept": async ({ store }) => {
    const claims = { a: "j1", "b\nc": "j2", b: "j3", [`${"long".repeat(80)}`]: "j4" };
    for (const [key, jobId] of Object.entries(claims)) await store.claimKey(key, jobId, 1000);
    await store.claimKey("a", "j9", 1000);
    const listed = new Map<string, string>();
    for (let cursor: string | undefined, more = true; more;) {
      const page = await store.listKeys(2, cursor);
      for (const { key, jobId } of page.keys) listed.set(key, jobId);
      cursor = page.next;
      more = cursor !== undefined;
    }
    expect([...listed.values()].toSorted()).toEqual(["j1", "j2", "j3", "j4"]);
    expect([listed.get("a"), listed.get("b\nc"), listed.get("b")]).toEqual(["j1", "j2", "j3"]);
    for (const [key, jobId] of listed) expect(await store.claimKey(key, "other", 1000)).toBe(jobId);
    expect((await store.listKeys(9)).keys).toHaveLength(4);
  },
};

/** The same dump under another job's name. */
function movedTo(jobId: string, dump: JobDump): JobDump {
  const from = dump.job.summary.jobId;
  const text = JSON.stringify(dump).replaceAll(`"${from}"`, `"${jobId}"`);
  return JSON.parse(text.replaceAll(`"${from}:`, `"${jobId}:`)) as JobDump;
}
