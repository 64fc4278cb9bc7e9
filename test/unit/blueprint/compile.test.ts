// A flow's machine: where tasks, failures and handlers lead a job, step by step through the kernel.
import { describe, expect, test } from "vitest";
import { chart } from "../../../src/blueprint/chart.ts";
import type { FlowMeta } from "../../../src/blueprint/compile.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { HandDrivenJob } from "../../support/hand-driven-job.ts";

const oneTask = () => {
  const bp = flow("one_task", { version: "1" });
  bp.state("start", { isStart: true, to: ["completed", "failed", "review"] }, (ctx) =>
    ctx.actions.dispatchTask({
      type: "work",
      params: { size: ctx.initialData["size"] },
      transitions: { success: "completed", doubtful: "review", failure: "failed" },
    }),
  );
  bp.state("review", { to: ["start", "completed"] }, (ctx) => {
    ctx.stateHistory["reviewedAt"] = ctx.now;
    ctx.actions.transitionTo(ctx.stateHistory["again"] ? "start" : "completed");
  });
  return bp.build();
};

describe("a dispatched task", () => {
  test("waits under the child `task` with its whole request as input", async () => {
    const job = await HandDrivenJob.start(oneTask(), { size: 3 });
    expect(job.state).toBe("start");
    expect(job.tasks).toMatchObject([
      {
        child: "task",
        src: "task",
        input: { type: "work", params: { size: 3 }, priority: 5, retry: { initialMs: 1000 } },
      },
    ]);
  });

  test("takes the job to the state of its outcome, and its output into the history", async () => {
    const job = await HandDrivenJob.start(oneTask(), { size: 3 });
    await job.finish({ made: 3 });
    expect(job.envelope.status).toBe("done");
    expect(job.state).toBe("completed");
    expect(job.data).toEqual({ made: 3 });
  });

  test("merges later outputs over earlier ones", async () => {
    const job = await HandDrivenJob.start(oneTask(), {});
    await job.finish({ made: 1, again: true, kept: "yes" }, "doubtful");
    expect(job.state).toBe("start");
    await job.finish({ made: 2 });
    expect(job.data).toEqual({ made: 2, again: true, kept: "yes", reviewedAt: 1_000_000 });
  });

  test.each([["text"], [null], [7], [["a", "b"]]])(
    "has nothing to merge where its output is %j",
    async (output) => {
      const job = await HandDrivenJob.start(oneTask(), {});
      await job.finish(output);
      expect(job.state).toBe("completed");
      expect(job.data).toEqual({});
    },
  );

  test("cannot reach a prototype through the names in its output", async () => {
    const job = await HandDrivenJob.start(oneTask(), {});
    await job.finish(JSON.parse('{"__proto__":{"bad":1},"constructor":1,"good":2}'));
    expect(job.data).toEqual({ good: 2 });
    expect(Object.getPrototypeOf(job.data)).toBe(Object.prototype);
  });

  test("ends the job where its status has no transition", async () => {
    const job = await HandDrivenJob.start(oneTask(), {});
    await job.finish({}, "toString");
    expect(job.envelope).toMatchObject({
      status: "error",
      error: {
        code: "task.unhandled_status",
        message:
          'The worker answered with the status "toString", for which the handler named no transition (it named: success, doubtful, failure).',
      },
    });
  });

  test("that failed for good takes the transition `failure` and leaves its error in the history", async () => {
    const job = await HandDrivenJob.start(oneTask(), {});
    await job.fail({ code: "PERMANENT_ERROR", message: "broken", details: { secret: 1 } });
    expect(job.envelope.status).toBe("done");
    expect(job.state).toBe("failed");
    expect(job.data).toEqual({ error: { code: "PERMANENT_ERROR", message: "broken" } });
  });

  test("that failed for good ends the job where no transition is named `failure`", async () => {
    const bp = flow("no_failure", { version: "1" });
    bp.state("start", { isStart: true, to: ["completed"] }, (ctx) =>
      ctx.actions.dispatchTask({ type: "work", transitions: { success: "completed" } }),
    );
    const job = await HandDrivenJob.start(bp.build(), {});
    await job.fail({ code: "TRANSIENT_ERROR", message: "no luck" });
    expect(job.envelope).toMatchObject({
      status: "error",
      error: { code: "TRANSIENT_ERROR", message: "no luck" },
    });
  });
});

describe("a handler", () => {
  const failing = (failures: number, calls: number[]) => {
    const bp = flow("failing", { version: "1" });
    bp.state("init", { to: ["completed"] }, (ctx) => {
      calls.push(ctx.now);
      if (calls.length <= failures) throw new Error("database away");
      ctx.actions.transitionTo("completed");
    });
    return bp.build();
  };

  test("that throws is tried again after 1, 2 and 4 seconds", async () => {
    const calls: number[] = [];
    const job = await HandDrivenJob.start(failing(3, calls), {});
    for (const delayMs of [1000, 2000, 4000]) {
      expect(job.state).toBe("init");
      expect(job.delaysMs).toEqual([delayMs]);
      await job.fire();
    }
    expect(job.state).toBe("completed");
    expect(calls).toEqual([1_000_000, 1_001_000, 1_003_000, 1_007_000]);
  });

  test("that throws a fourth time ends the job", async () => {
    const job = await HandDrivenJob.start(failing(9, []), {});
    for (let retry = 0; retry < 3; retry++) await job.fire();
    expect(job.envelope).toMatchObject({
      status: "error",
      error: { code: "handler.failed", message: 'Handler of state "init" failed: database away' },
    });
  });

  test("that does what it may not do is not tried again", async () => {
    const bp = flow("idle", { version: "1" });
    bp.state("init", { to: ["completed"] }, () => {});
    const job = await HandDrivenJob.start(bp.build(), {});
    expect(job.envelope).toMatchObject({
      status: "error",
      error: { code: "handler.invalid_action" },
    });
  });

  test("starts with no failures in the next state", async () => {
    const calls: string[] = [];
    const bp = flow("twice", { version: "1" });
    const failTwice = (ctx: { readonly currentState: string }) => {
      calls.push(ctx.currentState);
      if (calls.filter((state) => state === ctx.currentState).length <= 2) throw new Error("away");
    };
    bp.state("init", { to: ["second"] }, (ctx) => {
      failTwice(ctx);
      ctx.actions.transitionTo("second");
    });
    bp.state("second", { to: ["completed"] }, (ctx) => {
      failTwice(ctx);
      ctx.actions.transitionTo("completed");
    });
    const job = await HandDrivenJob.start(bp.build(), {});
    await job.fire();
    await job.fire();
    expect(job.state).toBe("second");
    expect(job.delaysMs).toEqual([1000]);
    await job.fire();
    await job.fire();
    expect(job.state).toBe("completed");
  });

  test("is not run again by a client that sends the event of its retry", async () => {
    const job = await HandDrivenJob.start(oneTask(), {});
    const { envelope } = job;
    await job.take({ type: "event", event: { type: "flow.retry" } });
    expect(job.envelope).toEqual(envelope);
  });
});

describe("an end state", () => {
  test("runs its handler, keeps what it wrote, and only then is the job's state", async () => {
    const seen: unknown[] = [];
    const bp = flow("ending", { version: "1" });
    bp.state("start", { isStart: true, to: ["failed"] }, (ctx) =>
      ctx.actions.transitionTo("failed"),
    );
    bp.state("failed", {}, (ctx) => {
      seen.push(ctx.currentState);
      ctx.stateHistory["summary"] = "nothing worked";
    });
    const job = await HandDrivenJob.start(bp.build(), {});
    expect(seen).toEqual(["failed"]);
    expect(job.envelope.status).toBe("done");
    expect(job.state).toBe("failed");
    expect(job.data).toEqual({ summary: "nothing worked" });
  });

  test("is not claimed while its handler is still to be tried again", async () => {
    let calls = 0;
    const bp = flow("ending_late", { version: "1" });
    bp.state("start", { isStart: true, to: ["completed"] }, (ctx) =>
      ctx.actions.transitionTo("completed"),
    );
    bp.state("completed", {}, () => {
      if (++calls === 1) throw new Error("away");
    });
    const job = await HandDrivenJob.start(bp.build(), {});
    expect(job.state).toBe("completed:handler");
    await job.fire();
    expect(job.state).toBe("completed");
    expect(job.envelope.status).toBe("done");
  });
});

test("a state may lead to itself, which runs its handler again", async () => {
  const bp = flow("loop", { version: "1" });
  bp.state("start", { isStart: true, to: ["start", "completed"] }, (ctx) => {
    const round = Number(ctx.stateHistory["round"] ?? 0) + 1;
    ctx.stateHistory["round"] = round;
    ctx.actions.transitionTo(round < 3 ? "start" : "completed");
  });
  const job = await HandDrivenJob.start(bp.build(), {});
  expect(job.state).toBe("completed");
  expect(job.data).toEqual({ round: 3 });
});

test("whatever a handler may ask for, every arrow leads to a declared target", () => {
  const bp = flow("everything", { version: "1" });
  bp.state("start", { isStart: true, to: ["merged", "failed"] }, (ctx) => {
    const { actions } = ctx;
    const transitions = { success: "merged", failure: "failed", yes: "merged" } as const;
    const chosen = Number(ctx.initialData["n"]);
    if (chosen === 0) actions.dispatchParallel({ tasks: [{ type: "a" }], aggregateInto: "merged" });
    if (chosen === 1) actions.runBlueprint({ blueprint: "other", transitions });
    if (chosen === 2) actions.awaitHumanApproval({ transitions });
    if (chosen === 3) actions.dispatchTask({ type: "b", transitions });
  });
  bp.aggregatorFor("merged", { to: ["completed"] }, (ctx) => ctx.actions.transitionTo("completed"));
  const { machine } = bp.build();
  const leads = (state: string) =>
    new Set(
      [...machine.root.states[state]!.transitions.values()]
        .flat()
        .flatMap(({ target }) => target?.map(({ key }) => key) ?? []),
    );
  // A state may always enter itself again, to try its handler once more.
  expect(leads("start")).toEqual(new Set(["merged", "failed", "start"]));
  expect(leads("merged")).toEqual(new Set(["completed", "merged"]));
  expect(chart(machine).edges.map(({ source, target }) => `${source} ${target}`)).toEqual([
    "everything.start everything.merged",
    "everything.start everything.failed",
    "everything.merged everything.completed",
  ]);
});

test("each declared target has one visible arrow, labelled with the outcomes that lead there", () => {
  const start = oneTask().machine.root.states["start"]!;
  const visible = [...start.transitions.values()]
    .flat()
    .filter(({ meta }) => !(meta as FlowMeta | undefined)?.hidden)
    .map(({ target, description }) => [target?.[0]?.key, description]);
  expect(visible).toEqual([
    ["completed", "success"],
    ["failed", "failure"],
    ["review", "doubtful"],
  ]);
  expect(start.meta).toEqual({ tasks: ["work"] });
});
