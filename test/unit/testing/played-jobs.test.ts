// Jobs that others start, tasks at once and decisions of people are played by the test, or found by the search for paths.
import {
  findPaths,
  openTestWorld,
  readRecordedJob,
  replayJobs,
  fail,
  reply,
} from "avtomatika/testing";
import { describe, expect, test } from "vitest";
import { assign, setup } from "xstate";
import { z } from "zod";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { job } from "../../../src/blueprint/job.ts";

const output = z.object({ price: z.number() });
const quote = job("quoting", { version: "3", input: z.object({ of: z.string() }), output });
const buying = blueprint("buying", {
  version: "1",
  machine: setup({
    types: { context: {} as { price: number | null; problem?: unknown } },
    actors: { quote },
    guards: { isCheap: (_, price: number) => price < 100 },
  }).createMachine({
    id: "buying",
    context: () => ({ price: null }),
    initial: "asking",
    states: {
      asking: {
        invoke: {
          id: "quote",
          src: "quote",
          input: { of: "lamp" },
          onDone: [
            {
              guard: { type: "isCheap", params: ({ event }) => event.output.price },
              target: "bought",
              actions: assign({ price: ({ event }) => event.output.price }),
            },
            { target: "declined" },
          ],
          onError: { target: "declined", actions: assign({ problem: ({ event }) => event.error }) },
        },
        on: { CANCEL: "declined" },
      },
      bought: { type: "final" },
      declined: { type: "final" },
    },
  }),
});

describe("a child job whose blueprint is not in the world", () => {
  test("ends as the test says, with an output that fits", async () => {
    const world = await openTestWorld(buying);
    const parent = await world.start();
    parent.assertStatus("waiting_for_sub_job");
    await parent.complete("quote", { price: 5 });
    parent.assertIn("bought");
    expect(parent.context.price).toBe(5);
    await world.close();
  });

  test("ends as a script says, in its time", async () => {
    const world = await openTestWorld(buying, {
      tasks: { quote: reply({ price: 5 }, { afterMs: 3_600_000 }) },
    });
    const parent = await world.start();
    parent.assertIn("asking");
    await parent.run();
    parent.assertIn("bought");
    await world.close();
  });

  test("fails as the test says, and its parent hears the code", async () => {
    const world = await openTestWorld(buying, {
      tasks: { quote: fail("TRANSIENT_ERROR", "shut") },
    });
    const parent = await world.start();
    parent.assertIn("declined");
    expect(parent.context.problem).toMatchObject({ code: "TRANSIENT_ERROR", message: "shut" });
    await world.close();
  });

  test("is cancelled when its parent leaves it", async () => {
    const world = await openTestWorld(buying);
    const parent = await world.start();
    const [childId] = (await world.jobIds()).filter((id) => id !== parent.id);
    await parent.send({ type: "CANCEL" } as never);
    (await world.job(childId!)).assertStatus("cancelled");
    await world.close();
  });

  test("that is in the world runs as it is, and cannot be played", async () => {
    const quoting = blueprint("quoting", {
      version: "3",
      machine: setup({}).createMachine({ id: "quoting", initial: "a", states: { a: {} } }),
    });
    const world = await openTestWorld(buying, { alongside: [quoting] });
    const parent = await world.start();
    await expect(parent.complete("quote", { price: 5 })).rejects.toThrow("No attempt");
    await world.close();
  });
});

const survey = flow("survey", { version: "1" })
  .state("start", { isStart: true, to: ["counted"] }, (ctx) => {
    ctx.actions.dispatchParallel({
      tasks: [1, 2].map((n) => ({ type: "look", params: { n } })),
      aggregateInto: "counted",
    });
  })
  .aggregatorFor("counted", { to: ["judging", "failed"] }, (ctx) => {
    const good = ctx.aggregationResults.filter(({ status }) => status === "success").length;
    ctx.actions.transitionTo(good === 1 ? "judging" : "failed");
  })
  .state("judging", { to: ["asking", "failed"] }, (ctx) => {
    ctx.actions.awaitHumanApproval({ transitions: { yes: "asking", no: "failed" } });
  })
  .state("asking", { to: ["completed", "failed"] }, (ctx) => {
    ctx.actions.runBlueprint({
      blueprint: "counting",
      transitions: { success: "completed", failure: "failed" },
    });
  });

test("tasks at once, a person's decision and a flow's child job are played", async () => {
  const world = await openTestWorld(survey);
  const one = await world.start({});
  await one.complete("look", {}, {});
  await one.fail("look");
  one.assertStatus("waiting_for_human");
  await expect(one.decide("maybe")).rejects.toMatchObject({ code: "approval.invalid_decision" });
  await one.decide("yes");
  one.assertStatus("waiting_for_sub_job");
  await one.complete("counting", { finalState: "completed", data: {} });
  one.assertIn("completed");
  await world.close();
});

test("all ways are found through tasks at once, decisions and child jobs", async () => {
  const found = await findPaths(survey);
  found.assertComplete();
  const prices = await findPaths(buying, {
    outcomes: { quote: [reply({ price: 5 }), reply({ price: 500 })] },
  });
  prices.assertComplete();
  expect((await findPaths(buying)).paths.map(({ endsIn }) => endsIn)).toContain("bought");
});

test("a record of such a job is read back, and replays", async () => {
  const world = await openTestWorld(survey);
  const one = await world.start({});
  await one.complete("look", {});
  await one.fail("look");
  await one.decide("no");
  const record = readRecordedJob(JSON.parse(JSON.stringify(one.record)));
  expect(await replayJobs([record], survey)).toEqual([
    { jobId: one.id, steps: record.steps.length },
  ]);
  await world.close();
});
