// How many tasks of a key run, how fast they begin, and whose turn it is.
import { describe, expect, test } from "vitest";
import { given, workWorld } from "../../../support/work-world.ts";

const limited = (key: string, concurrency: number) => ({ limit: { key, concurrency } });

describe("the tasks of a key", () => {
  test("run no more at once than it allows, on whatever worker, and others pass them", async () => {
    const { connect, start, clock } = await workWorld({ a: limited("a", 2), free: {} });
    const workers = [await connect("w1", 2), await connect("w2", 2)];
    for (let n = 0; n < 5; n++) await start("a", n);
    await start("free");
    expect(new Set(workers.flatMap(given))).toEqual(new Set([0, 1, "free"]));
    const [first] = workers.flatMap((worker) => worker.tasks.map((task) => ({ worker, task })));
    await first!.worker.succeed(first!.task);
    await clock.advance(0);
    expect(new Set(workers.flatMap(given))).toEqual(new Set([0, 1, 2, "free"]));
  });

  test("go on when one of them ends, though the worker that is free is another", async () => {
    const { connect, start, clock } = await workWorld({ a: limited("a", 1) });
    const first = await connect("w1", 1);
    const second = await connect("w2", 1, { costPerSecond: 1 });
    await start("a", 1);
    await start("a", 2);
    expect([given(first), given(second)]).toEqual([[1], []]);
    await first.succeed(first.accept());
    await clock.advance(0);
    expect([...given(first), ...given(second)]).toEqual([1, 2]);
  });

  test("go on when one is taken away whose worker is not connected any more", async () => {
    const { connect, start, clock, runtime } = await workWorld({ a: limited("a", 1) });
    const gone = await connect("w1", 1);
    const jobId = await start("a", 1);
    runtime.workers.disconnect(gone);
    const other = await connect("w2", 1);
    await start("a", 2);
    expect(given(other)).toEqual([]);
    await runtime.jobs.cancel(jobId, "enough");
    await clock.advance(0);
    expect(given(other)).toEqual([2]);
  });

  test("run no more at once over several nodes, and go on at another one", async () => {
    const { connect, start, another, clock } = await workWorld({ a: limited("a", 2) });
    const { runtime } = await another("n2");
    const here = await connect("w1", 1);
    const there = await connect("w2", 5, {}, runtime.workers);
    for (let n = 0; n < 6; n++) await start("a", n);
    await clock.advance(2_000);
    expect(given(here).length + given(there).length).toBe(2);
    for (let ended = 1; ended <= 4; ended++) {
      const worker = given(here).length > 0 && ended === 1 ? here : there;
      await worker.succeed(worker.tasks.at(-1)!);
      await clock.advance(500);
      expect(given(here).length + given(there).length).toBe(2 + ended);
    }
  });

  test("ask the store only once more when their key is full, however many are added", async () => {
    const { connect, start, store } = await workWorld({ a: limited("a", 1) });
    await connect("w1", 5);
    await start("a", 0);
    let calls = 0;
    const claim = store.claimTasks.bind(store);
    store.claimTasks = (asked) => {
      calls++;
      return claim(asked);
    };
    for (let n = 1; n < 20; n++) await start("a", n);
    expect(calls).toBe(1);
  });
});

describe("fairness", () => {
  const keys = { many: { limit: { key: "many" } }, few: { limit: { key: "few" } }, none: {} };

  test("gives each key its turn, however many tasks another one has", async () => {
    const { connect, start } = await workWorld(keys);
    for (let n = 0; n < 50; n++) await start("many", `many${n}`);
    for (let n = 0; n < 3; n++) await start("few", `few${n}`);
    for (let n = 0; n < 3; n++) await start("none", `none${n}`);
    const worker = await connect("w", 1);
    for (let n = 0; n < 9; n++) {
      await worker.succeed(worker.accept());
      await expect.poll(() => worker.tasks.length).toBe(n + 2);
    }
    const turns = given(worker).map((params) => String(params).replace(/\d+$/, ""));
    for (const key of ["many", "few", "none"])
      expect(turns.slice(0, 9).filter((turn) => turn === key)).toHaveLength(3);
    expect(turns[9]).toBe("many");
  });

  test("holds within one priority: a higher one goes first, whatever its key had", async () => {
    const { connect, start } = await workWorld({
      ...keys,
      urgent: { priority: 9, limit: { key: "many" } },
    });
    for (let n = 0; n < 3; n++) await start("few", `few${n}`);
    for (let n = 0; n < 3; n++) await start("urgent", `urgent${n}`);
    const worker = await connect("w", 4);
    expect(given(worker)).toEqual(["urgent0", "urgent1", "urgent2", "few0"]);
  });
});

describe("a rate", () => {
  const rate = { limit: { key: "api", rate: { count: 2, perMs: 1000 } } };

  test("lets so many tasks begin within its time, from the commit or from the backlog", async () => {
    const { connect, start, clock } = await workWorld({ a: rate });
    const worker = await connect("w", 9);
    for (let n = 0; n < 5; n++) await start("a", n);
    expect(given(worker)).toEqual([0, 1]);
    await clock.advance(999);
    expect(given(worker)).toHaveLength(2);
    await clock.advance(1);
    expect(given(worker)).toEqual([0, 1, 2, 3]);
    await clock.advance(1000);
    expect(given(worker)).toEqual([0, 1, 2, 3, 4]);
  });

  test("holds for all tasks of its key, whatever else they ask for", async () => {
    const { connect, start, clock } = await workWorld({ a: rate, b: { ...rate, maxCost: 1 } });
    for (let n = 0; n < 4; n++) await start(n % 2 ? "a" : "b", n);
    const worker = await connect("w", 9);
    await clock.advance(999);
    expect(given(worker)).toHaveLength(2);
    await clock.advance(1);
    expect(given(worker)).toHaveLength(4);
  });

  test("is divided among the nodes that live", async () => {
    const { connect, start, another, clock } = await workWorld({ a: rate });
    const { runtime } = await another("n2");
    await clock.advance(5_000);
    const here = await connect("w1", 9);
    const there = await connect("w2", 9, {}, runtime.workers);
    for (let n = 0; n < 8; n++) await start("a", n);
    await clock.advance(10);
    expect([given(here).length, given(there).length]).toEqual([1, 1]);
    await clock.advance(3_000);
    expect(given(here).length + given(there).length).toBe(8);
  });
});

test("a task of low priority that has waited long goes before younger ones of a higher one", async () => {
  const { connect, start, clock } = await workWorld({
    low: { priority: 4 },
    high: { priority: 5 },
  });
  await start("low");
  await clock.advance(120_000);
  for (let n = 0; n < 3; n++) await start("high", n);
  const worker = await connect("w", 4);
  expect(given(worker)).toEqual(["low", 0, 1, 2]);
});
