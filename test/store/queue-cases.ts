// Who is served first.
import { expect } from "vitest";
import type { Cases } from "./conformance.ts";
import { addTasks, claimOf, claimOne, newTask, offerTo, putBack, turn } from "./sample.ts";

export const queueCases: Cases = {
  "serves first in, first out": async ({ store }) => {
    await addTasks(store, "j2", ["b", "a"]);
    await addTasks(store, "j1", ["c"]);
    const { tasks, drained } = await store.claimTasks(claimOf("echo", 2));
    expect(tasks.map(({ taskId }) => taskId)).toEqual(["j2:b", "j2:a"]);
    expect(tasks[0]).toMatchObject({ attempt: 1, state: "leased", lease: { holder: "h1" } });
    expect(drained).toEqual([]);
  },
  "serves higher priority first": async ({ store }) => {
    for (const priority of [3, 9, 0, 5, 9])
      await addTasks(store, `j${priority}x${(await store.countQueues())["echo"] ?? 0}`, ["t"], {
        priority,
      });
    const { tasks } = await store.claimTasks(claimOf("echo", 9));
    expect(tasks.map(({ jobId }) => jobId)).toEqual(["j9x1", "j9x4", "j5x3", "j3x0", "j0x2"]);
  },
  "keeps the rank of a task that is put back": async ({ store, clock }) => {
    await addTasks(store, "j1", ["a", "b"]);
    await addTasks(store, "j2", ["c"]);
    await claimOne(store);
    await claimOne(store);
    await putBack(store, "j1:b", 1);
    await putBack(store, "j1:a", 1, true, 100);
    await clock.advance(100);
    await store.due(10);
    const { tasks } = await store.claimTasks(claimOf("echo", 9));
    expect(tasks.map(({ child }) => child)).toEqual(["a", "b", "c"]);
  },
  "serves several queues by priority, then in the order the tasks were added": async ({
    store,
  }) => {
    await addTasks(store, "j1", ["a"], { queue: "q2" });
    await addTasks(store, "j2", ["b"], { queue: "q1" });
    await addTasks(store, "j3", ["c"], { queue: "q2", priority: 9 });
    await addTasks(store, "j4", ["d"], { queue: "q3", priority: 9 });
    const queues = ["q1", "q2"].map((queue) => ({ queue, limit: 5 }));
    const { tasks, drained } = await store.claimTasks({
      shard: 0,
      queues,
      limit: 9,
      ...offerTo("h1"),
    });
    expect(tasks.map(({ child }) => child)).toEqual(["c", "a", "b"]);
    expect(drained).toEqual(["q1", "q2"]);
  },
  "takes no more than asked for, of each queue and in all": async ({ store }) => {
    await addTasks(store, "j1", ["a", "b", "c"], { queue: "q1" });
    await addTasks(store, "j2", ["d", "e"], { queue: "q2" });
    const queues = [
      { queue: "q1", limit: 1 },
      { queue: "q2", limit: 5 },
      { queue: "q3", limit: 5 },
    ];
    const first = await store.claimTasks({ shard: 0, queues, limit: 2, ...offerTo("h1") });
    expect(first.tasks.map(({ child }) => child)).toEqual(["a", "d"]);
    expect(first.drained).toEqual(["q3"]);
    const second = await store.claimTasks({ shard: 0, queues, limit: 9, ...offerTo("h1") });
    expect(second.tasks.map(({ child }) => child)).toEqual(["b", "e"]);
    expect(second.drained).toEqual(["q2", "q3"]);
    const none = [{ queue: "q1", limit: 0 }];
    expect(await store.claimTasks({ shard: 0, queues: none, limit: 9, ...offerTo("h1") })).toEqual({
      tasks: [],
      drained: [],
    });
  },
  "counts a task as one priority higher for each time that it has waited": async ({
    store,
    clock,
  }) => {
    await addTasks(store, "j1", ["low"], { priority: 3 });
    await clock.advance(2000);
    await addTasks(store, "j2", ["high", "higher"], { priority: 5 });
    const claim = { ...claimOf("echo", 1), ageMs: 1000 };
    const next = async () => (await store.claimTasks(claim)).tasks[0]?.child;
    // Two steps make it equal, and of equals the one with the higher priority of its own is first.
    expect(await next()).toBe("high");
    await clock.advance(1000);
    await addTasks(store, "j3", ["newest"], { priority: 5 });
    expect(await next()).toBe("higher");
    expect(await next()).toBe("low");
    expect(await next()).toBe("newest");
  },
  "serves lanes in turn, and within a lane who was added first": async ({ store }) => {
    await addTasks(store, "j1", ["a1", "a2"], { queue: "a" });
    await addTasks(store, "j2", ["b1"], { queue: "b" });
    await addTasks(store, "j3", ["c1"], { queue: "c" });
    await addTasks(store, "j4", ["a3"], { queue: "a" });
    const queues = [
      { queue: "a", limit: 9, lane: 1 },
      { queue: "b", limit: 9, lane: 0 },
      { queue: "c", limit: 9, lane: 0 },
    ];
    const { tasks } = await store.claimTasks({ shard: 0, queues, limit: 9, ...offerTo("h1") });
    expect(tasks.map(({ child }) => child)).toEqual(["b1", "a1", "c1", "a2", "a3"]);
  },
  "puts priority before the turns of lanes": async ({ store }) => {
    await addTasks(store, "j1", ["a1", "a2"], { queue: "a", priority: 6 });
    await addTasks(store, "j2", ["b1"], { queue: "b" });
    const queues = [
      { queue: "b", limit: 9, lane: 0 },
      { queue: "a", limit: 9, lane: 1 },
    ];
    const { tasks } = await store.claimTasks({ shard: 0, queues, limit: 2, ...offerTo("h1") });
    expect(tasks.map(({ child }) => child)).toEqual(["a1", "a2"]);
  },
  "fills slots, and passes over tasks that take more than are left": async ({ store }) => {
    await addTasks(store, "j1", ["big1", "big2"], { queue: "big" });
    await addTasks(store, "j2", ["s1", "s2", "s3"], { queue: "small" });
    const queues = [
      { queue: "big", limit: 9, slots: 3 },
      { queue: "small", limit: 9 },
    ];
    const { tasks, drained } = await store.claimTasks({
      shard: 0,
      queues,
      limit: 5,
      ...offerTo("h1"),
    });
    expect(tasks.map(({ child }) => child)).toEqual(["big1", "s1", "s2"]);
    expect(drained).toEqual([]);
  },
  "leases no more tasks of a key at once than that allows, by claim, by offer, of whatever queue":
    async ({ store, clock }) => {
      const placement = { limit: { key: "k", concurrency: 2 } };
      const offer = offerTo("h1");
      const add = (jobId: string, queue: string) =>
        store.commit(
          turn(jobId, 1, {
            ops: [{ op: "add_task", task: newTask(jobId, "t", { queue, placement }), offer }],
          }),
        );
      expect(await add("j1", "q1")).toMatchObject({ leased: ["j1:t"] });
      expect(await add("j2", "q2")).toMatchObject({ leased: ["j2:t"] });
      expect(await add("j3", "q3")).toMatchObject({ leased: [] });
      await addTasks(store, "j4", ["other"], { queue: "q4" });
      const queues = [
        { queue: "q3", limit: 9 },
        { queue: "q4", limit: 9 },
      ];
      const claim = { shard: 0, queues, limit: 9, ...offer };
      expect(await store.claimTasks(claim)).toMatchObject({
        tasks: [{ child: "other" }],
        drained: ["q4"],
      });
      await store.commit(
        turn("j1", 2, { ops: [{ op: "finish_task", taskId: "j1:t", attempt: 1 }] }),
      );
      expect(await store.claimTasks(claim)).toMatchObject({ tasks: [{ jobId: "j3" }] });
      await putBack(store, "j2:t", 1, true, 10);
      await addTasks(store, "j5", ["a", "b"], { queue: "q3", placement });
      expect(await store.claimTasks(claim)).toMatchObject({
        tasks: [{ taskId: "j5:a" }],
        drained: ["q4"],
      });
      await clock.advance(10);
      expect(await store.countQueues()).toEqual({ q2: 1, q3: 1 });
    },
  "gives each task to one of many who claim at once": async ({ store }) => {
    const names = Array.from({ length: 30 }, (_, n) => `t${n}`);
    await addTasks(store, "j1", names);
    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, n) => store.claimTasks(claimOf("echo", 2, `h${n}`))),
    );
    const claimed = claims.flatMap(({ tasks }) => tasks.map(({ child }) => child));
    expect(claimed.toSorted()).toEqual(names.toSorted());
  },
  "counts what waits in each queue, queued or delayed": async ({ store }) => {
    expect(await store.countQueues()).toEqual({});
    await addTasks(store, "j1", ["a", "b", "c"]);
    await addTasks(store, "j2", ["d"], { queue: "local:j2" });
    await claimOne(store);
    await claimOne(store);
    expect(await store.countQueues()).toEqual({ echo: 1, "local:j2": 1 });
    await putBack(store, "j1:a", 1, true, 5000);
    expect(await store.countQueues()).toEqual({ echo: 2, "local:j2": 1 });
  },
  "tells since when the first task of each queue waits that can be claimed": async ({
    store,
    clock,
  }) => {
    const begin = store.now();
    await addTasks(store, "j1", ["a"], { priority: 2 });
    await clock.advance(10);
    await addTasks(store, "j2", ["b"], { priority: 7 });
    await addTasks(store, "j3", ["c"], { queue: "other\n{}" });
    await clock.advance(10);
    await addTasks(store, "j4", ["d"]);
    expect(await store.queuedSince()).toEqual({
      echo: { since: begin, shard: 0 },
      "other\n{}": { since: begin + 10, shard: 0 },
    });
    const { tasks } = await store.claimTasks(claimOf("echo", 1));
    expect(tasks).toMatchObject([{ child: "b" }]);
    await claimOne(store, "h1", "other\n{}");
    await claimOne(store);
    await claimOne(store);
    expect(await store.queuedSince()).toEqual({});
  },
  "counts the tasks of a key that are leased, whatever their queue, in each shard by itself":
    async ({ store }) => {
      const of = (key: string) => ({ placement: { limit: { key, concurrency: 2 } } });
      await addTasks(store, "j1", ["a", "b", "c"], of("k"));
      await addTasks(store, "j2", ["d"], { queue: "other", ...of("k") });
      await addTasks(store, "j3", ["e"], { queue: "other", ...of("k\0\n") });
      await addTasks(store, "j4", ["f"], { queue: "other", ...of("kk") });
      const count = () =>
        store.countLeased(
          ["k", "k\0\n", "none"].map((key) => ({ shard: 0, key })).concat({ shard: 1, key: "k" }),
        );
      expect(await count()).toEqual([0, 0, 0, 0]);
      await claimOne(store);
      expect(await count()).toEqual([1, 0, 0, 0]);
      await store.claimTasks(claimOf("other", 9));
      expect(await count()).toEqual([2, 1, 0, 0]);
      await putBack(store, "j1:a", 1);
      expect(await count()).toEqual([1, 1, 0, 0]);
    },
  "notes for all nodes which types are paused": async ({ store }) => {
    expect(await store.pausedTypes()).toEqual([]);
    await store.setPaused("b", true);
    await store.setPaused("a", true);
    await store.setPaused("a", true);
    expect(await store.pausedTypes()).toEqual(["a", "b"]);
    await store.setPaused("b", false);
    await store.setPaused("c", false);
    expect(await store.pausedTypes()).toEqual(["a"]);
  },
  "does not mix up queues whose names begin alike": async ({ store }) => {
    await addTasks(store, "j1", ["a"], { queue: "echo" });
    await addTasks(store, "j2", ["b"], { queue: "echo_task" });
    await addTasks(store, "j3", ["c"], { queue: "ech" });
    const { tasks } = await store.claimTasks(claimOf("echo", 9));
    expect(tasks.map(({ child }) => child)).toEqual(["a"]);
  },
};
