// What comes due by store time: timers, leases, delays and waits. Asking takes nothing away.
import { expect } from "vitest";
import type { Store } from "../../src/store/store.ts";
import type { Cases } from "./conformance.ts";
import { addTasks, claimOf, claimOne, newTask, putBack, turn } from "./sample.ts";

const setTimers = (store: Store, jobId: string, timers: Readonly<Record<string, number>>) =>
  store.commit(
    turn(jobId, 1, {
      ops: Object.entries(timers).map(
        ([timerId, due]) => ({ op: "set_timer", timerId, due }) as const,
      ),
    }),
  );

export const dueCases: Cases = {
  "has nothing due at first": async ({ store }) => {
    expect(await store.due(10)).toEqual({
      now: store.now(),
      timers: [],
      expired: [],
      overdue: [],
      queues: [],
      messages: [],
      outlived: [],
    });
  },
  "fires a timer at its time, not before": async ({ store, clock }) => {
    const due = store.now() + 1000;
    await setTimers(store, "j1", { wake: due });
    await clock.advance(999);
    expect(await store.due(10)).toMatchObject({ timers: [], next: due });
    await clock.advance(1);
    const fired = await store.due(10);
    expect(fired.timers).toEqual([{ timerId: "wake", jobId: "j1", due }]);
    expect(fired).not.toHaveProperty("next");
  },
  "fires a timer again until it is cleared": async ({ store }) => {
    await setTimers(store, "j1", { wake: 5 });
    await store.due(10);
    expect((await store.due(10)).timers).toHaveLength(1);
    await store.commit(turn("j1", 2, { ops: [{ op: "clear_timer", timerId: "wake" }] }));
    expect((await store.due(10)).timers).toEqual([]);
  },
  "moves a timer that is set again": async ({ store, clock }) => {
    const now = store.now();
    await setTimers(store, "j1", { wake: now + 10 });
    const ops = [{ op: "set_timer", timerId: "wake", due: now + 500 }] as const;
    await store.commit(turn("j1", 2, { ops }));
    await clock.advance(100);
    expect(await store.due(10)).toMatchObject({ timers: [], next: now + 500 });
  },
  "keeps timers of different jobs apart, also by the same id": async ({ store }) => {
    await setTimers(store, "j1", { wake: 5 });
    await setTimers(store, "j2", { wake: 6 });
    await store.clearTimer("j1", "wake", store.epoch());
    expect((await store.due(10)).timers).toEqual([{ timerId: "wake", jobId: "j2", due: 6 }]);
  },
  "forgets timers that nobody takes, and does nothing where they are gone": async ({ store }) => {
    await setTimers(store, "j1", { a: 5, b: 6 });
    for (const jobId of ["j1", "jx", "j1"]) await store.clearTimer(jobId, "a", store.epoch());
    expect((await store.due(10)).timers.map(({ timerId }) => timerId)).toEqual(["b"]);
  },
  "forgets no timer for what was seen in another epoch": async ({ store }) => {
    await setTimers(store, "j1", { a: 5 });
    await store.clearTimer("j1", "a", "another");
    expect((await store.due(10)).timers).toHaveLength(1);
  },
  "fires timers in order of their time": async ({ store, clock }) => {
    const now = store.now();
    await setTimers(store, "j1", { late: now + 30, early: now + 10, middle: now + 20 });
    await clock.advance(1000);
    const ids = (await store.due(10)).timers.map(({ timerId }) => timerId);
    expect(ids).toEqual(["early", "middle", "late"]);
  },
  "keeps a timer of 40 days": async ({ store, clock }) => {
    const due = store.now() + 40 * 24 * 3600_000;
    await setTimers(store, "j1", { "xstate.after.40d.order.waiting": due });
    await clock.advance(40 * 24 * 3600_000 - 1);
    expect((await store.due(10)).timers).toEqual([]);
    await clock.advance(1);
    expect((await store.due(10)).timers).toHaveLength(1);
  },
  "cuts a long answer at the limit and says that more is due": async ({ store }) => {
    await setTimers(store, "j1", { a: 1, b: 2, c: 3 });
    const { timers, next } = await store.due(2);
    expect(timers.map(({ timerId }) => timerId)).toEqual(["a", "b"]);
    expect(next).toBe(3);
  },
  "tells the earliest of all that comes": async ({ store }) => {
    const now = store.now();
    await addTasks(store, "j1", ["a"], { queueTimeoutMs: 40_000 });
    expect((await store.due(10)).next).toBe(now + 40_000);
    await claimOne(store);
    expect((await store.due(10)).next).toBe(now + 30_000);
    await putBack(store, "j1:a", 1, true, 20_000);
    expect((await store.due(10)).next).toBe(now + 20_000);
    const message = { id: "m1", jobId: "j2", body: 1 };
    await store.commit(turn("j2", 1, { ops: [{ op: "add_message", message, due: now + 15_000 }] }));
    expect((await store.due(10)).next).toBe(now + 15_000);
    await setTimers(store, "j3", { t: now + 10_000 });
    expect((await store.due(10)).next).toBe(now + 10_000);
  },
  "reports a lease that has ended until the task is put back": async ({ store, clock }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    await clock.advance(29_999);
    expect((await store.due(10)).expired).toEqual([]);
    await clock.advance(1);
    expect((await store.due(10)).expired).toEqual([await store.loadTask("j1:a")]);
    expect((await store.due(10)).expired).toHaveLength(1);
    await putBack(store, "j1:a", 1, false);
    expect((await store.due(10)).expired).toEqual([]);
  },
  "reports a task that waited longer than it may": async ({ store, clock }) => {
    await addTasks(store, "j1", ["a"], { queueTimeoutMs: 1000 });
    await addTasks(store, "j2", ["b"]);
    await clock.advance(1000);
    expect((await store.due(10)).overdue).toEqual([await store.loadTask("j1:a")]);
    await store.claimTasks(claimOf("echo", 9));
    expect((await store.due(10)).overdue).toEqual([]);
  },
  "counts a wait from when the task was queued last": async ({ store, clock }) => {
    await addTasks(store, "j1", ["a"], { queueTimeoutMs: 1000 });
    await claimOne(store);
    await clock.advance(5000);
    await putBack(store, "j1:a", 1);
    await clock.advance(999);
    expect((await store.due(10)).overdue).toEqual([]);
    await clock.advance(1);
    expect((await store.due(10)).overdue).toHaveLength(1);
  },
  "reports a queued task that is older than it may be in all, however short it has waited": async ({
    store,
    clock,
  }) => {
    await addTasks(store, "j1", ["a"], { queueTimeoutMs: 1000, totalTimeoutMs: 1500 });
    await claimOne(store);
    await clock.advance(1400);
    await putBack(store, "j1:a", 1);
    expect((await store.due(10)).next).toBe(store.now() + 100);
    await clock.advance(100);
    expect((await store.due(10)).overdue).toHaveLength(1);
  },
  "queues a delayed task when its time comes, and names its queue": async ({ store, clock }) => {
    await addTasks(store, "j1", ["a", "b"], { queueTimeoutMs: 5000 });
    await store.claimTasks(claimOf("echo", 2));
    await putBack(store, "j1:a", 1, true, 1000);
    await putBack(store, "j1:b", 1, true, 1000);
    await clock.advance(999);
    expect((await store.due(10)).queues).toEqual([]);
    await clock.advance(1);
    const due = await store.due(10);
    expect(due).toMatchObject({ queues: ["echo"], next: store.now() + 5000 });
    expect(await store.loadTask("j1:a")).toMatchObject({ state: "queued", since: store.now() });
    expect(await store.loadTask("j1:a")).not.toHaveProperty("availableAt");
  },
  "reports all kinds in one answer": async ({ store, clock }) => {
    const now = store.now();
    const ops = [
      { op: "add_task", task: newTask("j1", "a") },
      { op: "add_task", task: newTask("j1", "b") },
      { op: "add_task", task: newTask("j1", "c", { queueTimeoutMs: 10 }) },
      { op: "set_timer", timerId: "t", due: now + 10 },
      { op: "add_message", message: { id: "m1", jobId: "j1", body: {} }, due: now + 10 },
    ] as const;
    await store.commit(turn("j1", 1, { ops }));
    await store.claimTasks(claimOf("echo", 2, "h1", 10));
    await putBack(store, "j1:b", 1, true, 10);
    await clock.advance(10);
    const due = await store.due(10);
    expect(due.timers).toHaveLength(1);
    expect(due.messages).toHaveLength(1);
    expect(due.expired.map(({ child }) => child)).toEqual(["a"]);
    expect(due.overdue.map(({ child }) => child)).toEqual(["c"]);
    expect(due.queues).toEqual(["echo"]);
    expect(due).not.toHaveProperty("next");
  },
  "names the queues that tasks wait in, for as long as they do": async ({ store }) => {
    await addTasks(store, "j1", ["b"], { queue: "q2" });
    await addTasks(store, "j2", ["a", "c"], { queue: "q1" });
    await claimOne(store, "h1", "q1");
    expect((await store.due(10)).queues).toEqual(["q1", "q2"]);
    await claimOne(store, "h1", "q1");
    await claimOne(store, "h1", "q2");
    expect((await store.due(10)).queues).toEqual([]);
  },
  "tells when an ended job has been kept for long enough, until it is removed": async ({
    store,
    clock,
  }) => {
    const until = store.now() + 1000;
    const ops = [{ op: "keep_until", due: until }] as const;
    await store.commit(turn("j1", 1, { status: "finished", ops }));
    expect(await store.due(10)).toMatchObject({ outlived: [], next: until });
    await clock.advance(1000);
    expect((await store.due(10)).outlived).toEqual(["j1"]);
    expect((await store.due(10)).outlived).toEqual(["j1"]);
    await store.removeJob("j1");
    expect((await store.due(10)).outlived).toEqual([]);
  },
  "keeps no time for a job that goes on after its end": async ({ store, clock }) => {
    const until = store.now() + 1000;
    const ops = [{ op: "keep_until", due: until }] as const;
    await store.commit(turn("j1", 1, { status: "failed", ops }));
    await store.commit(turn("j2", 1, { status: "failed", ops }));
    const goesOn = turn("j1", 2, { status: "running", ops: [{ op: "keep" }] });
    await store.commit(goesOn);
    expect(await store.exportJob("j1")).not.toHaveProperty("keptUntil");
    await clock.advance(1000);
    expect((await store.due(10)).outlived).toEqual(["j2"]);
    expect(await store.claimOutlived(["j1", "j2"], 50)).toEqual(["j2"]);
    await store.commit(turn("j1", 3, { status: "finished", ops }));
    expect((await store.due(10)).outlived).toEqual(["j1"]);
  },
  "forgets no time where none was kept, and goes on with the ops that follow": async ({
    store,
  }) => {
    const due = store.now() - 1;
    const ops = [{ op: "keep" }, { op: "set_timer", timerId: "t", due }] as const;
    await store.commit(turn("j1", 1, { ops }));
    expect(await store.due(10)).toMatchObject({ outlived: [], timers: [{ timerId: "t" }] });
  },
  "does not hear of a jump of the wall clock": async ({ store, clock }) => {
    const before = store.now();
    await setTimers(store, "j1", { t: before + 60_000 });
    clock.wallSkewMs = 600_000;
    expect((await store.due(10)).timers).toEqual([]);
    clock.wallSkewMs = -600_000;
    await clock.advance(60_000);
    expect(store.now()).toBe(before + 60_000);
    expect((await store.due(10)).timers).toHaveLength(1);
  },
};
