// The slots of a worker while several attempts of one task are on its books: each counts until the worker answers for it.
import { describe, expect, test } from "vitest";
import { given, workWorld } from "../../../support/work-world.ts";

const options = { it: { runTimeoutMs: 10_000, retry: { maxAttempts: 9 } }, next: {} };

/** A worker with two slots that falls silent about an attempt, and has been given the next one of the same task. */
async function silent() {
  const world = await workWorld(options);
  const { connect, start, clock, runtime } = world;
  const worker = await connect("w", 2);
  const jobId = await start("it");
  const first = worker.accept();
  await clock.advance(12_000);
  const second = worker.accept();
  expect([first, second]).toMatchObject([{ attempt: 1 }, { attempt: 2, taskId: first.taskId }]);
  expect(worker.cancelled).toMatchObject([{ attempt: { attempt: 1 } }]);
  const { taskId } = first;
  return { ...world, worker, jobId, taskId, first, second, list: () => runtime.workers.list() };
}

describe("an attempt that was cancelled", () => {
  test("keeps its slot while its worker says nothing of it, though the next one runs there", async () => {
    const { start, worker, list, clock } = await silent();
    expect(list()).toMatchObject([{ running: 2, freeSlots: 0, status: "busy" }]);
    await start("next");
    await clock.advance(4_000);
    expect(given(worker)).toEqual(["it", "it"]);
  });

  test("is fenced, and frees its own slot alone, when its worker answers", async () => {
    const { start, worker, first, second, list, clock } = await silent();
    await start("next");
    expect(await worker.answer(first, { outcome: "cancelled" })).toEqual({ status: "fenced" });
    expect(list()).toMatchObject([{ running: 2, freeSlots: 0 }]);
    await clock.advance(0);
    expect(given(worker)).toEqual(["it", "it", "next"]);
    expect(await worker.succeed(second)).toEqual({ status: "applied" });
    expect(list()).toMatchObject([{ running: 1, freeSlots: 1 }]);
  });

  test("keeps its slot when the next one ends first", async () => {
    const { worker, first, second, list } = await silent();
    expect(await worker.succeed(second)).toEqual({ status: "applied" });
    expect(list()).toMatchObject([{ running: 1, freeSlots: 1 }]);
    expect(await worker.answer(first, { outcome: "cancelled" })).toMatchObject({
      status: expect.stringMatching(/^(fenced|unknown)$/),
    });
    expect(list()).toMatchObject([{ running: 0, freeSlots: 2 }]);
  });

  test("frees its slot when a heartbeat has told its worker that it is lost", async () => {
    const { worker, first, second, list, runtime } = await silent();
    const lost = await runtime.workers.heartbeat(worker, [first, second]);
    expect(lost).toMatchObject([{ attempt: 1, reason: "fenced" }]);
    expect(list()).toMatchObject([{ running: 1, freeSlots: 1 }]);
  });

  test("leaves it to the next one to be told of a stop, and to tell of its progress", async () => {
    const { worker, taskId, jobId, first, second, runtime } = await silent();
    runtime.workers.progress(worker, second, { ratio: 0.5 });
    runtime.workers.progress(worker, first, { ratio: 0.1 });
    const [wait] = (await runtime.jobs.get(jobId))!.waits;
    expect(wait).toMatchObject({ progress: { ratio: 0.5 } });
    await worker.answer(first, { outcome: "cancelled" });
    await runtime.jobs.cancel(jobId, "enough");
    expect(worker.cancelled.at(-1)).toMatchObject({ attempt: { taskId, attempt: 2 } });
  });
});

test("attempts that run out of time before they had to be accepted are missed, each of them", async () => {
  const retry = { initialMs: 100, factor: 1, maxAttempts: 50 };
  const { connect, start, clock } = await workWorld({ it: { runTimeoutMs: 1_000, retry } });
  const worker = await connect("w", 50);
  await start("it");
  await clock.advance(60_000);
  // Once three were ignored, the worker is given nothing more before it says something.
  expect(worker.tasks.length).toBeGreaterThan(3);
  expect(worker.tasks.length).toBeLessThan(10);
});
