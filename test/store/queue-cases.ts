// Who is served first.
import { expect } from "vitest";
import type { Cases } from "./conformance.ts";
import { addTasks, claimOf, claimOne, offerTo, putBack } from "./sample.ts";

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
  "does not mix up queues whose names begin alike": async ({ store }) => {
    await addTasks(store, "j1", ["a"], { queue: "echo" });
    await addTasks(store, "j2", ["b"], { queue: "echo_task" });
    await addTasks(store, "j3", ["c"], { queue: "ech" });
    const { tasks } = await store.claimTasks(claimOf("echo", 9));
    expect(tasks.map(({ child }) => child)).toEqual(["a"]);
  },
};
