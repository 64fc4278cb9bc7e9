// Jobs that are driven again while child jobs of theirs went on, or had ended: none of those is started twice.
import { describe, expect, test } from "vitest";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { familyWorld } from "../../support/family-world.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { expectReplayed } from "../../support/job-blueprints.ts";

describe("a child job that its parent awaits", () => {
  test("and that was done before the parent had failed counts, and is not started again", async () => {
    const { jobs, send, begin, fail, redrive, end, kids } = await familyWorld("await");
    const { jobId, kidId } = await begin();
    await send(jobId, { type: "TELL", n: 1 });
    await fail();
    expect(await jobs.get(jobId)).toMatchObject({ status: "waiting_for_sub_job" });
    await send(kidId, { type: "GO" });
    expect(await jobs.get(jobId)).toMatchObject({ status: "quarantined" });
    await redrive(jobId);
    expect(await kids()).toHaveLength(1);
    expect(await end(jobId)).toMatchObject({
      status: "finished",
      data: { output: { asked: [1] } },
    });
  });

  test("and that failed, too, is started again", async () => {
    const { send, begin, fail, redrive, end, kids, another, jobs } = await familyWorld("await");
    const { jobId, kidId } = await begin();
    await fail();
    await jobs.cancel(kidId, "enough");
    await redrive(jobId);
    expect(await kids()).toHaveLength(2);
    await send(await another(kidId), { type: "GO" });
    expect(await end(jobId)).toMatchObject({ status: "finished", data: { output: { asked: [] } } });
  });
});

test("a child job that was cancelled with its parent is started again", async () => {
  const { jobs, send, begin, fail, redrive, end, another } = await familyWorld("cancel");
  const { jobId, kidId } = await begin();
  await fail();
  await redrive(jobId);
  expect(await jobs.get(kidId)).toMatchObject({ status: "cancelled" });
  await send(await another(kidId), { type: "GO" });
  expect(await end(jobId)).toMatchObject({ status: "finished" });
});

describe("a child job that was left to itself is not started again, and is heard again", () => {
  test("where it goes on", async () => {
    const { send, begin, fail, redrive, end, kids } = await familyWorld("abandon");
    const { jobId, kidId } = await begin();
    await send(kidId, { type: "SAY", n: 1 });
    await send(jobId, { type: "TELL", n: 1 });
    await fail();
    await send(kidId, { type: "SAY", n: 2 });
    await redrive(jobId);
    expect(await kids()).toHaveLength(1);
    await send(jobId, { type: "TELL", n: 2 });
    await send(kidId, { type: "SAY", n: 3 });
    await send(kidId, { type: "SAY", n: 4 });
    await send(kidId, { type: "GO" });
    expect(await end(jobId)).toMatchObject({
      status: "finished",
      // What it said to nobody is lost.
      data: { said: [1, 3, 4], output: { asked: [1, 2] } },
    });
  });

  test("where it has ended meanwhile", async () => {
    const { send, begin, fail, redrive, end, kids } = await familyWorld("abandon");
    const { jobId, kidId } = await begin();
    await fail();
    await send(kidId, { type: "SAY", n: 1 });
    await send(kidId, { type: "GO" });
    await redrive(jobId);
    expect(await kids()).toHaveLength(1);
    expect(await end(jobId)).toMatchObject({ status: "finished", data: { said: [] } });
  });

  test("unless it was what failed", async () => {
    const { jobs, send, begin, redrive, end, kids, another } = await familyWorld("abandon");
    const { jobId, kidId } = await begin();
    await jobs.cancel(kidId, "enough");
    expect(await jobs.get(jobId)).toMatchObject({ error: { code: "cancelled" } });
    await redrive(jobId);
    expect(await kids()).toHaveLength(2);
    await send(await another(kidId), { type: "GO" });
    expect(await end(jobId)).toMatchObject({ status: "finished" });
  });

  test("as often as the parent is driven again", async () => {
    const { send, begin, fail, redrive, end, kids } = await familyWorld("abandon");
    const { jobId, kidId } = await begin();
    for (const n of [1, 2, 3]) {
      await fail();
      await send(kidId, { type: "SAY", n });
      await redrive(jobId);
      await send(kidId, { type: "SAY", n: 10 + n });
    }
    expect(await kids()).toHaveLength(1);
    await send(kidId, { type: "GO" });
    expect(await end(jobId)).toMatchObject({ data: { said: [11, 12, 13] } });
  });

  test("whatever dies after whichever commit", async () => {
    const clock = new FakeClock();
    const first = await familyWorld("abandon", clock);
    const { jobId, kidId } = await first.begin();
    await first.fail();
    await first.send(kidId, { type: "SAY", n: 1 });
    const images: ReturnType<MemoryStore["snapshot"]>[] = [];
    const commit = first.store.commit.bind(first.store);
    first.store.commit = async (one) => {
      const result = await commit(one);
      images.push(first.store.snapshot());
      return result;
    };
    await first.redrive(jobId);
    await first.send(kidId, { type: "SAY", n: 2 });
    await first.send(kidId, { type: "GO" });
    expect(images.length).toBeGreaterThan(4);
    await first.runtime.stop();
    for (const image of images) {
      const later = new FakeClock(clock.now());
      const store = new MemoryStore({ clock: later, image });
      const { kids, send, jobs, worker, parent } = await familyWorld("abandon", later, store);
      for (const one of await store.listTasks(jobId)) await worker.succeed(one);
      await later.advance(120_000);
      const said = (await jobs.history(kidId, 0, 100)).filter(
        ({ message }) => message.type === "event" && message.event["n"] === 2,
      );
      const [left] = await kids();
      if (left!.status !== "finished") await send(kidId, { type: "GO" });
      await later.advance(120_000);
      expect(await jobs.get(jobId)).toMatchObject({
        status: "finished",
        data: { said: said.map(() => 2) },
      });
      await expectReplayed(store, parent, jobId);
      expect(await store.due(100)).toMatchObject({ messages: [] });
    }
  });

  test("though a message of it was on its way to be forgotten when the parent was driven again", async () => {
    const opened = await familyWorld("abandon");
    const { store, send, begin, fail, redrive, end, jobs, clock } = opened;
    const { jobId, kidId } = await begin();
    await fail();
    const remove = store.removeMessages.bind(store);
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    store.removeMessages = async (ids) => {
      if (ids.some((id) => id.startsWith(kidId))) await held;
      return remove(ids);
    };
    // The parent, which is over, has let it go by: only its row is still there.
    await send(kidId, { type: "SAY", n: 1 });
    await redrive(jobId);
    release();
    await clock.advance(1000);
    await send(kidId, { type: "SAY", n: 2 });
    await clock.advance(1000);
    expect(await jobs.get(jobId)).toMatchObject({ data: { said: [2] } });
    await send(kidId, { type: "GO" });
    expect(await end(jobId)).toMatchObject({ status: "finished" });
  });

  test("and is not drawn into it where the store loses the redrive", async () => {
    const { store, begin, send, fail, redrive, jobs, clock, runtime } =
      await familyWorld("abandon");
    const { jobId, kidId } = await begin();
    await fail();
    await clock.advance(2000);
    const before = store.snapshot();
    await redrive(jobId);
    store.rewind(before);
    await clock.advance(2000);
    expect(runtime.rewinds()).toMatchObject({ rewound: 1 });
    expect(await jobs.get(jobId)).toMatchObject({ status: "quarantined" });
    expect(await jobs.get(kidId)).toMatchObject({ status: "waiting_for_event" });
    await send(kidId, { type: "GO" });
    expect(await jobs.get(kidId)).toMatchObject({ status: "finished" });
  });
});
