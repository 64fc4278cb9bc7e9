// What becomes of tasks that fail, by how they fail: the four timeouts, retries, lost workers, poison.
import { describe, expect, test } from "vitest";
import { given, workWorld } from "../../../support/work-world.ts";

describe("a task that takes its workers down", () => {
  test("is given to no other after three, and waits in quarantine with the reason", async () => {
    const { connect, start, clock, runtime } = await workWorld(
      { it: { retry: { maxAttempts: 9 } } },
      { lossesMax: 3 },
    );
    const jobId = await start("it");
    for (let n = 1; n <= 3; n++) {
      const worker = await connect(`w${n}`);
      await clock.advance(4_000);
      expect(worker.accept()).toMatchObject({ attempt: n, losses: n - 1, failures: 0 });
      runtime.workers.disconnect(worker);
      await clock.advance(51_000);
    }
    expect(await runtime.jobs.get(jobId)).toMatchObject({
      status: "quarantined",
      error: { code: "POISON_TASK", message: expect.stringContaining("3 times") },
    });
  });

  test("has as many retries left for failures of its own as before", async () => {
    const { connect, start, clock, runtime } = await workWorld(
      { it: { retry: { maxAttempts: 2 } } },
      { lossesMax: 5 },
    );
    const jobId = await start("it");
    for (let n = 1; n <= 2; n++) {
      const lost = await connect(`lost${n}`);
      await clock.advance(4_000);
      lost.accept();
      runtime.workers.disconnect(lost);
      await clock.advance(51_000);
    }
    const worker = await connect("w");
    await clock.advance(4_000);
    await worker.fail(worker.accept());
    await clock.advance(2_000);
    expect(worker.accept()).toMatchObject({ attempt: 4, failures: 1, losses: 2 });
    await worker.fail(worker.accept());
    expect(await runtime.jobs.get(jobId)).toMatchObject({ error: { code: "TRANSIENT_ERROR" } });
  });
});

describe("the total timeout of a task", () => {
  const total = { totalTimeoutMs: 10_000 };
  const timedOut = { status: "quarantined", error: { code: "TOTAL_TIMEOUT" } };

  test("ends its wait for a worker", async () => {
    const { start, clock, runtime } = await workWorld({ it: total });
    const jobId = await start("it");
    await clock.advance(9_999);
    expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "waiting_for_worker" });
    await clock.advance(1);
    expect(await runtime.jobs.get(jobId)).toMatchObject(timedOut);
  });

  test("ends its attempt, whose worker is told, and no other follows", async () => {
    const { connect, start, clock, runtime } = await workWorld({ it: total });
    const worker = await connect("w");
    const jobId = await start("it");
    worker.accept();
    await clock.advance(10_000);
    expect(await runtime.jobs.get(jobId)).toMatchObject(timedOut);
    expect(worker.cancelled).toMatchObject([
      { reason: expect.stringContaining("10000 ms in all") },
    ]);
    await clock.advance(60_000);
    expect(given(worker)).toHaveLength(1);
  });

  test("leaves no time for another attempt, and says what the last one met", async () => {
    const { connect, start, clock, runtime } = await workWorld({
      it: { ...total, retry: { initialMs: 6_000 } },
    });
    const worker = await connect("w");
    const jobId = await start("it");
    await clock.advance(4_000);
    await worker.fail(worker.accept(), "TRANSIENT_ERROR", "the disk is full");
    expect(await runtime.jobs.get(jobId)).toMatchObject({
      error: { code: "TOTAL_TIMEOUT", message: expect.stringContaining("the disk is full") },
    });
  });

  test("goes on over attempts, while that of the queue begins with each wait", async () => {
    const { connect, start, clock, runtime } = await workWorld({
      it: { ...total, queueTimeoutMs: 4_000, retry: { initialMs: 1_000 } },
    });
    const worker = await connect("w");
    const jobId = await start("it");
    await clock.advance(3_000);
    await worker.fail(worker.accept());
    runtime.workers.drain(worker);
    await clock.advance(1_000 + 3_999);
    expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "waiting_for_worker" });
    await clock.advance(1);
    expect(await runtime.jobs.get(jobId)).toMatchObject({ error: { code: "QUEUE_TIMEOUT" } });
  });
});

test("a worker's wish for the time of the next attempt is kept", async () => {
  const { connect, start, clock } = await workWorld({ it: {} });
  const worker = await connect("w");
  await start("it");
  const error = { code: "TRANSIENT_ERROR", message: "busy" };
  await worker.answer(worker.accept(), { outcome: "error", error, retryAfterMs: 7_000 });
  await clock.advance(6_999);
  expect(given(worker)).toHaveLength(1);
  await clock.advance(1);
  expect(given(worker)).toHaveLength(2);
});
