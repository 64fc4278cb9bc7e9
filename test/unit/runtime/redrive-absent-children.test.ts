// Jobs that are driven again while child jobs of theirs are not in the live store: about to begin, or archived by now.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openArchive } from "../../../src/archive/open-archive.ts";
import type { ParentClose } from "../../../src/blueprint/job.ts";
import { RuntimeError } from "../../../src/errors.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { eventually } from "../../support/eventually.ts";
import { familyWorld } from "../../support/family-world.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { expectReplayed } from "../../support/job-blueprints.ts";

describe("a child job that has not begun when its parent fails and is driven again", () => {
  /** No commit of a child job is taken until `recover`. */
  async function withoutKids() {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock, shared: true });
    const commit = store.commit.bind(store);
    let isDown = true;
    store.commit = async (one) => {
      if (isDown && one.summary.blueprint === "kid")
        throw new RuntimeError("store.unavailable", "It is not there.");
      return commit(one);
    };
    const opened = await familyWorld("abandon", clock, store);
    const { jobId } = await opened.jobs.start({ blueprint: "parent", input: {} });
    await clock.advance(0);
    expect(await opened.kids()).toEqual([]);
    const recover = async (ms: number) => {
      isDown = false;
      await clock.advance(ms);
    };
    return { ...opened, jobId, recover };
  }

  test("begins once, and is heard", async () => {
    const { jobId, fail, redrive, recover, kids, send, end, clock } = await withoutKids();
    await fail();
    await redrive(jobId);
    await clock.advance(1000);
    await recover(2000);
    const [kidId, ...others] = (await kids()).map((one) => one.jobId);
    expect(others).toEqual([]);
    await send(kidId!, { type: "SAY", n: 1 });
    await send(jobId, { type: "TELL", n: 2 });
    await send(kidId!, { type: "GO" });
    expect(await end(jobId)).toMatchObject({
      status: "finished",
      data: { said: [1], output: { asked: [2] } },
    });
  });

  test("begins once where it does so between two looks of the redrive", async () => {
    const { store, jobId, fail, redrive, recover, kids, send, end } = await withoutKids();
    await fail();
    const exportJob = store.exportJob.bind(store);
    store.exportJob = async (one) => {
      if (one === jobId) await recover(2000);
      return exportJob(one);
    };
    await redrive(jobId);
    const [kidId, ...others] = (await kids()).map((one) => one.jobId);
    expect(others).toEqual([]);
    await send(kidId!, { type: "GO" });
    expect(await end(jobId)).toMatchObject({ status: "finished" });
  });
});

test.each<readonly [ParentClose, served: string]>([
  ["abandon", "whose version is served"],
  ["await", "whose version is served"],
  ["abandon", "whose version nobody serves any more"],
])(
  "a child job that was done and has moved to the archive is not started again: %s, %s",
  async (parentClose, served) => {
    const directory = await mkdtemp(join(tmpdir(), "avtomatika-redrive-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const archive = await openArchive(`sqlite:${join(directory, "history.db")}`);
    onTestFinished(() => archive.close());
    const opened = await familyWorld(parentClose, undefined, undefined, {
      archive,
      retentionMs: 60_000,
    });
    const { store, jobs, clock, worker, parent, send, begin, fail, redrive, kids } = opened;
    const { jobId, kidId } = await begin();
    await send(jobId, { type: "TELL", n: 1 });
    await fail();
    await send(kidId, { type: "GO" });
    await eventually(async () => {
      await clock.advance(61_000);
      return (await store.loadJob(kidId)) === undefined;
    });
    const { archivedAt, style, ...job } = (await archive.load(kidId))!;
    if (served !== "whose version is served") {
      const history = await archive.history(kidId, 0, 100);
      const summary = { ...job.summary, version: "0" };
      await archive.put([{ job: { ...job, summary }, history, style: style! }], archivedAt);
    }
    await redrive(jobId);
    await eventually(async () => {
      await clock.advance(100);
      expect(await jobs.get(jobId)).toMatchObject({ data: { output: { asked: [1] } } });
      return true;
    });
    expect(await kids()).toEqual([]);
    await worker.succeed(worker.accept());
    expect(await jobs.get(jobId)).toMatchObject({ status: "finished" });
    await expectReplayed(store, parent, jobId);
  },
);
