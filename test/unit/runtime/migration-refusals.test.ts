// Jobs that cannot go on as another version stay as they are, and say why.
import { describe, expect, test } from "vitest";
import { assign } from "xstate";
import {
  charging,
  ends,
  first,
  inPayment,
  made,
  migrate,
  replayed,
  seconds,
  started,
  worker,
} from "../../support/order-versions.ts";
import { openWorld } from "../../support/runtime-world.ts";

describe("a migration", () => {
  test("leaves a job as it is whose mapping or machine throws, and goes on with the others", async () => {
    const second = made(
      "2",
      {
        initial: "open",
        states: {
          open: {},
          charging: {
            invoke: {
              id: "new",
              src: "check",
              input: () => {
                throw new Error("no input");
              },
            },
          },
          ...ends,
        },
      },
      [
        {
          from: "1",
          context: (context: { input: unknown }) => {
            if (context.input === "odd") throw new Error("no such order");
            return context.input === "date" ? { at: new Date(0) } : context;
          },
        },
      ],
    );
    const world = await openWorld([first, second]);
    const start = async (input: unknown, ...events: string[]) => {
      const { jobId } = await world.runtime.jobs.start({ blueprint: "order", version: "1", input });
      for (const type of events) await world.runtime.jobs.send(jobId, { type });
    };
    await start("odd");
    await start("date");
    await start(1, "PAY");
    await start(1);
    const { jobs } = await migrate(world);
    const told = jobs.map(({ outcome, problems = [] }) => [
      outcome,
      ...problems.map(({ code, message }) => `${code}: ${message}`),
    ]);
    expect(told).toContainEqual(["migrated"]);
    expect(told).toContainEqual(["refused", "mapping_threw: no such order"]);
    expect(told).toContainEqual(["refused", "machine_threw: no input"]);
    expect(told).toContainEqual([
      "refused",
      expect.stringContaining("mapping_threw: context.at is an instance of Date"),
    ]);
    expect(await world.runtime.jobs.count()).toEqual({
      waiting_for_event: 3,
      waiting_for_worker: 1,
    });
  });

  test("is refused for a place that is final, is not there, or can't be", async () => {
    const config = { initial: "open", states: { open: {}, ...ends } };
    const toFinal = made("2", config, [{ from: "1", states: { charging: "paid" } }]);
    const nowhere = made("3", config, [{ from: "1" }]);
    const both = made("4", config, [{ from: "1", states: { charging: ["open", "paid"] } }]);
    const world = await openWorld([first, toFinal, nowhere, both]);
    await started(world, "PAY");
    const problemsOf = async (to: string) => (await migrate(world, { to })).jobs[0]?.problems;
    expect(await problemsOf("2")).toMatchObject([{ code: "state_final", state: "paid" }]);
    expect(await problemsOf("3")).toMatchObject([{ code: "state_gone", state: "charging" }]);
    expect(await problemsOf("4")).toMatchObject([{ code: "state_illegal" }]);
  });
});

describe("without a migration of its own", () => {
  test("a version takes a job over that has a place for every part of it", async () => {
    const second = made("2", {
      initial: "open",
      states: { open: { on: { PAY: "charging", NO: "failed" } }, charging, ...ends },
    });
    const world = await openWorld([first, second]);
    const one = await worker(world, "charge");
    const jobId = await started(world, "PAY");
    await world.clock.advance(20 * seconds);
    expect((await migrate(world)).jobs).toMatchObject([
      { outcome: "migrated", stops: [], starts: [] },
    ]);
    await replayed(world, jobId, first, second);
    await world.clock.advance(39 * seconds);
    expect(await world.runtime.jobs.get(jobId)).toMatchObject({ currentState: "charging" });
    await world.clock.advance(seconds);
    expect(await world.runtime.jobs.get(jobId)).toMatchObject({ currentState: "failed" });
    expect(one.cancelled).toHaveLength(1);
  });

  test("a job is refused with all that has no place", async () => {
    const second = made("2", {
      initial: "open",
      states: { open: {}, charging: { after: { haste: "failed" } }, ...ends },
    });
    const world = await openWorld([first, second]);
    await started(world, "PAY");
    const [told] = (await migrate(world)).jobs;
    expect(told?.problems?.map(({ code }) => code)).toEqual([
      "invoke_gone",
      "timer_gone",
      "delay_added",
    ]);
  });
});

test("a job whose version has another shape by now is refused its step, with what it lacks", async () => {
  const world = await openWorld([first]);
  const jobId = await started(world, "PAY");
  const changed = made("1", { initial: "open", states: { open: { entry: assign({}) }, ...ends } });
  const later = await openWorld([changed], { store: world.store, clock: world.clock });
  await expect(later.runtime.jobs.send(jobId, { type: "X" })).rejects.toMatchObject({
    code: "blueprint.shape_changed",
    message: expect.stringContaining('State "charging" is gone.') as string,
  });
  const about = { kind: "version", blueprint: "order", version: "1" };
  const view = await later.runtime.jobs.get(jobId);
  expect(view).toMatchObject({ currentState: "charging", data: { input: 1 } });
  expect(view?.waits).toEqual([
    {
      ...about,
      reason: "changed",
      problems: expect.arrayContaining(['State "charging" is gone.']) as string[],
    },
  ]);
  const without = await openWorld([inPayment], { store: world.store, clock: world.clock });
  expect((await without.runtime.jobs.get(jobId))?.waits).toEqual([
    { ...about, reason: "missing", problems: [] },
  ]);
});

test.each([
  [[{ from: "2" }], "its own version"],
  [[{ from: "1" }, { from: "1" }], "there are two"],
  [[{ from: "1", states: { a: "nowhere" } }], 'no state "nowhere"'],
])("a blueprint is refused with the migrations %j", (migrations, words) => {
  expect(() => made("2", { initial: "open", states: { open: {} } }, migrations)).toThrow(words);
});
