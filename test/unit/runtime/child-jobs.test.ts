// Jobs that start jobs: inputs and outputs, events both ways, how an end spreads, and limits.
import { describe, expect, test } from "vitest";
import { assign, emit, enqueueActions, sendTo, setup, spawnChild } from "xstate";
import { z } from "zod";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { job, type ParentClose } from "../../../src/blueprint/job.ts";
import {
  childOf,
  counter,
  expectReplayed,
  invoking,
  parentOf,
} from "../../support/job-blueprints.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

describe("a child job", () => {
  test("gets its input and events, tells its parent events, and gives its output", async () => {
    const parent = parentOf();
    const world = await openWorld([parent, counter]);
    const { runtime, store, clock } = world;
    const { jobId } = await runtime.jobs.start({ blueprint: "parent", input: {} });
    await clock.advance(0);
    const childId = await childOf(world, jobId);
    expect(await runtime.jobs.get(jobId)).toMatchObject({
      status: "waiting_for_sub_job",
      data: { sums: [11] },
      waits: [
        {
          kind: "child",
          child: "counter",
          jobId: childId,
          blueprint: "counter",
          status: "waiting_for_event",
        },
        { kind: "event" },
      ],
    });
    expect(await runtime.jobs.get(childId)).toMatchObject({ parentJobId: jobId });
    for (const n of [2, 3, 4]) await runtime.jobs.send(jobId, { type: "TELL", n });
    await runtime.jobs.send(jobId, { type: "FINISH" });
    expect(await runtime.jobs.wait(jobId, 1000)).toMatchObject({
      currentState: "done",
      data: { sums: [11, 13, 16, 20], output: { sum: 20, seen: [1, 2, 3, 4] } },
    });
    await expectReplayed(store, parent, jobId);
    await expectReplayed(store, counter, childId);
    expect(await store.due(100)).toMatchObject({ messages: [] });
  });

  test("that fails or is cancelled takes its parent's onError", async () => {
    const world = await openWorld([parentOf(), counter]);
    const { runtime, clock } = world;
    const worker = new ScriptedWorker(runtime.workers, "w", ["work"]);
    await worker.connect();
    const failing = await runtime.jobs.start({ blueprint: "parent", input: {} });
    const cancelled = await runtime.jobs.start({ blueprint: "parent", input: {} });
    await clock.advance(0);
    await runtime.jobs.send(await childOf(world, failing.jobId), { type: "FAIL" });
    await worker.fail(worker.accept(), "PERMANENT_ERROR", "no");
    await runtime.jobs.cancel(await childOf(world, cancelled.jobId), "not wanted");
    expect(await runtime.jobs.wait(failing.jobId, 1000)).toMatchObject({
      currentState: "broken",
      data: { error: { code: "PERMANENT_ERROR", message: "no" } },
    });
    expect(await runtime.jobs.wait(cancelled.jobId, 1000)).toMatchObject({
      currentState: "broken",
      data: { error: { code: "cancelled", message: "not wanted" } },
    });
  });

  test("whose input its blueprint refuses, or whose blueprint is missing, fails its invocation", async () => {
    const any = { input: z.unknown(), output: z.unknown() };
    const missing = blueprint("missing", {
      version: "1",
      machine: invoking({ child: job("nowhere", any) }),
    });
    const refused = blueprint("refused", {
      version: "1",
      machine: invoking({ child: job("counter", any) }, { from: "ten" }),
    });
    const { runtime } = await openWorld([missing, refused, counter]);
    const first = await runtime.jobs.start({ blueprint: "missing", input: {} });
    expect(await runtime.jobs.wait(first.jobId, 1000)).toMatchObject({
      error: { code: "blueprint.not_found" },
    });
    const second = await runtime.jobs.start({ blueprint: "refused", input: {} });
    expect(await runtime.jobs.wait(second.jobId, 1000)).toMatchObject({
      status: "failed",
      error: { code: "INVALID_INPUT_ERROR" },
    });
  });

  test("whose output does not fit what its parent declares fails its invocation", async () => {
    const wrong = job("counter", { input: z.unknown(), output: z.object({ total: z.number() }) });
    const { runtime, clock } = await openWorld([parentOf("cancel", wrong as never), counter]);
    const { jobId } = await runtime.jobs.start({ blueprint: "parent", input: {} });
    await clock.advance(0);
    await runtime.jobs.send(jobId, { type: "FINISH" });
    expect(await runtime.jobs.wait(jobId, 1000)).toMatchObject({
      data: { error: { code: "CONTRACT_VIOLATION_ERROR" } },
    });
  });

  test("of a flow gives its final state and its history", async () => {
    const greet = flow("greet", { version: "1" })
      .state("start", { isStart: true, to: ["completed"] }, (ctx) => {
        ctx.stateHistory["greeting"] = `hello ${String(ctx.initialData["name"])}`;
        ctx.actions.transitionTo("completed");
      })
      .build();
    const caller = blueprint("caller", {
      version: "1",
      machine: invoking({ child: job(greet) as never }, { name: "Ann" }),
    });
    const { runtime } = await openWorld([greet, caller]);
    const { jobId } = await runtime.jobs.start({ blueprint: "caller", input: {} });
    expect(await runtime.jobs.wait(jobId, 1000)).toMatchObject({
      data: { output: { finalState: "completed", data: { greeting: "hello Ann" } } },
    });
  });
});

describe("when the parent ends", () => {
  const start = async (parentClose: ParentClose) => {
    const parent = parentOf(parentClose);
    const world = await openWorld([parent, counter]);
    const { jobId } = await world.runtime.jobs.start({ blueprint: "parent", input: {} });
    await world.clock.advance(0);
    return { ...world, parent, jobId, childId: await childOf(world, jobId) };
  };

  test("the child is cancelled, after it has taken what was sent to it", async () => {
    const { runtime, jobId, childId } = await start("cancel");
    await runtime.jobs.send(jobId, { type: "QUIT" });
    expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "finished" });
    expect(await runtime.jobs.wait(childId, 1000)).toMatchObject({
      status: "cancelled",
      data: { seen: [1, 99] },
    });
  });

  test("a cancelled parent cancels its child, and that its own", async () => {
    const grandparent = blueprint("grandparent", {
      version: "1",
      machine: invoking({ child: job(parentOf()) }),
    });
    const world = await openWorld([grandparent, parentOf(), counter]);
    const { runtime, clock } = world;
    const { jobId } = await runtime.jobs.start({ blueprint: "grandparent", input: {} });
    await clock.advance(0);
    const middle = await childOf(world, jobId);
    const last = await childOf(world, middle);
    await runtime.jobs.cancel(jobId, "enough");
    for (const id of [middle, last])
      expect(await runtime.jobs.wait(id, 1000)).toMatchObject({ status: "cancelled" });
  });

  test("an abandoned child goes on by itself, and its end moves nobody", async () => {
    const { runtime, jobId, childId } = await start("abandon");
    await runtime.jobs.send(jobId, { type: "QUIT" });
    expect(await runtime.jobs.get(childId)).toMatchObject({ status: "waiting_for_event" });
    const before = await runtime.jobs.get(jobId);
    await runtime.jobs.send(childId, { type: "END" });
    expect(await runtime.jobs.wait(childId, 1000)).toMatchObject({ status: "finished" });
    expect(await runtime.jobs.get(jobId)).toEqual(before);
  });

  test("an awaited child ends first, and its parent takes nothing until then", async () => {
    const { runtime, store, parent, jobId, childId, clock } = await start("await");
    await runtime.jobs.send(jobId, { type: "QUIT" });
    expect(await runtime.jobs.get(jobId)).toMatchObject({
      status: "waiting_for_sub_job",
      currentState: "gone",
      waits: [{ kind: "child", jobId: childId }],
    });
    await expect(runtime.jobs.send(jobId, { type: "TELL", n: 1 })).rejects.toMatchObject({
      code: "job.finished",
    });
    await runtime.jobs.send(childId, { type: "END" });
    expect(await runtime.jobs.wait(jobId, 1000)).toMatchObject({
      status: "finished",
      currentState: "gone",
    });
    await clock.advance(0);
    await expectReplayed(store, parent, jobId);
    expect(await store.due(100)).toMatchObject({ messages: [] });
  });

  test("an awaited child that its state has left is waited for at the end", async () => {
    const { runtime, jobId, childId } = await start("await");
    await runtime.jobs.send(jobId, { type: "LEAVE" });
    await runtime.jobs.send(jobId, { type: "QUIT" });
    expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "waiting_for_sub_job" });
    await runtime.jobs.send(childId, { type: "END" });
    expect(await runtime.jobs.wait(jobId, 1000)).toMatchObject({ status: "finished" });
  });

  test("a cancelled parent waits for an awaited child, unless it is cancelled once more", async () => {
    const first = await start("await");
    await first.runtime.jobs.cancel(first.jobId, "stop");
    expect(await first.runtime.jobs.get(first.jobId)).toMatchObject({
      status: "waiting_for_sub_job",
    });
    await first.runtime.jobs.send(first.childId, { type: "END" });
    expect(await first.runtime.jobs.wait(first.jobId, 1000)).toMatchObject({
      status: "cancelled",
      error: { message: "stop" },
    });
    const second = await start("await");
    await second.runtime.jobs.cancel(second.jobId, "stop");
    await second.runtime.jobs.cancel(second.jobId, "now");
    expect(await second.runtime.jobs.get(second.jobId)).toMatchObject({ status: "cancelled" });
    expect(await second.runtime.jobs.wait(second.childId, 1000)).toMatchObject({
      status: "cancelled",
    });
  });
});

describe("limits", () => {
  test("nine levels of jobs are too deep", async () => {
    const endless = blueprint("endless", {
      version: "1",
      machine: invoking({ child: job("endless", { input: z.unknown(), output: z.unknown() }) }),
    });
    const { runtime, store } = await openWorld([endless]);
    const { jobId } = await runtime.jobs.start({ blueprint: "endless", input: {} });
    expect(await runtime.jobs.wait(jobId, 1000)).toMatchObject({
      error: { code: "machine.jobs_too_deep" },
    });
    expect((await store.listJobs({ limit: 100 })).jobs).toHaveLength(9);
  });

  test("a job has at most 1,000 child jobs at once", async () => {
    const many = blueprint("many", {
      version: "1",
      machine: setup({
        types: { context: {} as { refused: number }, events: {} as { type: "GO" } },
        actors: { counter: job(counter) },
      }).createMachine({
        id: "many",
        context: () => ({ refused: 0 }),
        on: {
          GO: {
            actions: enqueueActions(({ enqueue }) => {
              for (let n = 0; n <= 1000; n++)
                enqueue.spawnChild("counter", { id: `child${n}`, input: {} });
            }),
          },
          "*": {
            guard: ({ event }) => event.type.startsWith("xstate.error.actor."),
            actions: assign({ refused: ({ context }) => context.refused + 1 }),
          },
        },
      }),
    });
    const world = await openWorld([many, counter]);
    const { runtime, store } = world;
    const { jobId } = await runtime.jobs.start({ blueprint: "many", input: {} });
    await runtime.jobs.send(jobId, { type: "GO" });
    await expect.poll(async () => (await store.countJobs()).waiting_for_event).toBe(1000);
    expect(await runtime.jobs.get(jobId)).toMatchObject({ data: { refused: 1 } });
  });
});

test("several children of one actor are told apart", async () => {
  const pair = blueprint("pair", {
    version: "1",
    machine: setup({
      types: {
        context: {} as { sums: number[] },
        events: {} as { type: "SUM"; sum: number } | { type: "GO" },
      },
      actors: { counter: job(counter) },
    }).createMachine({
      id: "pair",
      context: () => ({ sums: [] }),
      entry: [
        spawnChild("counter", { id: "one", input: { from: 100 } }),
        spawnChild("counter", { id: "two", input: { from: 200 } }),
      ],
      on: {
        GO: {
          actions: [
            sendTo("one", { type: "ADD", n: 1 }),
            sendTo("two", { type: "ADD", n: 2 }),
            sendTo("one", { type: "ADD", n: 3 }),
          ],
        },
        SUM: {
          actions: [
            assign({ sums: ({ context, event }) => [...context.sums, event.sum] }),
            emit(({ event }) => ({ type: "told", sum: event.sum })),
          ],
        },
      },
    }),
  });
  const { runtime, clock } = await openWorld([pair, counter]);
  const { jobId } = await runtime.jobs.start({ blueprint: "pair", input: {} });
  await runtime.jobs.send(jobId, { type: "GO" });
  await clock.advance(0);
  const { data } = (await runtime.jobs.get(jobId))!;
  expect(new Set((data as { sums: number[] }).sums)).toEqual(new Set([101, 104, 202]));
});
