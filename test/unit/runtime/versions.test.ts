// Versions side by side: jobs stay on theirs, tell where they stand, and go on as another when somebody migrates them.
import { describe, expect, test } from "vitest";
import { flow } from "../../../src/blueprint/flow.ts";
import type { Migration } from "../../../src/blueprint/migration.ts";
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

test("jobs stay on the version that they were started with, and new ones get the newest", async () => {
  const world = await openWorld([first, inPayment]);
  const old = await started(world, "PAY");
  const { jobId } = await world.runtime.jobs.start({ blueprint: "order", input: 1 });
  await world.runtime.jobs.send(jobId, { type: "PAY" });
  expect(await world.runtime.jobs.get(old)).toMatchObject({
    version: "1",
    currentState: "charging",
  });
  expect(await world.runtime.jobs.get(jobId)).toMatchObject({
    version: "2",
    currentState: "payment.charging",
  });
});

describe("a migration", () => {
  test("maps state and context, and what runs goes on: the task, and the rest of the delay", async () => {
    const world = await openWorld([first, inPayment]);
    const one = await worker(world, "charge");
    const jobId = await started(world, "PAY");
    const pending = one.accept();
    await world.clock.advance(20 * seconds);
    expect(await migrate(world)).toEqual({
      to: "2",
      jobs: [
        {
          jobId,
          outcome: "migrated",
          currentState: "charging",
          newState: "payment.charging",
          stops: [],
          starts: [],
        },
      ],
    });
    expect(one.cancelled).toEqual([]);
    const view = await world.runtime.jobs.get(jobId);
    expect(view).toMatchObject({ version: "2", data: { input: 1, currency: "EUR" } });
    expect(view?.waits).toContainEqual(
      expect.objectContaining({ kind: "task", taskId: pending.taskId, attempt: 1 }),
    );
    // Its state has another name, and the delay is the same one: forty of sixty seconds are left.
    const timer = view?.waits.find(({ kind }) => kind === "timer");
    expect(timer).toMatchObject({ due: world.store.now() + 40 * seconds });
    expect(await one.succeed(pending)).toMatchObject({ status: "applied" });
    expect(await world.runtime.jobs.get(jobId)).toMatchObject({ currentState: "paid" });
    const envelope = await replayed(world, jobId, first, inPayment);
    expect(envelope).toMatchObject({ version: "2", bornAs: { version: "1" } });
  });

  test("is told of in the history: from what, by whom and when", async () => {
    const world = await openWorld([first, inPayment]);
    const jobId = await started(world);
    await migrate(world);
    const [entry] = await world.runtime.jobs.history(jobId, 1, 10);
    expect(entry).toMatchObject({
      revision: 2,
      message: { type: "migrate", from: { version: "1" }, by: "ann" },
      now: world.store.now(),
    });
    expect(await world.runtime.past.at(jobId, 1)).toMatchObject({ version: "1" });
    expect(await world.runtime.past.at(jobId, 2)).toMatchObject({ version: "2" });
    expect(await world.runtime.past.steps(jobId, 0, 10)).toHaveLength(2);
  });

  test("that is tried changes nothing, and tells what would become of each job", async () => {
    const world = await openWorld([first, inPayment]);
    const jobId = await started(world, "PAY");
    const { jobs } = await migrate(world, { dryRun: true });
    expect(jobs).toMatchObject([{ jobId, outcome: "would_migrate", newState: "payment.charging" }]);
    expect(await world.runtime.jobs.get(jobId)).toMatchObject({ version: "1", revision: 2 });
    const ended = await started(world, "PAY");
    await world.runtime.jobs.cancel(ended, "enough");
    expect((await migrate(world, { dryRun: true })).jobs).toHaveLength(1);
  });

  test("goes through jobs page by page, and leaves those of other versions alone", async () => {
    const world = await openWorld([first, inPayment]);
    for (let job = 0; job < 5; job++) await started(world);
    await world.runtime.jobs.start({ blueprint: "order", input: 1 });
    const outcomes: string[] = [];
    for (let cursor: string | undefined, pages = 0; pages < 10; pages++) {
      const page = await migrate(world, { limit: 2, ...(cursor !== undefined && { cursor }) });
      outcomes.push(...page.jobs.map(({ outcome }) => outcome));
      cursor = page.next;
      if (cursor === undefined) break;
    }
    expect(outcomes).toEqual(Array(5).fill("migrated"));
    expect((await migrate(world)).jobs).toEqual([]);
  });

  test.each(["before it", "after it", "before and after it"])(
    "of a job that was driven again %s goes on with what runs",
    async (when) => {
      const { onError: _, ...invoke } = charging.invoke;
      const open = { open: { on: { PAY: "charging" } } };
      const states = { ...open, charging: { ...charging, invoke }, ...ends };
      const renamed = { ...open, paying: { ...charging, invoke }, ...ends };
      const one = made("1", { initial: "open", states });
      const other = made("2", { initial: "open", states: { ...renamed, open: {} } }, [
        { from: "1", states: { charging: "paying" } },
      ]);
      const world = await openWorld([one, other]);
      const { runtime, clock, store } = world;
      const charger = await worker(world, "charge");
      const jobId = await started(world, "PAY");
      const failAndRedrive = async () => {
        await clock.advance(10 * seconds);
        await charger.fail(charger.accept(), "PERMANENT_ERROR");
        await clock.advance(100 * seconds);
        await runtime.quarantine.redrive(jobId, {});
      };
      if (when.startsWith("before")) await failAndRedrive();
      const before = (await runtime.jobs.get(jobId))!.waits;
      expect(await migrate(world)).toMatchObject({
        jobs: [{ outcome: "migrated", newState: "paying", starts: [], stops: [] }],
      });
      // The very task and the very end of its patience.
      const after = (await runtime.jobs.get(jobId))!;
      expect(after).toMatchObject({ version: "2", currentState: "paying" });
      const due = (waits: typeof before) => waits.flatMap((one) => ("due" in one ? one.due : []));
      expect(due(after.waits)).toEqual(due(before));
      expect(after.waits.find(({ kind }) => kind === "task")).toMatchObject({
        taskId: (before.find(({ kind }) => kind === "task") as { taskId: string }).taskId,
      });
      if (when.endsWith("after it")) await failAndRedrive();
      const [task] = await store.listTasks(jobId);
      await charger.succeed(task!);
      expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "paid", version: "2" });
      await replayed(world, jobId, one, other);
      expect((await store.due(10)).timers).toEqual([]);
    },
  );

  test("takes away what the new version does not want, and starts what it wants besides", async () => {
    const second = made(
      "2",
      {
        initial: "open",
        states: {
          open: {},
          charging: {
            invoke: [
              { id: "charge", src: "check", input: ({ context }: { context: unknown }) => context },
              { id: "more", src: "charge" },
            ],
            after: { haste: "failed" },
          },
          ...ends,
        },
      },
      [{ from: "1" }],
    );
    const world = await openWorld([first, second]);
    const one = await worker(world, "charge");
    const jobId = await started(world, "PAY");
    const { jobs } = await migrate(world);
    expect(jobs).toMatchObject([{ stops: ["charge"], starts: ["charge", "more"] }]);
    expect(one.cancelled).toMatchObject([{ attempt: { taskId: one.tasks[0]!.taskId } }]);
    const tasks = await world.store.listTasks(jobId);
    expect(tasks.map(({ type, params }) => ({ type, params }))).toEqual([
      { type: "check", params: { input: 1 } },
      { type: "charge", params: undefined },
    ]);
    expect(await one.succeed(one.tasks[0]!)).toMatchObject({ status: "fenced" });
    await replayed(world, jobId, first, second);
    await world.clock.advance(5 * seconds);
    expect(await world.runtime.jobs.get(jobId)).toMatchObject({ currentState: "failed" });
  });

  test("begins the regions that are new", async () => {
    const second = made(
      "2",
      {
        initial: "open",
        states: {
          open: {},
          both: {
            type: "parallel",
            states: {
              money: {
                initial: "taken",
                states: {
                  taken: charging.invoke && {
                    invoke: { ...charging.invoke, onDone: "#order.paid", onError: "#order.failed" },
                  },
                },
              },
              goods: {
                initial: "looking",
                states: {
                  looking: { invoke: { id: "look", src: "check", onError: "#order.failed" } },
                },
              },
            },
          },
          ...ends,
        },
      },
      [{ from: "1", states: { charging: "both.money.taken" } }],
    );
    const world = await openWorld([first, second]);
    const jobId = await started(world, "PAY");
    expect((await migrate(world)).jobs).toMatchObject([
      { newState: "both.money.taken,both.goods.looking", stops: [], starts: ["look"] },
    ]);
    await replayed(world, jobId, first, second);
    expect((await world.store.listTasks(jobId)).map(({ type }) => type)).toEqual([
      "charge",
      "check",
    ]);
  });

  test("works where the version that the jobs run is not served any more", async () => {
    const world = await openWorld([first]);
    const jobId = await started(world, "PAY");
    const later = await openWorld([inPayment], { store: world.store, clock: world.clock });
    expect((await migrate(later)).jobs).toMatchObject([{ outcome: "migrated", stops: [] }]);
    expect(await later.runtime.jobs.get(jobId)).toMatchObject({ currentState: "payment.charging" });
  });
});

test("a flow goes on with its work, to the states as they are called by now", async () => {
  const made2 = (version: string, middle: string, migrations?: readonly Migration[]) =>
    flow("order", { version, ...(migrations && { migrate: migrations }) })
      .state("start", { isStart: true, to: [middle] }, (ctx) => {
        ctx.actions.dispatchTask({ type: "charge", params: {}, transitions: { success: middle } });
      })
      .state(middle, { to: ["completed"] }, (ctx) => {
        ctx.actions.transitionTo("completed");
      })
      .build();
  const one = made2("1", "middle");
  const two = made2("2", "centre", [
    {
      from: "1",
      states: { middle: "centre" },
      context: ({ stateHistory }: { stateHistory: object }) => ({
        stateHistory: { ...stateHistory, migrated: true },
      }),
    },
  ]);
  const world = await openWorld([one, two, made2("3", "centre")]);
  const charger = await worker(world, "charge");
  const { jobId } = await world.runtime.jobs.start({ blueprint: "order", version: "1", input: {} });
  expect((await migrate(world, { to: "3" })).jobs).toMatchObject([
    { outcome: "refused", problems: [{ code: "target_gone" }] },
  ]);
  expect((await migrate(world, { to: "2" })).jobs).toMatchObject([{ stops: [], starts: [] }]);
  await charger.succeed(charger.tasks[0]!, { paid: true });
  expect(await world.runtime.jobs.get(jobId)).toMatchObject({
    version: "2",
    currentState: "completed",
    data: { migrated: true, paid: true },
  });
  await replayed(world, jobId, one, two);
});

test("a running job tells where it stands", async () => {
  const world = await openWorld([first, inPayment]);
  const jobId = await started(world, "PAY");
  const ended = await started(world);
  await world.runtime.jobs.cancel(ended, "enough");
  expect(await world.runtime.versions.standings({ limit: 10 })).toEqual({
    jobs: [
      {
        jobId,
        blueprint: "order",
        version: "1",
        shape: first.fingerprint.shape,
        status: "waiting_for_worker",
        currentState: "charging",
        standing: {
          value: "charging",
          children: [
            { id: "charge", src: "charge", settled: false, invoked: true, work: "task charge" },
          ],
          timers: ["xstate.after.patience.order.charging"],
          delays: ["xstate.after.patience.order.charging"],
        },
      },
    ],
  });
});
