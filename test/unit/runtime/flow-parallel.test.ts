// Tasks that a flow dispatches at once: what they come to together, failures and repetitions included, and at which price.
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { flow } from "../../../src/blueprint/flow.ts";
import { task } from "../../../src/blueprint/task.ts";
import type { BranchResult } from "../../../src/blueprint/flow-actions.ts";
import { expectReplayed } from "../../support/job-blueprints.ts";
import { startFlow } from "../../support/flow-world.ts";

const checked = task("work", {
  input: z.object({ n: z.number() }),
  output: z.object({ square: z.number() }),
  retry: { maxAttempts: 2, initialMs: 1000 },
});

/** Squares `count` numbers at once, then keeps what each came to. */
const squares = flow("squares", { version: "1", tasks: [checked] })
  .state("start", { isStart: true, to: ["merged"] }, (ctx) => {
    const params = ctx.initialData["params"] as readonly unknown[];
    ctx.actions.dispatchParallel({
      tasks: params.map((one) => ({ type: "work", params: one })),
      aggregateInto: "merged",
    });
  })
  .aggregatorFor("merged", { to: ["completed"] }, (ctx) => {
    ctx.stateHistory["results"] = ctx.aggregationResults.map(({ status, data, error }) =>
      data === undefined ? `${status} ${error?.code}` : data,
    );
    ctx.actions.transitionTo("completed");
  })
  .build();

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n }));

describe("tasks at once", () => {
  test.each([1, 2, 30])(
    "%i of them are aggregated in their order, however they end",
    async (count) => {
      const { worker, job, jobId, store } = await startFlow([squares], { params: numbers(count) });
      expect(worker.tasks).toHaveLength(count);
      expect(await job()).toMatchObject({ status: "waiting_for_parallel_tasks" });
      for (const one of worker.tasks.toReversed()) {
        const { n } = one.params as { n: number };
        await worker.succeed(one, { square: n * n });
      }
      expect(await job()).toMatchObject({
        currentState: "completed",
        data: { results: numbers(count).map(({ n }) => ({ square: n * n })) },
      });
      await expectReplayed(store, squares, jobId);
    },
  );

  test("are tried again one by one, and fail one by one", async () => {
    const { worker, job, clock } = await startFlow([squares], { params: numbers(3) });
    const [first, second, third] = worker.tasks;
    await worker.fail(first!, "PERMANENT_ERROR");
    await worker.fail(second!);
    await worker.succeed(third!, { cube: 1 });
    await clock.advance(1000);
    expect(worker.tasks).toHaveLength(4);
    expect(await job()).toMatchObject({
      status: "waiting_for_parallel_tasks",
      aggregation: {
        into: "merged",
        openTaskIds: [second!.taskId],
        results: [
          { taskId: first!.taskId, type: "work", status: "failure" },
          { taskId: third!.taskId, status: "failure" },
        ],
      },
    });
    await worker.fail(worker.tasks[3]!);
    expect(await job()).toMatchObject({
      data: {
        results: [
          "failure PERMANENT_ERROR",
          "failure TRANSIENT_ERROR",
          "failure CONTRACT_VIOLATION_ERROR",
        ],
      },
    });
  });

  test("whose params are refused are results, too", async () => {
    const params = [{ n: 2 }, { n: "three" }];
    const { worker, job } = await startFlow([squares], { params });
    expect(worker.tasks).toHaveLength(1);
    await worker.succeed(worker.tasks[0]!, { square: 4 });
    expect(await job()).toMatchObject({
      data: { results: [{ square: 4 }, "failure INVALID_INPUT_ERROR"] },
    });
  });

  test("are taken away when their job is cancelled", async () => {
    const { runtime, worker, jobId, store } = await startFlow([squares], { params: numbers(5) });
    await worker.succeed(worker.tasks[0]!, { square: 0 });
    await runtime.jobs.cancel(jobId, "not wanted");
    expect(await store.listTasks(jobId)).toEqual([]);
    expect(worker.cancelled.map(({ attempt }) => attempt.taskId)).toEqual(
      worker.tasks.slice(1).map(({ taskId }) => taskId),
    );
  });

  test.each([0, 1001])("%i of them are refused", async (count) => {
    const { job } = await startFlow([squares], { params: numbers(count) });
    expect(await job()).toMatchObject({ error: { code: "handler.invalid_action" } });
  });

  test("a thousand that end together are aggregated in at most 25 commits", async () => {
    const { worker, job, store } = await startFlow([squares], { params: numbers(1000) });
    expect(worker.tasks).toHaveLength(1000);
    let commits = 0;
    const commit = store.commit.bind(store);
    store.commit = (one) => {
      commits++;
      return commit(one);
    };
    await Promise.all(worker.tasks.map((one) => worker.succeed(one, { square: 1 })));
    const { data, currentState } = (await job())!;
    expect(currentState).toBe("completed");
    expect((data as { results: readonly BranchResult[] }).results).toHaveLength(1000);
    expect(commits).toBeLessThanOrEqual(25);
  });
});
