// What nodes of one storage tell each other. Hints arrive later, so these cases wait for what they expect.
import { expect } from "vitest";
import type { Hint } from "../../src/store/nodes.ts";
import type { Store } from "../../src/store/store.ts";
import { eventually } from "../support/eventually.ts";
import type { Cases } from "./conformance.ts";
import { addTasks, claimOf, claimOne, newTask, offerTo, turn } from "./sample.ts";

/** Note what a node hears. */
async function heard(store: Store): Promise<Hint[]> {
  const hints: Hint[] = [];
  await store.nodes.listen((hint) => hint && hints.push(hint));
  return hints;
}

/** Wait until a node has heard what it should. */
const sees = (look: () => unknown, expected: unknown) =>
  eventually(() => {
    expect(look()).toEqual(expected);
    return true;
  });

const alone: Cases = {
  "announces a node to itself, and forgets it when it departs": async ({ store }) => {
    const { nodeId } = store.nodes;
    expect(await store.nodes.announce({ workers: [1] }, 1000)).toEqual([
      { nodeId, about: { workers: [1] } },
    ]);
    await store.nodes.depart();
    expect(await store.nodes.announce({}, 1000)).toEqual([{ nodeId, about: {} }]);
  },
  "names no followers of a job that only its own node follows": async ({ store }) => {
    const hints = await heard(store);
    const begun = await store.commit({ ...turn("j1", 1), follow: true });
    await store.nodes.follow("j1");
    const moved = await store.commit(turn("j1", 2));
    expect(begun).not.toHaveProperty("followers");
    expect(moved).not.toHaveProperty("followers");
    expect(hints).toEqual([]);
  },
};

const between: Cases = {
  "shows every node all that live, ordered by id": async ({ store, join }) => {
    const a = await join("a");
    await store.nodes.announce({ is: "first" }, 60_000);
    const nodes = await a.nodes.announce({ is: "second" }, 60_000);
    const both = [
      { nodeId: "a", about: { is: "second" } },
      { nodeId: store.nodes.nodeId, about: { is: "first" } },
    ];
    expect(nodes).toEqual(both);
    expect(await store.nodes.announce({ is: "first" }, 60_000)).toEqual(both);
    await a.nodes.depart();
    expect(await store.nodes.announce({}, 60_000)).toHaveLength(1);
  },
  "takes a node for dead that has not been heard of for as long as it asked": async ({
    store,
    join,
    clock,
  }) => {
    const a = await join("a");
    await a.nodes.announce({}, 1000);
    await clock.advance(1001);
    const living = await store.nodes.announce({}, 60_000);
    expect(living.map(({ nodeId }) => nodeId)).toEqual([store.nodes.nodeId]);
  },
  "tells the nodes that follow a job that it moved, and says who they are": async ({
    store,
    join,
  }) => {
    const a = await join("a");
    const b = await join("b");
    const [hintsOfA, hintsOfB] = [await heard(a), await heard(b)];
    await a.commit({ ...turn("j1", 1), follow: true });
    expect(await store.commit(turn("j1", 2))).toMatchObject({ followers: ["a"] });
    await b.nodes.follow("j1");
    const third = await store.commit(turn("j1", 3));
    expect("followers" in third && third.followers?.toSorted()).toEqual(["a", "b"]);
    await a.nodes.unfollow("j1");
    expect(await store.commit(turn("j1", 4))).toMatchObject({ followers: ["b"] });
    await eventually(() => {
      expect(hintsOfA.filter(({ kind }) => kind === "moved")).toEqual([
        { kind: "moved", jobId: "j1", revision: 2 },
        { kind: "moved", jobId: "j1", revision: 3 },
      ]);
      expect(hintsOfB).toEqual([
        { kind: "moved", jobId: "j1", revision: 3 },
        { kind: "moved", jobId: "j1", revision: 4 },
      ]);
      return true;
    });
  },
  "tells of the end of a job, and lets its followers go": async ({ store, join }) => {
    const a = await join("a");
    const hints = await heard(a);
    await a.commit({ ...turn("j1", 1), follow: true });
    await store.commit(turn("j1", 2, { status: "finished" }));
    await sees(() => hints, [{ kind: "moved", jobId: "j1", revision: 2 }]);
    await store.removeJob("j1");
    expect(await store.commit(turn("j1", 1))).not.toHaveProperty("followers");
  },
  "tells other nodes that one of them follows a job": async ({ store, join }) => {
    const a = await join("a");
    const hints = await heard(store);
    await a.nodes.follow("j1");
    const followed = { kind: "followed", jobId: "j1", nodeId: "a" } as const;
    await sees(() => hints, [followed]);
  },
  "names the followers of the jobs whose tasks are claimed": async ({ store, join }) => {
    const a = await join("a");
    await addTasks(store, "j1", ["t"]);
    await addTasks(store, "j2", ["t"]);
    await a.nodes.follow("j2");
    const claimed = await store.claimTasks(claimOf("echo", 9));
    expect(claimed.followers).toEqual({ j2: ["a"] });
  },
  "tells other nodes of tasks that wait, once they are known to be there": async ({
    store,
    join,
  }) => {
    const a = await join("a");
    const hints = await heard(a);
    await a.nodes.announce({}, 60_000);
    await store.nodes.announce({}, 60_000);
    const ops = [
      { op: "add_task", task: newTask("j1", "x"), offer: offerTo("h1") },
      { op: "add_task", task: newTask("j1", "y", { queue: "q2" }) },
      { op: "add_task", task: newTask("j1", "z", { queue: "q2" }) },
    ] as const;
    await store.commit(turn("j1", 1, { ops }));
    await sees(() => hints, [{ kind: "queued", shard: 0, queues: ["q2"] }]);
  },
  "tells the node that runs a task when the task is not wanted any more": async ({
    store,
    join,
  }) => {
    const a = await join("a");
    const hints = await heard(a);
    await addTasks(store, "j1", ["t"]);
    await claimOne(a);
    const ops = [{ op: "remove_task", taskId: "j1:t", reason: "left" }] as const;
    await store.commit(turn("j1", 2, { ops }));
    const stop = { kind: "stop", taskId: "j1:t", attempt: 1, reason: "left" } as const;
    await sees(() => hints.filter(({ kind }) => kind === "stop"), [stop]);
  },
  "notes the node that extended a lease last": async ({ store, join }) => {
    const a = await join("a");
    await addTasks(store, "j1", ["t"]);
    await claimOne(store, "h1");
    await a.extendLeases([{ taskId: "j1:t", attempt: 1, ...offerTo("h1") }]);
    expect((await store.loadTask("j1:t"))!.lease).toMatchObject({ node: "a", holder: "h1" });
  },
  "passes news to one node and hints to all others": async ({ store, join }) => {
    const a = await join("a");
    const b = await join("b");
    const [own, hintsOfA, hintsOfB] = [await heard(store), await heard(a), await heard(b)];
    const news = { kind: "news", jobId: "j1", news: { progress: 1 } } as const;
    const queued = { kind: "queued", shard: 3, queues: ["q"] } as const;
    store.nodes.tell("a", news);
    store.nodes.tellAll(queued);
    await eventually(() => {
      expect(hintsOfA).toEqual([news, queued]);
      expect(hintsOfB).toEqual([queued]);
      return true;
    });
    expect(own).toEqual([]);
  },
};

export const nodeCases: Cases = { ...alone, ...between };
/** The cases that need more than one node. */
export const betweenNodes = Object.keys(between);
