// Whoever has the attempt has the task: leases, fencing, and what is put back.
import { expect } from "vitest";
import type { Op } from "../../src/store/commit.ts";
import type { Cases } from "./conformance.ts";
import { addTasks, claimOf, claimOne, extend, newTask, offerTo, putBack, turn } from "./sample.ts";

const finish = (taskId: string, attempt: number) =>
  turn("j1", 2, { ops: [{ op: "finish_task", taskId, attempt }] });

export const taskCases: Cases = {
  "leases a new task to the offer where its queue is empty": async ({ store }) => {
    const ops = [{ op: "add_task", task: newTask("j1", "a"), offer: offerTo("h1", 5000) }] as const;
    const now = store.now();
    expect(await store.commit(turn("j1", 1, { ops }))).toEqual({
      outcome: "committed",
      now,
      leased: ["j1:a"],
    });
    expect(await store.loadTask("j1:a")).toEqual({
      ...newTask("j1", "a"),
      state: "leased",
      attempt: 1,
      settled: 0,
      failures: 0,
      losses: 0,
      createdAt: now,
      since: now,
      lease: {
        holder: "h1",
        workerId: "worker of h1",
        node: store.nodes.nodeId,
        startedAt: now,
        until: now + 5000,
      },
    });
    expect(await store.countQueues()).toEqual({});
  },
  "throws, and writes nothing, for a task whose id does not begin with its job's": async ({
    store,
  }) => {
    const ops = [{ op: "add_task", task: newTask("j2", "a") }] as const;
    await expect(store.commit(turn("j1", 1, { ops }))).rejects.toThrow(/begins with its job's/);
    expect(await store.loadTask("j2:a")).toBeUndefined();
    expect(await store.loadJob("j1")).toBeUndefined();
  },
  "queues a new task without an offer": async ({ store }) => {
    await addTasks(store, "j1", ["a"]);
    const now = store.now();
    expect(await store.loadTask("j1:a")).toEqual({
      ...newTask("j1", "a"),
      state: "queued",
      attempt: 0,
      settled: 0,
      failures: 0,
      losses: 0,
      createdAt: now,
      since: now,
    });
  },
  "queues a new task behind a backlog, whatever is offered": async ({ store }) => {
    await addTasks(store, "j1", ["a"]);
    const ops = [{ op: "add_task", task: newTask("j2", "b"), offer: offerTo("h1") }] as const;
    expect(await store.commit(turn("j2", 1, { ops }))).toMatchObject({ leased: [] });
    expect((await claimOne(store)).taskId).toBe("j1:a");
  },
  "does not take a backlog of another queue, or a delayed task, for one of this queue": async ({
    store,
  }) => {
    await addTasks(store, "j1", ["a"], { queue: "other" });
    await addTasks(store, "j2", ["b"]);
    await claimOne(store);
    await putBack(store, "j2:b", 1, true, 1000);
    const ops = [{ op: "add_task", task: newTask("j3", "c"), offer: offerTo("h1") }] as const;
    expect(await store.commit(turn("j3", 1, { ops }))).toMatchObject({ leased: ["j3:c"] });
  },
  "leases each task of one turn whose queue is still empty": async ({ store }) => {
    const add = (name: string, offered: boolean) =>
      ({
        op: "add_task",
        task: newTask("j1", name),
        ...(offered && { offer: offerTo("h1") }),
      }) as const;
    const ops = [add("a", true), add("b", true), add("c", false), add("d", true)];
    expect(await store.commit(turn("j1", 1, { ops }))).toMatchObject({ leased: ["j1:a", "j1:b"] });
    expect(await store.countQueues()).toEqual({ echo: 2 });
  },
  "takes the result of the current attempt, once": async ({ store }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    expect(await store.commit(finish("j1:a", 1))).toMatchObject({ outcome: "committed" });
    expect(await store.loadTask("j1:a")).toBeUndefined();
    const again = turn("j1", 3, { ops: [{ op: "finish_task", taskId: "j1:a", attempt: 1 }] });
    expect(await store.commit(again)).toEqual({ outcome: "fenced", taskId: "j1:a" });
  },
  "refuses the result of a task that never was": async ({ store }) => {
    await store.commit(turn("j1", 1));
    expect(await store.commit(finish("j1:x", 1))).toEqual({ outcome: "fenced", taskId: "j1:x" });
  },
  "refuses a result of a task that no attempt was made of": async ({ store }) => {
    await addTasks(store, "j1", ["a"]);
    expect(await store.commit(finish("j1:a", 0))).toEqual({ outcome: "fenced", taskId: "j1:a" });
    expect(await store.commit(finish("j1:a", 1))).toEqual({ outcome: "fenced", taskId: "j1:a" });
  },
  "refuses the result of an attempt whose lease has passed on": async ({ store }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store, "h1");
    await putBack(store, "j1:a", 1, false);
    await claimOne(store, "h2");
    expect(await store.commit(finish("j1:a", 1))).toEqual({ outcome: "fenced", taskId: "j1:a" });
    expect(await store.commit(finish("j1:a", 2))).toMatchObject({ outcome: "committed" });
  },
  "takes the late result of a lost attempt that nobody took over": async ({ store }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    await putBack(store, "j1:a", 1, false);
    expect(await store.commit(finish("j1:a", 1))).toMatchObject({ outcome: "committed" });
    expect(await store.countQueues()).toEqual({});
    expect(await store.claimTasks(claimOf("echo", 1))).toEqual({ tasks: [], drained: ["echo"] });
  },
  "takes the late result of a lost attempt while the task is delayed": async ({ store, clock }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    await putBack(store, "j1:a", 1, false, 1000);
    expect(await store.commit(finish("j1:a", 1))).toMatchObject({ outcome: "committed" });
    await clock.advance(2000);
    expect((await store.due(10)).queues).toEqual([]);
  },
  "refuses the result of a settled attempt": async ({ store }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    await putBack(store, "j1:a", 1, true);
    expect(await store.commit(finish("j1:a", 1))).toEqual({ outcome: "fenced", taskId: "j1:a" });
  },
  "removes a task in any state, and does nothing where it is gone": async ({ store }) => {
    await addTasks(store, "j1", ["a", "b", "c"]);
    await claimOne(store);
    await claimOne(store);
    await putBack(store, "j1:b", 1, true, 1000);
    const ops = ["a", "b", "c", "d"].map(
      (n) => ({ op: "remove_task", taskId: `j1:${n}` }) as const,
    );
    expect(await store.commit(turn("j1", 2, { ops }))).toMatchObject({ outcome: "committed" });
    expect(await store.commit(turn("j1", 3, { ops }))).toMatchObject({ outcome: "committed" });
    expect(await store.listTasks("j1")).toEqual([]);
    expect(await store.countQueues()).toEqual({});
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
  "lists the open tasks of one job in the order they were added": async ({ store }) => {
    await addTasks(store, "j1", ["c", "a", "b"]);
    await addTasks(store, "j10", ["d"]);
    await claimOne(store);
    const tasks = await store.listTasks("j1");
    expect(tasks.map(({ child, state }) => [child, state])).toEqual([
      ["c", "leased"],
      ["a", "queued"],
      ["b", "queued"],
    ]);
  },
  "extends the lease of its holder, and keeps the progress it sent": async ({ store, clock }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store, "h1");
    const startedAt = store.now();
    await clock.advance(20_000);
    const extension = { taskId: "j1:a", attempt: 1, ...offerTo("h1"), progress: { done: 3 } };
    expect(await store.extendLeases([extension])).toEqual(["kept"]);
    expect(await store.loadTask("j1:a")).toMatchObject({
      since: startedAt,
      lease: { startedAt, until: startedAt + 50_000 },
      progress: { done: 3 },
    });
    expect(await extend(store, "j1:a", 1, "h1")).toBe("kept");
    expect((await store.loadTask("j1:a"))!.progress).toEqual({ done: 3 });
  },
  "extends a lease that has ended, while nobody took the task": async ({ store, clock }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store, "h1");
    await clock.advance(60_000);
    expect(await extend(store, "j1:a", 1, "h1")).toBe("kept");
    expect((await store.due(10)).expired).toEqual([]);
  },
  "gives a lost attempt back to its holder that still runs it": async ({ store, clock }) => {
    await addTasks(store, "j1", ["a", "b"]);
    await store.claimTasks(claimOf("echo", 2));
    await putBack(store, "j1:a", 1, false);
    await putBack(store, "j1:b", 1, false, 1000);
    await clock.advance(10);
    expect(await extend(store, "j1:a", 1, "h1")).toBe("kept");
    expect(await extend(store, "j1:b", 1, "h1")).toBe("kept");
    const now = store.now();
    const lease = { holder: "h1", workerId: "worker of h1", startedAt: now, until: now + 30_000 };
    expect(await store.loadTask("j1:a")).toMatchObject({
      state: "leased",
      attempt: 1,
      since: now,
      lease,
    });
    expect(await store.loadTask("j1:b")).toMatchObject({ state: "leased", attempt: 1, lease });
    expect(await store.loadTask("j1:b")).not.toHaveProperty("availableAt");
    expect(await store.loadTask("j1:b")).not.toHaveProperty("lastHolder");
    expect(await store.countQueues()).toEqual({});
    expect((await store.claimTasks(claimOf("echo", 9))).tasks).toEqual([]);
  },
  "remembers who held a lost attempt, and gives it to nobody else": async ({ store, clock }) => {
    await addTasks(store, "j1", ["a", "b"]);
    await store.claimTasks(claimOf("echo", 2));
    await putBack(store, "j1:a", 1, false);
    await putBack(store, "j1:b", 1, false, 1000);
    await clock.advance(2000);
    expect((await store.due(10)).queues).toEqual(["echo"]);
    for (const taskId of ["j1:a", "j1:b"]) {
      expect(await store.loadTask(taskId)).toMatchObject({ state: "queued", lastHolder: "h1" });
      expect(await extend(store, taskId, 1, "h2")).toBe("fenced");
      expect(await store.loadTask(taskId)).toMatchObject({ state: "queued", lastHolder: "h1" });
    }
    expect(await claimOne(store, "h2")).not.toHaveProperty("lastHolder");
    await putBack(store, "j1:a", 2, true);
    expect(await store.loadTask("j1:a")).not.toHaveProperty("lastHolder");
  },
  "fences extensions of other holders, other attempts and settled ones": async ({ store }) => {
    await addTasks(store, "j1", ["a", "b"]);
    await store.claimTasks(claimOf("echo", 2));
    expect(await extend(store, "j1:a", 1, "h2")).toBe("fenced");
    expect(await extend(store, "j1:a", 2, "h1")).toBe("fenced");
    expect(await extend(store, "j1:a", 0, "h1")).toBe("fenced");
    await putBack(store, "j1:b", 1, true);
    expect(await extend(store, "j1:b", 1, "h1")).toBe("fenced");
    expect((await store.loadTask("j1:a"))!.lease!.holder).toBe("h1");
  },
  "answers each extension of a call on its own": async ({ store }) => {
    await addTasks(store, "j1", ["a", "b"]);
    await store.claimTasks(claimOf("echo", 2));
    const of = (taskId: string, holder: string) => ({ taskId, attempt: 1, ...offerTo(holder) });
    expect(
      await store.extendLeases([of("j1:a", "h1"), of("j1:x", "h1"), of("j1:b", "h2")]),
    ).toEqual(["kept", "unknown", "fenced"]);
    expect(await store.extendLeases([])).toEqual([]);
  },
  "keeps the latest checkpoint over attempts, through a loss, a release and another holder":
    async ({ store }) => {
      const save = (attempt: number, holder: string, checkpoint?: unknown) =>
        store.extendLeases([
          {
            taskId: "j1:a",
            attempt,
            ...offerTo(holder),
            ...(checkpoint !== undefined && { checkpoint }),
          },
        ]);
      await addTasks(store, "j1", ["a"]);
      expect(await claimOne(store)).not.toHaveProperty("checkpoint");
      expect(await save(1, "h1", { page: 3, note: "a\nb\tc\u2028" })).toEqual(["kept"]);
      expect(await save(1, "h1", { page: 7, note: "a\nb" })).toEqual(["kept"]);
      expect(await save(1, "h1")).toEqual(["kept"]);
      await putBack(store, "j1:a", 1, false);
      expect(await claimOne(store, "h2")).toMatchObject({
        attempt: 2,
        checkpoint: { page: 7, note: "a\nb" },
        params: newTask("j1", "a").params,
      });
      await putBack(store, "j1:a", 2, true);
      expect((await claimOne(store, "h3")).checkpoint).toEqual({ page: 7, note: "a\nb" });
      expect(await save(3, "h3", null)).toEqual(["kept"]);
      await putBack(store, "j1:a", 3, true);
      expect((await claimOne(store)).checkpoint).toBeNull();
    },
  "refuses the checkpoint of an attempt that is settled, replaced or somebody else's": async ({
    store,
  }) => {
    const save = (attempt: number, holder: string) =>
      store.extendLeases([{ taskId: "j1:a", attempt, ...offerTo(holder), checkpoint: holder }]);
    await addTasks(store, "j1", ["a"]);
    await claimOne(store, "h1");
    expect(await save(1, "h2")).toEqual(["fenced"]);
    await putBack(store, "j1:a", 1, true);
    expect(await save(1, "h1")).toEqual(["fenced"]);
    await claimOne(store, "h2");
    expect(await save(1, "h1")).toEqual(["fenced"]);
    expect(await store.loadTask("j1:a")).not.toHaveProperty("checkpoint");
    expect(
      await store.extendLeases([{ taskId: "j1:x", attempt: 1, ...offerTo("h1"), checkpoint: 1 }]),
    ).toEqual(["unknown"]);
  },
  "forgets the progress of an attempt when the next one is leased": async ({ store }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    await store.extendLeases([{ taskId: "j1:a", attempt: 1, ...offerTo("h1"), progress: 9 }]);
    await putBack(store, "j1:a", 1);
    expect(await claimOne(store)).not.toHaveProperty("progress");
  },
  "counts a failure, keeps its error and waits out the delay": async ({ store, clock }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    const error = { code: "TRANSIENT_ERROR", message: "busy", details: { host: "x" } };
    const requeue = {
      taskId: "j1:a",
      attempt: 1,
      delayMs: 1000,
      settle: true,
      counts: true,
      error,
    };
    expect(await store.requeueTask(requeue)).toBe("requeued");
    const now = store.now();
    const task = await store.loadTask("j1:a");
    expect(task).toMatchObject({ state: "delayed", failures: 1, settled: 1, lastError: error });
    expect(task).toMatchObject({ since: now, availableAt: now + 1000 });
    expect(task).not.toHaveProperty("lease");
    expect((await store.claimTasks(claimOf("echo", 1))).tasks).toEqual([]);
    await clock.advance(1000);
    expect((await store.due(10)).queues).toEqual(["echo"]);
    expect(await claimOne(store)).toMatchObject({ attempt: 2, failures: 1, lastError: error });
  },
  "counts no failure for a released attempt": async ({ store }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    await putBack(store, "j1:a", 1);
    expect(await store.loadTask("j1:a")).toMatchObject({
      failures: 0,
      state: "queued",
      settled: 1,
    });
  },
  "puts a lapsed attempt back, but not one whose lease was renewed meanwhile": async ({
    store,
    clock,
  }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    const lapsed = {
      taskId: "j1:a",
      attempt: 1,
      delayMs: 0,
      settle: false,
      counts: true,
      lapsed: true,
    } as const;
    await clock.advance(29_999);
    expect(await store.requeueTask(lapsed)).toBe("fenced");
    await clock.advance(1);
    expect(await store.requeueTask(lapsed)).toBe("requeued");
    expect(await store.loadTask("j1:a")).toMatchObject({ failures: 0, losses: 1 });
  },
  "ends a lapsed attempt, but not one whose lease was renewed meanwhile": async ({
    store,
    clock,
  }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    const ops = [{ op: "finish_task", taskId: "j1:a", attempt: 1, lapsed: true }] as const;
    await clock.advance(29_999);
    expect(await store.commit(turn("j1", 2, { ops }))).toMatchObject({ outcome: "fenced" });
    await clock.advance(1);
    expect(await store.commit(turn("j1", 2, { ops }))).toMatchObject({ outcome: "committed" });
  },
  "puts an attempt back once": async ({ store }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    expect(await putBack(store, "j1:a", 2)).toBe("fenced");
    expect(await putBack(store, "j1:a", 1)).toBe("requeued");
    expect(await putBack(store, "j1:a", 1)).toBe("fenced");
    expect(await putBack(store, "j1:x", 1)).toBe("fenced");
    await claimOne(store);
    expect(await putBack(store, "j1:a", 1)).toBe("fenced");
    expect((await store.loadTask("j1:a"))!.state).toBe("leased");
  },
  "adds over a thousand tasks in one turn, leases and extends them at once, and ends them in one turn":
    async ({ store }) => {
      const names = Array.from({ length: 1100 }, (_, n) => `t${n}`);
      await addTasks(store, "j1", names, { queueTimeoutMs: 60_000 });
      expect(await store.countQueues()).toEqual({ echo: 1100 });
      const { tasks } = await store.claimTasks(claimOf("echo", 1050));
      expect(tasks.map(({ child }) => child)).toEqual(names.slice(0, 1050));
      const kept = tasks.map(({ taskId }) => ({ taskId, attempt: 1, ...offerTo("h1", 40_000) }));
      expect(new Set(await store.extendLeases(kept))).toEqual(new Set(["kept"]));
      const ops: readonly Op[] = [
        ...tasks.map(({ taskId }) => ({ op: "finish_task", taskId, attempt: 1 }) as const),
        ...names.slice(1050).map((name) => ({ op: "remove_task", taskId: `j1:${name}` }) as const),
        { op: "add_task", task: newTask("j1", "t1099") },
      ];
      expect(await store.commit(turn("j1", 2, { ops }))).toMatchObject({ outcome: "committed" });
      expect(await store.listTasks("j1")).toMatchObject([{ child: "t1099", state: "queued" }]);
      expect(await store.countQueues()).toEqual({ echo: 1 });
      expect(await store.due(9)).toMatchObject({ expired: [], overdue: [], queues: ["echo"] });
      expect(await store.due(9)).not.toHaveProperty("next");
    },
};
