// The kit that users test blueprints with: jobs on virtual time, tasks by script, by handler and by hand.
import { flow, blueprint, task } from "avtomatika";
import { byHand, fail, fallSilent, noWorker, openTestWorld, reply } from "avtomatika/testing";
import { defineTask, TransientError } from "avtomatika/worker";
import { describe, expect, test } from "vitest";
import { assign, fromPromise, setup } from "xstate";
import { z } from "zod";

const minute = 60_000;

const resize = task("resize_image", {
  input: z.object({ source: z.string(), width: z.int().default(640) }),
  output: z.object({ path: z.string() }),
  progress: z.object({ percent: z.number() }),
});

const thumbnail = blueprint("thumbnail", {
  version: "1",
  input: z.object({ source: z.string() }),
  machine: setup({
    types: {
      input: {} as { source: string },
      context: {} as { source: string; path: string | null; percent: number; quota: number },
      events: {} as { type: "APPROVE"; by: string } | { type: "REJECT" },
      output: {} as { path: string | null },
    },
    actors: { resize, quota: fromPromise<number, { source: string }>(async () => 3) },
    delays: { patience: 3 * 24 * 60 * minute },
  }).createMachine({
    id: "thumbnail",
    context: ({ input }) => ({ source: input.source, path: null, percent: 0, quota: 0 }),
    initial: "asking",
    states: {
      asking: {
        invoke: {
          id: "quota",
          src: "quota",
          input: ({ context: { source } }) => ({ source }),
          onDone: {
            target: "resizing",
            actions: assign({ quota: ({ event }) => event.output }),
          },
          onError: "rejected",
        },
      },
      resizing: {
        invoke: {
          id: "resize",
          src: "resize",
          input: ({ context }) => ({ source: context.source }),
          onSnapshot: {
            actions: assign({ percent: ({ event }) => event.snapshot.progress?.percent ?? 0 }),
          },
          onDone: { target: "review", actions: assign({ path: ({ event }) => event.output.path }) },
          onError: "rejected",
        },
      },
      review: {
        tags: "human",
        initial: "open",
        states: { open: {} },
        on: { APPROVE: "published", REJECT: "rejected" },
        after: { patience: "rejected" },
      },
      published: { type: "final" },
      rejected: { type: "final" },
    },
    output: ({ context: { path } }) => ({ path }),
  }),
});

describe("a job in a world", () => {
  test("goes as far as its scripts take it, waits for the test, and ends", async () => {
    const world = await openTestWorld(thumbnail, { tasks: { resize: reply({ path: "a.webp" }) } });
    const job = await world.start({ source: "a.png" });
    expect(job.states).toEqual(["asking", "resizing", "review.open"]);
    expect(job.isIn("review")).toBe(true);
    expect(job.status).toBe("waiting_for_human");
    expect(job.assertDispatched("resize").params.width).toBe(640);
    expect(await job.send({ type: "APPROVE", by: "Mara" })).toBe("accepted");
    job.assertIn("published");
    expect(job.output).toEqual({ path: "a.webp" });
    job.assertWentThrough("resizing", "review", "published");
    await world.close();
  });

  test("waits days in no time, and not a moment longer", async () => {
    const world = await openTestWorld(thumbnail, { tasks: { resize: reply({ path: "a.webp" }) } });
    const job = await world.start({ source: "a.png" });
    await world.advance(3 * 24 * 60 * minute - 1);
    job.assertIn("review.open");
    await world.advance(1);
    job.assertIn("rejected");
    await world.close();
  });

  test("is started with what the blueprint's schema takes", async () => {
    const world = await openTestWorld(thumbnail);
    const wrong = { source: 5 } as unknown as { source: string };
    await expect(world.start(wrong)).rejects.toMatchObject({ code: "blueprint.input_invalid" });
    await world.close();
  });
});

describe("a task", () => {
  test("that nobody speaks of runs until the test ends it", async () => {
    const world = await openTestWorld(thumbnail);
    const job = await world.start({ source: "a.png" });
    job.assertIn("resizing");
    await world.advance(4 * minute);
    await job.progress("resize", { ratio: 0.5, data: { percent: 50 } });
    expect(job.context.percent).toBe(50);
    expect(job.tasks("resize")).toMatchObject([{ attempts: 1, state: "open" }]);
    await job.complete("resize", { path: "b.webp" });
    expect(job.context.path).toBe("b.webp");
    expect(job.tasks("resize")).toMatchObject([{ state: "done" }]);
    await world.close();
  });

  test("is held to its schema as a worker's result is", async () => {
    const world = await openTestWorld(thumbnail, {
      tasks: { resize: () => ({ path: 7 }) as never },
    });
    const job = await world.start({ source: "a.png" });
    expect(job.history.at(-1)!.message).toMatchObject({
      type: "failed",
      error: { code: "CONTRACT_VIOLATION_ERROR" },
    });
    await world.close();
  });

  test("is tried again after its pauses, one step of its list for each attempt", async () => {
    const world = await openTestWorld(thumbnail, {
      tasks: {
        resize: [fail("TRANSIENT_ERROR"), fail("TRANSIENT_ERROR"), reply({ path: "third.webp" })],
      },
    });
    const job = await world.start({ source: "a.png" });
    expect(job.waits).toMatchObject([{ kind: "task", state: "delayed", attempt: 1 }]);
    await world.advance(1000);
    expect(job.waits).toMatchObject([{ kind: "task", state: "delayed", attempt: 2 }]);
    await world.advance(2000);
    job.assertIn("review");
    expect(job.tasks("resize")).toMatchObject([{ attempts: 3 }]);
    await world.close();
  });

  test("takes its time, and reports while it does", async () => {
    const world = await openTestWorld(thumbnail, {
      tasks: {
        resize: reply(
          { path: "slow.webp" },
          { afterMs: 4 * minute, progress: [{ data: { percent: 50 } }] },
        ),
      },
    });
    const job = await world.start({ source: "a.png" });
    await world.advance(2 * minute);
    expect(job.context.percent).toBe(50);
    job.assertIn("resizing");
    await world.advance(2 * minute);
    job.assertIn("review");
    await world.close();
  });

  test("sees that it is not wanted any more", async () => {
    const reasons: string[] = [];
    const world = await openTestWorld(thumbnail, {
      tasks: {
        resize: async ({ sleep, signal }) => {
          signal.addEventListener("abort", () => reasons.push(String(signal.reason)));
          await sleep(minute);
          return { path: "never.webp" };
        },
      },
    });
    const job = await world.start({ source: "a.png" });
    await job.cancel("changed my mind");
    expect(reasons).toEqual([expect.stringContaining("changed my mind")]);
    expect(job.tasks("resize")).toMatchObject([{ state: "withdrawn" }]);
    await world.close();
  });

  test("is lost when its worker falls silent, and goes to another", async () => {
    const world = await openTestWorld(thumbnail, {
      tasks: { resize: [fallSilent, reply({ path: "second.webp" })] },
    });
    const job = await world.start({ source: "a.png" });
    await world.advance(40_000);
    expect(job.waits).toMatchObject([{ kind: "task", state: "leased", attempt: 1 }]);
    await world.advance(11_000);
    job.assertIn("review");
    expect(job.context.path).toBe("second.webp");
    await world.close();
  });

  test("stays queued where no worker offers it", async () => {
    const world = await openTestWorld(thumbnail, { tasks: { resize: noWorker } });
    const job = await world.start({ source: "a.png" });
    expect(job.waits).toMatchObject([{ kind: "task", state: "queued" }]);
    expect(job.tasks("resize")).toMatchObject([{ attempts: 0, state: "open" }]);
    await world.close();
  });

  test("is done by the handler of a real worker, whose errors and params are what they are there", async () => {
    let calls = 0;
    const handler = defineTask(resize, async ({ params, attempt }) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      calls++;
      if (attempt === 1) throw new TransientError("busy", { retryAfterMs: 7000 });
      return { path: `${params.source}.${params.width}` };
    });
    const world = await openTestWorld(thumbnail, { handlers: [handler] });
    const job = await world.start({ source: "a.png" });
    expect(calls).toBe(1);
    await world.advance(6999);
    expect(calls).toBe(1);
    await world.advance(1);
    expect(job.context.path).toBe("a.png.640");
    await world.close();
  });
});

describe("a promise of a machine", () => {
  test("runs its own code where no script stands for it", async () => {
    const world = await openTestWorld(thumbnail);
    expect((await world.start({ source: "a.png" })).context.quota).toBe(3);
    await world.close();
  });

  test("is scripted like a task", async () => {
    const world = await openTestWorld(thumbnail, {
      tasks: { quota: ({ params }) => params.source.length },
    });
    expect((await world.start({ source: "a.png" })).context.quota).toBe(5);
    await world.close();
  });

  test("can be ended by the test", async () => {
    const world = await openTestWorld(thumbnail, { tasks: { quota: byHand } });
    const job = await world.start({ source: "a.png" });
    job.assertIn("asking");
    await job.fail("quota");
    job.assertIn("rejected");
    await world.close();
  });
});

describe("a flow", () => {
  const notify = flow("notify", { version: "1" }).state(
    "start",
    { isStart: true, to: ["completed", "failed", "bounced"] },
    async (ctx) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      ctx.actions.dispatchTask({
        type: "send_mail",
        params: ctx.initialData,
        transitions: { success: "completed", bounced: "bounced", failure: "failed" },
      });
    },
  );
  notify.state("bounced", { isEnd: true });

  test("is tested by the types of its tasks, and by the statuses of its workers", async () => {
    const world = await openTestWorld(notify, {
      tasks: { send_mail: reply({ reason: "full" }, { status: "bounced" }) },
    });
    const job = await world.start({ to: "a@example.org" });
    job.assertIn("bounced");
    job.assertDispatched("send_mail", { to: "a@example.org" } as object);
    expect(job.view.data).toEqual({ reason: "full" });
    await world.close();
  });

  test("goes where its worker's event leads", async () => {
    const bell = flow("bell", { version: "1" })
      .state("start", { isStart: true, to: ["completed", "rung"], events: ["RANG"] }, (ctx) =>
        ctx.actions.dispatchTask({
          type: "listen",
          transitions: { success: "completed" },
          eventTransitions: { RANG: "rung" },
        }),
      )
      .state("rung", { isEnd: true });
    const world = await openTestWorld(bell, {
      tasks: {
        listen: async ({ sendEvent }) => {
          await sendEvent("RANG", { times: 2 });
          return reply({ times: 3 });
        },
      },
    });
    const job = await world.start({});
    job.assertIn("rung");
    expect(job.view.data).toEqual({ times: 2 });
    await world.close();
  });
});

describe("run()", () => {
  test("lets time pass until only the test can go on", async () => {
    const world = await openTestWorld(thumbnail, {
      tasks: { resize: [fail("TRANSIENT_ERROR"), reply({ path: "x" }, { afterMs: 90_000 })] },
    });
    const started = world.now;
    const job = await world.start({ source: "a.png" });
    await job.run();
    expect(job.states).toEqual(["asking", "resizing", "review.open", "rejected"]);
    expect(world.now - started).toBe(1000 + 90_000 + 3 * 24 * 60 * minute);
    await world.close();
  });
});

describe("an assertion that fails", () => {
  test("tells where the job is and how it came there", async () => {
    const world = await openTestWorld(thumbnail, { tasks: { resize: fail("PERMANENT_ERROR") } });
    const job = await world.start({ source: "a.png" });
    expect(() => job.assertIn("published")).toThrow(
      /not in "published"[^]*"rejected", finished[^]*3\. resize failed \(PERMANENT_ERROR\) → rejected/,
    );
    expect(() => job.assertDispatched("resize", { source: "b.png" })).toThrow(/dispatched no such/);
    expect(() => job.assertNotDispatched("resize")).toThrow(/dispatched "resize"/);
    expect(() => job.assertWentThrough("review")).toThrow(/did not come to "review"/);
    expect(() => job.assertStatus("failed")).toThrow(/not failed/);
    await expect(job.complete("resize", { path: "x" })).rejects.toThrow(/No attempt of "resize"/);
    await world.close();
  });
});

test("real work that never ends is named", async () => {
  const world = await openTestWorld(thumbnail, {
    settleMs: 50,
    tasks: { resize: () => new Promise<never>(() => {}) },
  });
  await expect(world.start({ source: "a.png" })).rejects.toThrow(/task resize_image/);
});
