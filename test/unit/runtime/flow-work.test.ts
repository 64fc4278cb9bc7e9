// What a flow waits for besides tasks: other jobs, people, and time; and what it says meanwhile.
import { describe, expect, test } from "vitest";
import { assign, setup } from "xstate";
import { z } from "zod";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { dataStore } from "../../../src/blueprint/data-store.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { task } from "../../../src/blueprint/task.ts";
import { job as jobLogic } from "../../../src/blueprint/job.ts";
import { expectReplayed } from "../../support/job-blueprints.ts";
import { oneState, startFlow } from "../../support/flow-world.ts";

describe("runBlueprint", () => {
  const parent = oneState((ctx) =>
    ctx.actions.runBlueprint({
      blueprint: "child",
      initialData: { goal: ctx.initialData["goal"] },
      transitions: { success: "next", failure: "failed", timeout: "late" },
      timeoutMs: 60_000,
    }),
  );
  const child = oneState((ctx) => {
    ctx.stateHistory["saw"] = ctx.initialData["goal"];
    if (ctx.initialData["goal"] === "wait")
      ctx.actions.dispatchTask({ type: "work", transitions: { success: "completed" } });
    else ctx.actions.transitionTo(ctx.initialData["goal"] as "completed" | "failed" | "odd");
  }, "child");

  test.each([
    ["completed", "next", "success"],
    ["odd", "next", "success"],
    ["failed", "failed", "failure"],
  ])("a job that ends in %s leads to %s", async (goal, state, outcome) => {
    const { runtime, store, jobId } = await startFlow([parent, child], { goal });
    const job = await runtime.jobs.wait(jobId, 1000);
    const [key, result] = Object.entries(job.data as Record<string, unknown>)[0]!;
    expect(job.currentState).toBe(state);
    expect(key).toMatch(/^sub_job_0_[0-9a-f]{32}_result$/);
    expect(result).toEqual({
      outcome,
      final_state: goal,
      error_message: null,
      output: { finalState: goal, data: { saw: goal } },
    });
    await expectReplayed(store, parent, jobId);
  });

  test("waits for a worker's result in the other job", async () => {
    const { runtime, worker, jobId } = await startFlow([parent, child], { goal: "wait" });
    expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "waiting_for_sub_job" });
    await worker.succeed(worker.accept());
    expect(await runtime.jobs.wait(jobId, 1000)).toMatchObject({ currentState: "next" });
  });

  test("takes a job that is quarantined or cancelled for a failure", async () => {
    const { runtime, worker, jobId } = await startFlow([parent, child], { goal: "wait" });
    await worker.fail(worker.accept(), "PERMANENT_ERROR", "broken");
    const job = await runtime.jobs.wait(jobId, 1000);
    expect(job).toMatchObject({ currentState: "failed", status: "finished" });
    expect(Object.values(job.data as object)[0]).toMatchObject({
      outcome: "failure",
      error_message: "broken",
    });
  });

  test("leaves a job that takes too long", async () => {
    const { runtime, clock, jobId } = await startFlow([parent, child], { goal: "wait" });
    const [wait] = (await runtime.jobs.get(jobId))!.waits;
    await clock.advance(60_000);
    expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "late" });
    const childId = wait?.kind === "child" ? wait.jobId : "";
    expect(await runtime.jobs.wait(childId, 1000)).toMatchObject({ status: "cancelled" });
  });

  test("ends with the other job's error where no transition takes it", async () => {
    const strict = oneState((ctx) =>
      ctx.actions.runBlueprint({
        blueprint: "child",
        transitions: { success: "next" },
        initialData: { goal: "wait" },
      }),
    );
    const { runtime, worker, jobId } = await startFlow([strict, child]);
    await worker.fail(worker.accept(), "PERMANENT_ERROR", "broken");
    expect(await runtime.jobs.wait(jobId, 1000)).toMatchObject({
      status: "quarantined",
      error: { code: "PERMANENT_ERROR", message: "broken" },
    });
  });
});

describe("awaitHumanApproval", () => {
  const asking = oneState((ctx) =>
    ctx.actions.awaitHumanApproval({
      integration: "mail",
      message: "Ship it?",
      transitions: { approved: "completed", rejected: "failed", timeout: "late" },
      timeoutMs: 3_600_000,
    }),
  );

  test("waits for a decision, says so, and goes where it leads", async () => {
    const { runtime, store, jobId } = await startFlow([asking]);
    expect(await runtime.jobs.get(jobId)).toMatchObject({
      status: "waiting_for_human",
      waits: [
        {
          kind: "approval",
          decisions: ["approved", "rejected"],
          message: "Ship it?",
          integration: "mail",
        },
        { kind: "timer" },
      ],
    });
    await expect(runtime.jobs.approve(jobId, "perhaps")).rejects.toMatchObject({
      code: "approval.invalid_decision",
    });
    await runtime.jobs.approve(jobId, "rejected");
    expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "failed", waits: [] });
    await expect(runtime.jobs.approve(jobId, "approved")).rejects.toMatchObject({
      code: "approval.not_awaited",
    });
    await expectReplayed(store, asking, jobId);
  });

  test("takes the timeout when nobody decides in time, and not before", async () => {
    const { runtime, clock, jobId } = await startFlow([asking]);
    await clock.advance(3_599_999);
    expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "waiting_for_human" });
    await clock.advance(1);
    expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "late" });
  });

  test("cannot be answered by an event, by a decision that is no own member, or for a job that waits for a worker", async () => {
    const { runtime, jobId } = await startFlow([asking]);
    await expect(
      runtime.jobs.send(jobId, { type: "flow.decision", decision: "approved" }),
    ).rejects.toMatchObject({ code: "event.reserved" });
    for (const decision of ["constructor", "timeout_"])
      await expect(runtime.jobs.approve(jobId, decision)).rejects.toMatchObject({
        code: "approval.invalid_decision",
      });
    const working = await startFlow([
      oneState((ctx) =>
        ctx.actions.dispatchTask({ type: "work", transitions: { success: "completed" } }),
      ),
    ]);
    await expect(working.runtime.jobs.approve(working.jobId, "success")).rejects.toMatchObject({
      code: "approval.not_awaited",
    });
  });
});

describe("dispatchTask", () => {
  test("carries every wish of the handler on the task, its priority rounded", async () => {
    const { store, jobId } = await startFlow([
      oneState((ctx) =>
        ctx.actions.dispatchTask({
          type: "work",
          params: { n: 1 },
          transitions: { success: "completed" },
          priority: 6.7,
          strategy: "best_value",
          requirements: { gpu_info: { model: "A100", vram_gb: 40 }, installed_models: ["llama"] },
          maxCost: 0.5,
          runTimeoutMs: 1000,
          queueTimeoutMs: 2000,
          retry: { maxAttempts: 2 },
        }),
      ),
    ]);
    expect((await store.listTasks(jobId))[0]).toMatchObject({
      priority: 7,
      state: "queued",
      placement: {
        strategy: "best_value",
        requirements: { gpu_info: { model: "A100", vram_gb: 40 } },
        maxCost: 0.5,
      },
      runTimeoutMs: 1000,
      queueTimeoutMs: 2000,
      retry: { maxAttempts: 2 },
    });
  });

  test.each([
    [-3, 0],
    [0, 0],
    [0.5, 1],
    [99, 9],
  ])("a priority of %d is %i", async (priority, expected) => {
    const { worker } = await startFlow([
      oneState((ctx) =>
        ctx.actions.dispatchTask({ type: "work", priority, transitions: { success: "next" } }),
      ),
    ]);
    expect(worker.tasks[0]?.priority).toBe(expected);
  });

  test("that takes too long in all leads to `timeout`, or else to `failure`", async () => {
    for (const [name, expected] of [
      ["timeout", "late"],
      ["failure", "failed"],
    ] as const) {
      const { clock, job, store, jobId } = await startFlow([
        oneState((ctx) =>
          ctx.actions.dispatchTask({
            type: "nobody_does_this",
            totalTimeoutMs: 5000,
            transitions: { success: "completed", failure: "failed", [name]: expected },
          }),
        ),
      ]);
      await clock.advance(5000);
      expect(await job()).toMatchObject({
        currentState: expected,
        data: { error: { code: "TIMEOUT_ERROR" } },
      });
      expect(await store.listTasks(jobId)).toEqual([]);
    }
  });

  test.each([
    ["what the flow declares", undefined, 5000],
    ["what the handler says, though the flow declares less", 8000, 8000],
  ])("takes as long as it may by %s", async (_, own, ms) => {
    const unhurried = task("nobody_does_this", {
      input: z.unknown(),
      output: z.unknown(),
      totalTimeoutMs: 5000,
    });
    const deadline = flow("deadline", { version: "1", tasks: [unhurried] })
      .state("start", { isStart: true, to: ["completed", "late", "failed"] }, (ctx) =>
        ctx.actions.dispatchTask({
          type: "nobody_does_this",
          ...(own !== undefined && { totalTimeoutMs: own }),
          transitions: { success: "completed", timeout: "late", failure: "failed" },
        }),
      )
      .state("late", { isEnd: true })
      .build();
    const { clock, job } = await startFlow([deadline]);
    await clock.advance(ms - 1);
    expect(await job()).toMatchObject({ currentState: "start" });
    await clock.advance(1);
    expect(await job()).toMatchObject({
      currentState: "late",
      data: { error: { code: "TIMEOUT_ERROR" } },
    });
  });

  test("leads where the code of its error says, before `failure`", async () => {
    const { worker, job } = await startFlow([
      oneState((ctx) =>
        ctx.actions.dispatchTask({
          type: "work",
          transitions: { success: "completed", failure: "failed", INVALID_INPUT_ERROR: "odd" },
        }),
      ),
    ]);
    await worker.fail(worker.accept(), "INVALID_INPUT_ERROR");
    expect(await job()).toMatchObject({ currentState: "odd" });
  });
});

test("updateContext is kept, and sendEvent reaches the parent", async () => {
  const telling = oneState((ctx) => {
    ctx.actions.updateContext({ a: 1, b: 2 });
    ctx.actions.sendEvent("reached", { where: "start" });
    ctx.stateHistory["b"] = 3;
    ctx.actions.dispatchTask({ type: "work", transitions: { success: "completed" } });
  }, "telling");
  const listening = blueprint("listening", {
    version: "1",
    machine: setup({
      types: {
        context: {} as { heard: unknown },
        events: {} as { type: "reached"; where: string },
      },
      actors: { telling: jobLogic(telling) as never },
    }).createMachine({
      id: "listening",
      context: () => ({ heard: null }),
      invoke: { id: "telling", src: "telling", input: {} } as never,
      on: { reached: { actions: assign({ heard: ({ event }) => event.where }) } },
    }),
  });
  const { runtime, worker, jobId } = await startFlow([listening, telling]);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ data: { heard: "start" } });
  const alone = await runtime.jobs.start({ blueprint: "telling", input: {} });
  await worker.succeed(worker.tasks.at(-1)!);
  expect(await runtime.jobs.get(alone.jobId)).toMatchObject({ data: { a: 1, b: 3 } });
});

test("an event that a handler sends after others follow the job is told to them", async () => {
  const bp = flow("steps", { version: "1" })
    .state("start", { isStart: true, to: ["second"] }, (ctx) =>
      ctx.actions.dispatchTask({ type: "work", transitions: { success: "second" } }),
    )
    .state("second", { to: ["completed"] }, (ctx) => {
      ctx.actions.sendEvent("half_way", { percent: 50 });
      ctx.actions.transitionTo("completed");
    })
    .build();
  const { runtime, worker, jobId } = await startFlow([bp]);
  const heard: unknown[] = [];
  const reader = (async () => {
    for await (const event of runtime.jobs.watch(jobId, 0, new AbortController().signal))
      if (event.type === "emitted") heard.push(event.event);
  })();
  await new Promise((resolve) => setImmediate(resolve));
  await worker.succeed(worker.accept());
  await reader;
  expect(heard).toEqual([{ type: "half_way", percent: 50 }]);
});

test("a data store is there for every handler of the process", async () => {
  const counts = dataStore({ calls: 0 });
  const bp = flow("counting", { version: "1", dataStores: { counts } })
    .state("init", { to: ["completed"] }, async (ctx) => {
      const calls = (await ctx.dataStores.counts.get("calls")) ?? 0;
      await ctx.dataStores.counts.set("calls", calls + 1);
      ctx.stateHistory["calls"] = calls + 1;
      ctx.actions.transitionTo("completed");
    })
    .build();
  const { runtime, job } = await startFlow([bp]);
  expect(await job()).toMatchObject({ data: { calls: 1 } });
  const { jobId } = await runtime.jobs.start({ blueprint: "counting", input: {} });
  expect(await runtime.jobs.get(jobId)).toMatchObject({ data: { calls: 2 } });
  expect(await counts.keys()).toEqual(["calls"]);
});
