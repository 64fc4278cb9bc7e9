// Defects of the original engine that made jobs stuck, lost or wrongly failed, by their numbers: ours has none of them.
import { describe, expect, test } from "vitest";
import type { Blueprint } from "../../../src/blueprint/blueprint.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { oneState, startFlow } from "../../support/flow-world.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

/** Dispatches one task with the transitions that the job was started with. */
const working = oneState((ctx) =>
  ctx.actions.dispatchTask({
    type: "work",
    transitions: (ctx.initialData["transitions"] ?? {
      success: "completed",
      failure: "failed",
    }) as Record<string, "completed" | "failed" | "odd">,
  }),
);

async function startMany(blueprint: Blueprint, count: number, input: unknown = {}) {
  const world = await openWorld([blueprint]);
  const started = await Promise.all(
    Array.from({ length: count }, () =>
      world.runtime.jobs.start({ blueprint: blueprint.name, input }),
    ),
  );
  const ids = started.map(({ jobId }) => jobId);
  const states = async () =>
    Promise.all(ids.map(async (id) => (await world.runtime.jobs.get(id))!.currentState));
  return { ...world, ids, states };
}

/** Does whatever comes until nothing more does; of some tasks twice. */
async function workOff(worker: ScriptedWorker, answer: (n: number) => unknown): Promise<void> {
  for (let n = 0; n < worker.tasks.length; n++) {
    const task = worker.tasks[n]!;
    await worker.succeed(task, answer(n));
  }
}

test("1: a burst of jobs of one priority completes, each task once", async () => {
  const { runtime, states } = await startMany(working, 500);
  const worker = new ScriptedWorker(runtime.workers, "w", ["work"]);
  await worker.connect(10);
  await workOff(worker, () => ({}));
  expect(new Set(worker.tasks.map(({ taskId }) => taskId)).size).toBe(500);
  expect(worker.tasks).toHaveLength(500);
  expect(new Set(await states())).toEqual(new Set(["completed"]));
});

test("2: jobs wait while workers are busy or absent, however long", async () => {
  const { runtime, clock, states } = await startMany(working, 20);
  await clock.advance(30 * 24 * 3_600_000);
  const worker = new ScriptedWorker(runtime.workers, "w", ["work"]);
  await worker.connect(2);
  expect(worker.tasks).toHaveLength(2);
  await workOff(worker, () => ({}));
  expect(new Set(await states())).toEqual(new Set(["completed"]));
});

test("3, 14: a transient failure is tried again after growing pauses, without any timeout given", async () => {
  const { worker, clock, job } = await startFlow([working]);
  const pauses: number[] = [];
  for (let attempt = 1; attempt <= 3; attempt++) {
    await worker.fail(worker.accept());
    for (let waited = 0; worker.tasks.length === attempt; waited += 500) {
      await clock.advance(500);
      pauses[attempt - 1] = waited + 500;
    }
  }
  expect(pauses).toEqual([1000, 2000, 4000]);
  await worker.succeed(worker.accept());
  expect(await job()).toMatchObject({ currentState: "completed" });
});

describe("4, 5: tasks at once", () => {
  const branching = (options: object) =>
    flow("branching", { version: "1" })
      .state("start", { isStart: true, to: ["merged"] }, (ctx) =>
        ctx.actions.dispatchParallel({
          tasks: Array.from({ length: Number(ctx.initialData["n"]) }, (_, n) => ({
            type: "work",
            params: { n },
            ...options,
          })),
          aggregateInto: "merged",
        }),
      )
      .aggregatorFor("merged", { to: ["completed"] }, (ctx) => {
        ctx.stateHistory["statuses"] = ctx.aggregationResults.map(({ status }) => status);
        ctx.actions.transitionTo("completed");
      })
      .build();

  test.each([2, 4, 10, 30])(
    "all of 20 jobs aggregate %i branches that come in any order",
    async (n) => {
      const { runtime, states } = await startMany(branching({}), 20, { n });
      const workers = ["one", "two", "three"].map(
        (name) => new ScriptedWorker(runtime.workers, name, ["work"]),
      );
      for (const worker of workers) await worker.connect(7);
      for (let done = 0; done < 20 * n;) {
        const open = workers.flatMap((worker) =>
          worker.tasks.splice(0).map((one) => ({ worker, one })),
        );
        await Promise.all(open.toReversed().map(({ worker, one }) => worker.succeed(one)));
        done += open.length;
      }
      expect(new Set(await states())).toEqual(new Set(["completed"]));
    },
  );

  test("a branch that is lost or too slow is tried again, and then is a failure", async () => {
    const retry = { maxAttempts: 2, initialMs: 100 };
    const { worker, clock, job, runtime } = await startFlow(
      [branching({ retry, queueTimeoutMs: 600_000 })],
      { n: 2 },
    );
    runtime.workers.disconnect(worker);
    await clock.advance(120_000);
    const other = new ScriptedWorker(runtime.workers, "other", ["work"]);
    await other.connect(1);
    await other.succeed(other.tasks[0]!);
    runtime.workers.disconnect(other);
    await clock.advance(610_000);
    expect(await job()).toMatchObject({
      data: { statuses: expect.arrayContaining(["success", "failure"]) as unknown },
    });
  });

  test("a branch that answers twice counts once", async () => {
    const { worker, job } = await startFlow([branching({})], { n: 2 });
    const [first, second] = worker.tasks;
    expect(await worker.succeed(first!)).toEqual({ status: "applied" });
    expect(await worker.succeed(first!)).not.toEqual({ status: "applied" });
    expect(await job()).toMatchObject({ status: "waiting_for_parallel_tasks" });
    await worker.succeed(second!);
    expect(await job()).toMatchObject({ data: { statuses: ["success", "success"] } });
  });
});

test("13: a deadline holds over a restart on a machine whose clock began anew", async () => {
  const timed = oneState((ctx) =>
    ctx.actions.awaitHumanApproval({
      transitions: { yes: "completed", timeout: "late" },
      timeoutMs: 60_000,
    }),
  );
  const first = await openWorld([timed]);
  const { jobId } = await first.runtime.jobs.start({ blueprint: "one_state", input: {} });
  await first.clock.advance(50_000);
  await first.runtime.stop();
  const { clock } = first;
  const store = new MemoryStore({ clock, image: first.store.snapshot() });
  const { runtime } = await openWorld([timed], { clock, store });
  await clock.advance(9_999);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "waiting_for_human" });
  await clock.advance(1);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "late" });
});

test("15: a result that comes before its dispatch is answered is not overwritten", async () => {
  const world = await openWorld([working]);
  const worker = new ScriptedWorker(world.runtime.workers, "fast", ["work"]);
  const answers: Promise<unknown>[] = [];
  worker.push = (one) => {
    world.runtime.workers.accept(worker, one);
    answers.push(worker.succeed(one, { fast: true }));
  };
  await worker.connect();
  const { jobId } = await world.runtime.jobs.start({ blueprint: "one_state", input: {} });
  await Promise.all(answers);
  expect(await world.runtime.jobs.get(jobId)).toMatchObject({
    currentState: "completed",
    data: { fast: true },
  });
});

test("16: a parent goes on however its child ends, whatever its child's states are called", async () => {
  const child = flow("child", { version: "1" })
    .state("begin", { isStart: true, to: ["done_and_dusted"] }, (ctx) =>
      ctx.actions.dispatchTask({ type: "work", transitions: { success: "done_and_dusted" } }),
    )
    .state("done_and_dusted", { isEnd: true })
    .build();
  const parent = oneState((ctx) =>
    ctx.actions.runBlueprint({
      blueprint: "child",
      transitions: { success: "completed", failure: "failed" },
    }),
  );
  const finished = await startFlow([parent, child]);
  await finished.worker.succeed(finished.worker.accept());
  expect(await finished.runtime.jobs.wait(finished.jobId, 1000)).toMatchObject({
    currentState: "completed",
  });
  const quarantined = await startFlow([parent, child]);
  await quarantined.worker.fail(quarantined.worker.accept(), "PERMANENT_ERROR");
  expect(await quarantined.runtime.jobs.wait(quarantined.jobId, 1000)).toMatchObject({
    currentState: "failed",
  });
});

test("17: an end state finishes the job, runs its handler whatever it is called, and keeps what that writes", async () => {
  for (const name of ["finished", "failed", "error", "quarantined"] as const) {
    const bp = flow("ending", { version: "1" })
      .state("start", { isStart: true, to: [name] }, (ctx) => ctx.actions.transitionTo(name))
      .state(name, { isEnd: true }, (ctx) => {
        ctx.stateHistory["ended_in"] = ctx.currentState;
      })
      .build();
    const { job } = await startFlow([bp]);
    expect(await job()).toMatchObject({
      status: "finished",
      currentState: name,
      data: { ended_in: name },
    });
  }
});

describe("18: conditions", () => {
  const routed = (input: unknown, withDefault = true) => {
    const bp = flow("routed", { version: "1" });
    const route = bp.handlerFor("route", { isStart: true, to: ["completed", "failed", "vip"] });
    route.when("context.initial_data.vip == True")((ctx) => ctx.actions.transitionTo("vip"));
    route.when("context.initial_data.amount > 100")((ctx) => ctx.actions.transitionTo("failed"));
    if (withDefault) route((ctx) => ctx.actions.transitionTo("completed"));
    bp.state("vip", { isEnd: true });
    return startFlow([bp.build()], input);
  };

  test.each([
    [{ vip: true, amount: 500 }, "vip"],
    [{ vip: "True", amount: 500 }, "failed"],
    [{ amount: 101 }, "failed"],
    [{ amount: 100 }, "completed"],
    [{ amount: null }, "completed"],
    [{ amount: "many" }, "completed"],
    [{}, "completed"],
  ])("a job with %o goes to %s", async (input, state) => {
    const { job } = await routed(input);
    expect(await job()).toMatchObject({ currentState: state, status: "finished" });
  });

  test("where none holds and nothing is for the rest, the job says so at once", async () => {
    const { job } = await routed({ amount: 1 }, false);
    expect(await job()).toMatchObject({
      status: "quarantined",
      error: {
        code: "handler.invalid_action",
        message: expect.stringContaining("no condition holds") as string,
      },
    });
  });
});

describe("19: a failure leads where the blueprint says", () => {
  test.each(["PERMANENT_ERROR", "INVALID_INPUT_ERROR", "CONTRACT_VIOLATION_ERROR"])(
    "%s takes the `failure` transition at once",
    async (code) => {
      const { worker, job } = await startFlow([working]);
      await worker.fail(worker.accept(), code, "no");
      expect(await job()).toMatchObject({
        status: "finished",
        currentState: "failed",
        data: { error: { code, message: "no" } },
      });
    },
  );

  test("other codes take it when the retries are used up", async () => {
    const { worker, job, clock } = await startFlow([working]);
    for (let attempt = 1; attempt <= 4; attempt++) {
      expect(worker.tasks).toHaveLength(attempt);
      await worker.fail(worker.accept(), "QUOTA_EXCEEDED");
      await clock.advance(5_000);
    }
    expect(await job()).toMatchObject({
      currentState: "failed",
      data: { error: { code: "QUOTA_EXCEEDED" } },
    });
  });

  test.each([
    ["PERMANENT_ERROR", "quarantined"],
    ["INVALID_INPUT_ERROR", "failed"],
  ])("%s makes the job %s only where there is none", async (code, status) => {
    const { worker, job } = await startFlow([working], { transitions: { success: "completed" } });
    await worker.fail(worker.accept(), code);
    expect(await job()).toMatchObject({ status, error: { code } });
  });

  test("a worker's own status leads on, and one that nobody named ends the job", async () => {
    const transitions = { success: "completed", doubtful: "odd" };
    const named = await startFlow([working], { transitions });
    const answer = (status: string) => ({ outcome: "ok", output: { n: 1 }, status }) as const;
    await named.worker.answer(named.worker.accept(), answer("doubtful"));
    expect(await named.job()).toMatchObject({ currentState: "odd", data: { n: 1 } });
    const unnamed = await startFlow([working], { transitions });
    await unnamed.worker.answer(unnamed.worker.accept(), answer("strange"));
    expect(await unnamed.job()).toMatchObject({
      status: "failed",
      error: { code: "task.unhandled_status" },
    });
  });
});

test("24: tasks of one priority go to workers in the order in which they came", async () => {
  const { runtime, ids } = await startMany(working, 0);
  expect(ids).toEqual([]);
  const order: string[] = [];
  for (let n = 0; n < 50; n++)
    order.push((await runtime.jobs.start({ blueprint: "one_state", input: {} })).jobId);
  const worker = new ScriptedWorker(runtime.workers, "w", ["work"]);
  await worker.connect(1);
  await workOff(worker, () => ({}));
  expect(worker.tasks.map(({ jobId }) => jobId)).toEqual(order);
});

test("a flow that goes in circles is ended", async () => {
  const circling = flow("circling", { version: "1", maxTransitions: 20 })
    .state("start", { isStart: true, to: ["start", "completed"] }, (ctx) =>
      ctx.actions.dispatchTask({ type: "work", transitions: { success: "start" } }),
    )
    .build();
  const { worker, job } = await startFlow([circling]);
  await workOff(worker, () => ({}));
  expect(worker.tasks).toHaveLength(21);
  expect(await job()).toMatchObject({
    status: "failed",
    error: { code: "flow.too_many_transitions" },
  });
});
