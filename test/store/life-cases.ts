// What a store keeps over its lives, and what tells them apart.
import { expect } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import type { Cases } from "./conformance.ts";
import { addTasks, claimOf, claimOne, extend, newTask, putBack, turn } from "./sample.ts";

export const lifeCases: Cases = {
  "has a short epoch of small letters and digits": async ({ store }) => {
    expect(store.epoch()).toMatch(/^[0-9a-z]{1,16}$/);
  },
  "has another epoch in each life": async ({ store, reopen }) => {
    const epochs = [store.epoch()];
    for (let life = 0; life < 3; life++) epochs.push((await reopen()).epoch());
    expect(new Set(epochs).size).toBe(4);
  },
  "has whole milliseconds as its time, which goes on with the clock": async ({ store, clock }) => {
    const before = store.now();
    expect(Number.isInteger(before)).toBe(true);
    await clock.advance(1500);
    expect(store.now()).toBe(before + 1500);
  },
  "goes on from the time of its last commit when the wall clock was set back": async ({
    store,
    reopen,
  }) => {
    await store.commit(turn("j1", 1));
    const before = store.now();
    const behind = new FakeClock(before - 600_000);
    const next = await reopen(behind);
    expect(next.now()).toBe(before);
    await behind.advance(10);
    expect(next.now()).toBe(before + 10);
  },
  "keeps jobs, history, lists, counts and keys": async ({ store, reopen }) => {
    await store.commit(turn("j1", 1));
    await store.commit(turn("j1", 2, { status: "failed" }));
    await store.claimKey("k", "j1", 1000);
    const next = await reopen();
    expect(await next.loadJob("j1")).toMatchObject({ revision: 2, envelope: '{"at":2}' });
    expect(await next.history("j1", 0, 10)).toHaveLength(2);
    expect((await next.listJobs({ limit: 5, status: "failed" })).jobs).toHaveLength(1);
    expect(await next.countJobs()).toEqual({ failed: 1 });
    expect(await next.claimKey("k", "j2", 1000)).toBe("j1");
    expect(await next.commit(turn("j1", 2))).toEqual({ outcome: "conflict", revision: 2 });
  },
  "keeps queues and ranks, and what is paused": async ({ store, reopen }) => {
    await store.setPaused("echo", true);
    await addTasks(store, "j1", ["a", "b"]);
    await claimOne(store);
    const next = await reopen();
    await addTasks(next, "j2", ["c"]);
    await putBack(next, "j1:a", 1);
    expect(await next.countQueues()).toEqual({ echo: 3 });
    expect(await next.pausedTypes()).toEqual(["echo"]);
    const { tasks } = await next.claimTasks(claimOf("echo", 9));
    expect(tasks.map(({ child, attempt }) => [child, attempt])).toEqual([
      ["a", 2],
      ["b", 1],
      ["c", 1],
    ]);
  },
  "keeps leases: their holder goes on, others stay fenced": async ({ store, reopen, clock }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store, "h1");
    const next = await reopen();
    await clock.advance(10);
    expect(await extend(next, "j1:a", 1, "h2")).toBe("fenced");
    expect(await extend(next, "j1:a", 1, "h1")).toBe("kept");
  },
  "keeps timers and messages": async ({ store, reopen, clock }) => {
    const ops = [
      { op: "set_timer", timerId: "t", due: store.now() + 1000 },
      { op: "add_message", message: { id: "m1", jobId: "j1", body: [1] }, due: store.now() + 2000 },
      { op: "add_task", task: newTask("j1", "a", { queueTimeoutMs: 3000 }) },
    ] as const;
    await store.commit(turn("j1", 1, { ops }));
    const next = await reopen();
    await clock.advance(3000);
    const due = await next.due(10);
    expect([due.timers.length, due.messages.length, due.overdue.length]).toEqual([1, 1, 1]);
  },
  "forgets a job that has ended, and nothing of one that goes on": async ({ store, reopen }) => {
    await store.commit(turn("j1", 1));
    await store.commit(turn("j1", 2, { status: "finished" }));
    await store.commit(turn("j2", 1, { status: "waiting_for_event" }));
    for (const jobId of ["j1", "j2", "j3"]) await store.removeJob(jobId);
    const next = await reopen();
    expect(await next.loadJob("j1")).toBeUndefined();
    expect(await next.history("j1", 0, 10)).toEqual([]);
    expect((await next.listJobs({ limit: 9 })).jobs.map(({ jobId }) => jobId)).toEqual(["j2"]);
    expect(await next.countJobs()).toEqual({ waiting_for_event: 1 });
    expect(await next.history("j2", 0, 10)).toHaveLength(1);
    expect(await next.commit(turn("j1", 1))).toMatchObject({ outcome: "committed" });
  },
  "ends what is under way before it closes": async ({ store, reopen }) => {
    const commits = Array.from({ length: 20 }, (_, n) => store.commit(turn(`j${n}`, 1)));
    const next = await reopen();
    expect((await Promise.all(commits)).every(({ outcome }) => outcome === "committed")).toBe(true);
    expect(await next.countJobs()).toEqual({ running: 20 });
  },
  "refuses every call after it has been closed, and closes twice without harm": async ({
    store,
  }) => {
    await store.close();
    await store.close();
    const closed = { code: "store.closed" };
    await expect(store.commit(turn("j1", 1))).rejects.toMatchObject(closed);
    await expect(store.loadJob("j1")).rejects.toMatchObject(closed);
    await expect(store.due(1)).rejects.toMatchObject(closed);
    await expect(store.claimTasks(claimOf("echo", 1))).rejects.toMatchObject(closed);
    await expect(store.listJobs({ limit: 1 })).rejects.toMatchObject(closed);
  },
};
