// What clients ask of jobs: start, send, cancel, wait, watch.
import { describe, expect, test } from "vitest";
import type { JobEvent } from "../../../src/runtime/runtime.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { echoFlow, echoJob, patientJob } from "../../support/sample-blueprints.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

async function begun() {
  const world = await openWorld([echoFlow, echoJob, patientJob]);
  const { jobs, workers } = world.runtime;
  const worker = new ScriptedWorker(workers, "w1", ["echo"]);
  await worker.connect();
  return { ...world, jobs, workers, worker };
}

describe("starting a job", () => {
  test("of an unknown blueprint is refused with the names of those there are", async () => {
    const { jobs } = await begun();
    await expect(jobs.start({ blueprint: "nope", input: {} })).rejects.toMatchObject({
      code: "blueprint.not_found",
      message: expect.stringContaining("echo_flow") as string,
    });
  });

  test("twice with one idempotency key gives one job", async () => {
    const { jobs, worker } = await begun();
    const request = { blueprint: "echo_flow", input: {}, idempotencyKey: "order 7" };
    const started = await Promise.all([jobs.start(request), jobs.start(request)]);
    const later = await jobs.start(request);
    expect(new Set([...started, later].map(({ jobId }) => jobId)).size).toBe(1);
    expect(worker.tasks).toHaveLength(1);
  });
});

describe("sending an event", () => {
  test("moves the job, or says that the job does not take it now", async () => {
    const { jobs } = await begun();
    const { jobId } = await jobs.start({ blueprint: "patient_job", input: {} });
    expect(await jobs.send(jobId, { type: "UNKNOWN" })).toMatchObject({ outcome: "ignored" });
    expect(await jobs.send(jobId, { type: "HURRY" })).toEqual({ outcome: "accepted", revision: 2 });
    expect(await jobs.get(jobId)).toMatchObject({ status: "finished", currentState: "early" });
    await expect(jobs.send(jobId, { type: "HURRY" })).rejects.toMatchObject({
      code: "job.finished",
    });
  });

  test.each(["xstate.done.actor.echo", "xstate.after.patience.patient_job.waiting", "flow.retry"])(
    "named %s is refused",
    async (type) => {
      const { jobs } = await begun();
      const { jobId } = await jobs.start({ blueprint: "patient_job", input: {} });
      await expect(jobs.send(jobId, { type })).rejects.toMatchObject({ code: "event.reserved" });
    },
  );

  test("to a job that is not there is refused", async () => {
    const { jobs } = await begun();
    await expect(jobs.send("0_none", { type: "HURRY" })).rejects.toMatchObject({
      code: "job.not_found",
    });
  });

  test("by a thousand clients at once loses none of the steps", async () => {
    const { jobs, store } = await begun();
    const { jobId } = await jobs.start({ blueprint: "patient_job", input: {} });
    const sent = await Promise.all(
      Array.from({ length: 1000 }, (_, n) =>
        jobs.send(jobId, { type: n === 500 ? "HURRY" : "NOISE" }).catch((error: unknown) => error),
      ),
    );
    expect(sent).toHaveLength(1000);
    const history = await store.history(jobId, 0, 100);
    expect(history.map(({ revision }) => revision)).toEqual([1, 2]);
  });
});

describe("cancelling a job", () => {
  test("ends it, takes its task away and tells the worker", async () => {
    const { jobs, worker, store } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    const task = worker.accept();
    expect(await jobs.cancel(jobId, "changed my mind")).toMatchObject({ status: "cancelled" });
    expect(worker.cancelled).toMatchObject([{ reason: "changed my mind" }]);
    expect(await store.loadTask(task.taskId)).toBeUndefined();
    await expect(jobs.cancel(jobId, "again")).rejects.toMatchObject({ code: "job.finished" });
  });
});

describe("waiting for a job", () => {
  test("resolves when it ends", async () => {
    const { jobs, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    const waiting = jobs.wait(jobId, 60_000);
    await worker.succeed(worker.accept(), { done: true });
    expect(await waiting).toMatchObject({ status: "finished", data: { done: true } });
    expect(await jobs.wait(jobId, 60_000)).toMatchObject({ status: "finished" });
  });

  test("does not wait for a caller who has gone already", async () => {
    const { jobs } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    expect(await jobs.wait(jobId, 1000, AbortSignal.abort())).toMatchObject({
      status: "waiting_for_worker",
    });
  });

  test("gives the job as it is when the time is over", async () => {
    const { jobs, clock } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    const waiting = jobs.wait(jobId, 1000);
    await clock.advance(1000);
    expect(await waiting).toMatchObject({ status: "waiting_for_worker" });
  });
});

describe("watching a job", () => {
  async function follow(events: AsyncIterable<JobEvent>, seen: JobEvent[] = []) {
    for await (const event of events) seen.push(event);
    return seen;
  }

  test("tells its states and progress in order, and ends after the end", async () => {
    const { jobs, workers, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    const seen: JobEvent[] = [];
    const following = follow(jobs.watch(jobId, 0, new AbortController().signal), seen);
    await expect.poll(() => seen.length).toBe(2);
    const task = worker.accept();
    workers.progress(worker, task, { ratio: 0.5, message: "half" });
    await worker.succeed(task);
    expect(await following).toMatchObject([
      { type: "state", id: 1, currentState: "start" },
      { type: "state", id: 2, currentState: "start", status: "waiting_for_worker" },
      { type: "progress", progress: { ratio: 0.5, message: "half" } },
      { type: "state", id: 3, currentState: "completed", status: "finished" },
      { type: "finished", id: 3, job: { status: "finished" } },
    ]);
  });

  test("goes on after the revision that was seen last", async () => {
    const { jobs, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    await worker.succeed(worker.accept());
    const seen = await follow(jobs.watch(jobId, 2, new AbortController().signal));
    expect(seen).toMatchObject([{ type: "state", id: 3 }, { type: "finished" }]);
  });

  test("brings a reader that fell behind to the present", async () => {
    const { jobs, workers, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    const reader = jobs.watch(jobId, 0, new AbortController().signal)[Symbol.asyncIterator]();
    await reader.next();
    const task = worker.accept();
    for (let n = 0; n < 1000; n++) workers.progress(worker, task, { ratio: n / 1000 });
    await worker.succeed(task);
    const rest: JobEvent[] = [];
    for (let next = await reader.next(); !next.done; next = await reader.next())
      rest.push(next.value);
    expect(rest.length).toBeLessThan(300);
    expect(rest.at(-1)).toMatchObject({ type: "finished", job: { currentState: "completed" } });
  });
});
