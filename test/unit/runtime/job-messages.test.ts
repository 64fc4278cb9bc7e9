// Messages between jobs over crashes, repetitions and nodes: each is taken once, and in order.
import { describe, expect, test } from "vitest";
import { childJobId } from "../../../src/id.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { childOf, counter, expectReplayed, parentOf } from "../../support/job-blueprints.ts";
import { openWorld, type World } from "../../support/runtime-world.ts";

describe("across crashes, nodes and shards", () => {
  test("what a node that dies leaves in its outbox is done by the next one, once and in order", async () => {
    const clock = new FakeClock();
    const parent = parentOf();
    // Every commit is followed by a crash: a new node finds the store as it was right after it.
    let image = new MemoryStore({ clock }).snapshot();
    let jobId = "";
    const steps: ((world: World) => Promise<unknown>)[] = [
      async ({ runtime }) => {
        ({ jobId } = await runtime.jobs.start({ blueprint: "parent", input: {} }));
      },
      ({ runtime }) => runtime.jobs.send(jobId, { type: "TELL", n: 2 }),
      ({ runtime }) => runtime.jobs.send(jobId, { type: "TELL", n: 3 }),
      ({ runtime }) => runtime.jobs.send(jobId, { type: "FINISH" }),
    ];
    for (const act of steps) {
      const store = new MemoryStore({ clock, image });
      const dying = await openWorld([parent, counter], { clock, store });
      const commit = store.commit.bind(store);
      let commits = 0;
      store.commit = async (one) => {
        // What comes after the first commit never happens: the process is gone.
        if (commits++ > 0) return new Promise(() => {});
        const result = await commit(one);
        image = store.snapshot();
        return result;
      };
      await act(dying);
    }
    const store = new MemoryStore({ clock, image });
    const { runtime } = await openWorld([parent, counter], { clock, store, nodeId: "last" });
    await clock.advance(120_000);
    expect(await runtime.jobs.get(jobId)).toMatchObject({
      currentState: "done",
      data: { sums: [11, 13, 16], output: { sum: 16, seen: [1, 2, 3] } },
    });
    await expectReplayed(store, parent, jobId);
    expect(await store.due(100)).toMatchObject({ messages: [] });
  });

  test("messages that are sent twice are taken once", async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const remove = store.removeMessages.bind(store);
    let refusals = 0;
    // Each first removal is lost, so each message is done again when it is due.
    const seen = new Set<string>();
    store.removeMessages = async (ids) => {
      const fresh = ids.filter((id) => !seen.has(id));
      for (const id of fresh) seen.add(id);
      if (fresh.length > 0) {
        refusals++;
        throw new Error("the store is not there");
      }
      return remove(ids);
    };
    const { runtime } = await openWorld([parentOf(), counter], { clock, store });
    const { jobId } = await runtime.jobs.start({ blueprint: "parent", input: {} });
    for (const n of [2, 3]) await runtime.jobs.send(jobId, { type: "TELL", n });
    await runtime.jobs.send(jobId, { type: "FINISH" });
    await clock.advance(120_000);
    expect(await runtime.jobs.get(jobId)).toMatchObject({
      data: { sums: [11, 13, 16], output: { seen: [1, 2, 3] } },
    });
    expect(refusals).toBeGreaterThan(5);
    expect(await store.due(100)).toMatchObject({ messages: [] });
  });

  test("two nodes that both send what is due do so once and in order", async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const one = await openWorld([parentOf(), counter], { clock, store, nodeId: "one" });
    const two = await openWorld([parentOf(), counter], { clock, store, nodeId: "two" });
    const { jobId } = await one.runtime.jobs.start({ blueprint: "parent", input: {} });
    const numbers = Array.from({ length: 40 }, (_, n) => n + 2);
    for (const n of numbers)
      await (n % 2 === 0 ? one : two).runtime.jobs.send(jobId, { type: "TELL", n });
    await clock.advance(120_000);
    await one.runtime.jobs.send(jobId, { type: "FINISH" });
    await clock.advance(120_000);
    const { data } = (await two.runtime.jobs.get(jobId))! as {
      data: { output: { seen: number[] } };
    };
    expect(data.output.seen).toEqual([1, ...numbers]);
  });

  test("a child on another shard is found again after shards have been added", async () => {
    const clock = new FakeClock();
    const few = new MemoryStore({ clock, shards: 7 });
    const first = await openWorld([parentOf(), counter], { clock, store: few });
    const jobs = await Promise.all(
      Array.from({ length: 20 }, () =>
        first.runtime.jobs.start({ blueprint: "parent", input: {} }),
      ),
    );
    await clock.advance(0);
    const children = await Promise.all(jobs.map(({ jobId }) => childOf(first, jobId)));
    expect(new Set(children.map((id) => id.split("_")[0])).size).toBeGreaterThan(3);
    const more = new MemoryStore({ clock, shards: 64, image: few.snapshot() });
    const { runtime, store } = await openWorld([parentOf(), counter], { clock, store: more });
    for (const { jobId } of jobs) {
      await runtime.jobs.send(jobId, { type: "TELL", n: 5 });
      await runtime.jobs.send(jobId, { type: "FINISH" });
      expect(await runtime.jobs.wait(jobId, 1000)).toMatchObject({ data: { sums: [11, 16] } });
    }
    await expectReplayed(store, parentOf(), jobs[0]!.jobId);
  });

  test("the id of a child is made of its generation, and spreads over the shards", () => {
    const ids = Array.from({ length: 1000 }, (_, n) => childJobId(`0_a:e.1.${n}`, 64));
    expect(childJobId("0_a:e.1.0", 64)).toBe(ids[0]);
    expect(new Set(ids).size).toBe(1000);
    const shards = new Set(ids.map((id) => id.slice(0, id.indexOf("_"))));
    expect(shards.size).toBe(64);
    expect(childJobId("0_a:e.1.0")).toMatch(/^0_[0-9a-f]{32}$/);
  });
});
