// Tasks at run time: pushed, tried again, lost, fenced, cancelled.
import { describe, expect, test } from "vitest";
import { flow } from "../../../src/blueprint/flow.ts";
import type { RuntimeLimits } from "../../../src/runtime/runtime.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { declaredFlow, echoFlow, echoJob, strictFlow } from "../../support/sample-blueprints.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

async function begun(limits: Partial<RuntimeLimits> = {}) {
  const world = await openWorld([declaredFlow, echoFlow, echoJob, strictFlow], { limits });
  const { jobs, workers } = world.runtime;
  const worker = new ScriptedWorker(workers, "w1", ["echo"]);
  await worker.connect();
  return { ...world, jobs, workers, worker };
}

describe("what a blueprint does not say of its task is as the server is set", () => {
  test("how often it is tried again", async () => {
    const { jobs, worker, clock } = await begun({ retriesMax: 1 });
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    await worker.fail(worker.accept());
    await clock.advance(1000);
    expect(worker.tasks).toHaveLength(2);
    await worker.fail(worker.accept());
    expect(await jobs.get(jobId)).toMatchObject({ currentState: "failed" });
  });

  test("but what it says counts", async () => {
    const { jobs, worker } = await begun({ retriesMax: 0, runTimeoutMs: 7000 });
    await jobs.start({ blueprint: "declared_flow", input: { text: "x" } });
    expect(worker.accept()).toMatchObject({ retry: { maxAttempts: 3 }, runTimeoutMs: 7000 });
  });

  test("how long an attempt may run", async () => {
    const { jobs, worker, workers, clock } = await begun({ runTimeoutMs: 20_000 });
    await jobs.start({ blueprint: "echo_flow", input: {} });
    const task = worker.accept();
    await clock.advance(19_999);
    expect(await workers.heartbeat(worker, [task])).toEqual([]);
    await clock.advance(1);
    expect(worker.cancelled).toMatchObject([{ attempt: { taskId: task.taskId, attempt: 1 } }]);
    expect(await worker.succeed(task)).toEqual({ status: "fenced" });
  });
});

test("a handler that throws is tried again as often as the server is set, and history says how often that is", async () => {
  let calls = 0;
  const shaky = flow("shaky", { version: "1" })
    .state("start", { isStart: true, to: ["done"] }, () => {
      calls++;
      throw new Error("no luck");
    })
    .state("done", { isEnd: true })
    .build();
  const { runtime, clock, store } = await openWorld([shaky], { limits: { retriesMax: 1 } });
  const { jobId } = await runtime.jobs.start({ blueprint: "shaky", input: {} });
  await clock.advance(60_000);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "quarantined" });
  expect(calls).toBe(2);
  const failures = (await store.history(jobId, 0, 10)).filter(
    ({ message }) => message.type === "failed",
  );
  expect(failures).toHaveLength(2);
  for (const { message } of failures)
    expect(message).toMatchObject({ error: { details: { retriesMax: 1 } } });
});

describe("a task", () => {
  test("is pushed at the commit that starts it, and its result ends the job", async () => {
    const { jobs, worker } = await begun();
    const { jobId, status } = await jobs.start({
      blueprint: "echo_flow",
      input: { text: "hello" },
    });
    expect(status).toBe("waiting_for_worker");
    expect((await jobs.get(jobId))?.waits).toMatchObject([
      { kind: "task", state: "leased", workerId: "w1", attempt: 1 },
    ]);

    const task = worker.accept();
    expect(task).toMatchObject({ type: "echo", params: { text: "hello" }, attempt: 1 });
    expect(await worker.succeed(task, { said: "hello" })).toEqual({ status: "applied" });
    expect(await jobs.get(jobId)).toMatchObject({
      status: "finished",
      currentState: "completed",
      data: { said: "hello" },
      waits: [],
    });
  });

  test("waits in its queue until a worker of its type connects", async () => {
    const { runtime } = await openWorld([echoFlow]);
    const { jobId } = await runtime.jobs.start({ blueprint: "echo_flow", input: {} });
    expect((await runtime.jobs.get(jobId))?.waits).toMatchObject([{ state: "queued" }]);

    const stranger = new ScriptedWorker(runtime.workers, "stranger", ["other"]);
    await stranger.connect();
    const worker = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
    await worker.connect();
    await expect.poll(() => worker.tasks.length).toBe(1);
    expect(stranger.tasks).toEqual([]);
  });

  test("never overtakes an older one of its queue", async () => {
    const { runtime } = await openWorld([echoFlow]);
    const worker = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
    await worker.connect(1);
    for (const text of ["first", "second", "third"])
      await runtime.jobs.start({ blueprint: "echo_flow", input: { text } });
    for (const text of ["first", "second", "third"]) {
      await expect.poll(() => worker.tasks.at(-1)?.params).toEqual({ text });
      await worker.succeed(worker.accept());
    }
  });

  test("is not pushed beyond the worker's credits", async () => {
    const { runtime } = await openWorld([echoFlow]);
    const worker = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
    await worker.connect(3);
    await Promise.all(
      Array.from({ length: 10 }, () => runtime.jobs.start({ blueprint: "echo_flow", input: {} })),
    );
    expect(worker.tasks).toHaveLength(3);
    runtime.workers.setCredits(worker, 5);
    await expect.poll(() => worker.tasks.length).toBe(5);
  });

  test("is tried again with growing delays, then fails its job's way", async () => {
    const { clock, jobs, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_job", input: { text: "x" } });
    for (const [attempt, delayMs] of [
      [1, 1000],
      [2, 2000],
    ] as const) {
      const task = worker.accept();
      expect(task.attempt).toBe(attempt);
      expect(await worker.fail(task)).toEqual({ status: "applied" });
      expect((await jobs.get(jobId))?.waits[0]).toMatchObject({
        state: "delayed",
        lastError: { code: "TRANSIENT_ERROR" },
      });
      await clock.advance(delayMs - 1);
      expect(worker.tasks).toHaveLength(attempt);
      await clock.advance(1);
      expect(worker.tasks).toHaveLength(attempt + 1);
    }
    await worker.fail(worker.accept());
    expect(await jobs.get(jobId)).toMatchObject({
      status: "finished",
      currentState: "broken",
      data: { error: { code: "TRANSIENT_ERROR", message: "it failed" } },
    });
  });

  test("that fails permanently takes the flow's failure transition at once", async () => {
    const { jobs, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    await worker.fail(worker.accept(), "PERMANENT_ERROR", "no such file");
    expect(await jobs.get(jobId)).toMatchObject({ status: "finished", currentState: "failed" });
  });

  test.each([
    ["PERMANENT_ERROR", "quarantined"],
    ["INVALID_INPUT_ERROR", "failed"],
  ])("whose %s no transition takes leaves its job %s", async (code, status) => {
    const { jobs, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "strict_flow", input: {} });
    await worker.fail(worker.accept(), code, "no");
    expect(await jobs.get(jobId)).toMatchObject({ status, error: { code, message: "no" } });
  });

  test("whose input breaks its schema never reaches a worker", async () => {
    const { jobs, worker } = await begun();
    await expect(jobs.start({ blueprint: "echo_job", input: { text: 5 } })).rejects.toMatchObject({
      code: "blueprint.input_invalid",
    });
    expect(worker.tasks).toEqual([]);
  });

  test("whose output breaks its schema fails as a breach of contract", async () => {
    const { jobs, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_job", input: { text: "x" } });
    expect(await worker.succeed(worker.accept(), { text: 5 })).toEqual({
      status: "applied",
      code: "CONTRACT_VIOLATION_ERROR",
    });
    expect(await jobs.get(jobId)).toMatchObject({ currentState: "broken" });
  });

  test("that a flow declares is held to its schemas, going out and coming back", async () => {
    const { jobs, worker } = await begun();
    const start = (input: unknown) => jobs.start({ blueprint: "declared_flow", input });
    const wrong = await start({ text: 5 });
    expect(await jobs.get(wrong.jobId)).toMatchObject({
      currentState: "failed",
      data: { error: { code: "INVALID_INPUT_ERROR" } },
    });
    expect(worker.tasks).toEqual([]);

    const broken = await start({ text: "x" });
    expect(worker.accept().retry.maxAttempts).toBe(3);
    expect(await worker.succeed(worker.accept(), { text: 5 })).toMatchObject({
      code: "CONTRACT_VIOLATION_ERROR",
    });
    expect(await jobs.get(broken.jobId)).toMatchObject({ currentState: "failed" });

    const odd = await start({ text: "x" });
    const answer = { outcome: "ok", output: { why: "no" }, status: "odd" } as const;
    await worker.answer(worker.accept(), answer);
    expect(await jobs.get(odd.jobId)).toMatchObject({ currentState: "odd", data: { why: "no" } });
  });

  test("is taken away when its job leaves the state, and its worker is told", async () => {
    const { jobs, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_job", input: { text: "x" } });
    const task = worker.accept();
    await jobs.send(jobId, { type: "STOP" });
    expect(worker.cancelled).toMatchObject([{ attempt: { taskId: task.taskId, attempt: 1 } }]);
    expect(await worker.succeed(task, { text: "late" })).toEqual({ status: "fenced" });
    expect(await jobs.get(jobId)).toMatchObject({ currentState: "stopped" });
  });
});

describe("an attempt", () => {
  test("is answered once: a second result of it changes nothing", async () => {
    const { jobs, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    const task = worker.accept();
    await worker.succeed(task, { n: 1 });
    expect(await worker.succeed(task, { n: 2 })).toEqual({ status: "unknown" });
    expect(await worker.fail(task)).toEqual({ status: "unknown" });
    expect(await jobs.get(jobId)).toMatchObject({ data: { n: 1 } });
  });

  test("whose lease ends unrenewed goes to another worker, and the first one's result is fenced", async () => {
    const { clock, jobs, workers, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    const lost = worker.accept();
    workers.disconnect(worker);
    const other = new ScriptedWorker(workers, "w2", ["echo"]);
    await other.connect();
    await clock.advance(52_000);
    expect(other.tasks).toMatchObject([{ taskId: lost.taskId, attempt: 2 }]);

    const again = new ScriptedWorker(workers, "w1", ["echo"]);
    expect(await again.connect(10, [{ taskId: lost.taskId, attempt: 1 }])).toMatchObject({
      keep: [],
      drop: [{ taskId: lost.taskId, reason: "fenced" }],
    });
    expect(await again.succeed(lost, { from: "w1" })).toEqual({ status: "fenced" });
    await other.succeed(other.accept(), { from: "w2" });
    expect(await jobs.get(jobId)).toMatchObject({ data: { from: "w2" } });
  });

  test("stays with a worker that renews its lease", async () => {
    const { clock, jobs, workers, worker } = await begun();
    await jobs.start({ blueprint: "echo_flow", input: {} });
    const task = worker.accept();
    for (let halfMinute = 0; halfMinute < 9; halfMinute++) {
      await clock.advance(30_000);
      expect(await workers.heartbeat(worker, [task])).toEqual([]);
    }
    expect(worker.tasks).toHaveLength(1);
    expect(await worker.succeed(task)).toEqual({ status: "applied" });
  });

  test("goes on over a reconnection of its worker", async () => {
    const { jobs, workers, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    const task = worker.accept();
    workers.disconnect(worker);
    const again = new ScriptedWorker(workers, "w1", ["echo"]);
    const running = { taskId: task.taskId, attempt: 1 };
    expect(await again.connect(10, [running])).toMatchObject({ keep: [running], drop: [] });
    expect(await again.succeed(task)).toEqual({ status: "applied" });
    expect(await jobs.get(jobId)).toMatchObject({ status: "finished" });
  });

  test("that nobody accepts in time is queued again without using up a retry", async () => {
    const { clock, jobs, workers, worker, store } = await begun();
    await jobs.start({ blueprint: "echo_flow", input: {} });
    const other = new ScriptedWorker(workers, "w2", ["echo"]);
    await other.connect();
    workers.drain(worker);
    await clock.advance(5_000);
    expect(other.tasks).toMatchObject([{ attempt: 2 }]);
    expect(await store.loadTask(other.tasks[0]!.taskId)).toMatchObject({ failures: 0 });
  });

  test("is not pushed for ever to a worker that ignores it", async () => {
    const { clock, jobs, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    await clock.advance(3_600_000);
    expect(worker.tasks.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect((await jobs.get(jobId))?.waits).toMatchObject([{ state: "queued" }]);
    expect(await worker.succeed(worker.accept())).toEqual({ status: "fenced" });
    await expect.poll(() => worker.tasks.length).toBe(4);
    await worker.succeed(worker.accept());
    expect(await jobs.get(jobId)).toMatchObject({ status: "finished" });
  });

  test("that its worker gives back is queued again without using up a retry", async () => {
    const { jobs, workers, worker, store } = await begun();
    await jobs.start({ blueprint: "echo_flow", input: {} });
    const task = worker.accept();
    workers.drain(worker);
    await workers.release(worker, task, 0);
    const other = new ScriptedWorker(workers, "w2", ["echo"]);
    await other.connect();
    await expect.poll(() => other.tasks).toMatchObject([{ taskId: task.taskId, attempt: 2 }]);
    expect(await store.loadTask(task.taskId)).toMatchObject({ failures: 0 });
  });

  test("of another worker cannot be answered by a stranger", async () => {
    const { jobs, workers, worker } = await begun();
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
    const task = worker.accept();
    const stranger = new ScriptedWorker(workers, "stranger", ["echo"]);
    await stranger.connect();
    expect(await stranger.succeed(task, { stolen: true })).toEqual({ status: "fenced" });
    expect(await jobs.get(jobId)).toMatchObject({ status: "waiting_for_worker" });
  });
});
