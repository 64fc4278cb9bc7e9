// Versions side by side: jobs stay on theirs, tell where they stand, and go on as another when somebody migrates them.
import { describe, expect, test } from "vitest";
import { assign, setup } from "xstate";
import { z } from "zod";
import { decodeEnvelope } from "../../../src/actor/codec.ts";
import { originAt, replay } from "../../../src/actor/replay.ts";
import { blueprint, type Blueprint } from "../../../src/blueprint/blueprint.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import type { Migration } from "../../../src/blueprint/migration.ts";
import { task } from "../../../src/blueprint/task.ts";
import type { MigrateJobs } from "../../../src/runtime/version-service.ts";
import { openWorld, type World } from "../../support/runtime-world.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

const seconds = 1000;
const any = { input: z.unknown(), output: z.unknown() };
const charge = task("charge", any);
const check = task("check", any);

const actors = { charge, check };
const made = (version: string, config: object, migrate?: readonly Migration[]): Blueprint =>
  blueprint("order", {
    version,
    machine: setup({
      types: { context: {} as Record<string, unknown> },
      actors,
      delays: { patience: 60 * seconds, haste: 5 * seconds },
    }).createMachine({
      id: "order",
      context: ({ input }: { input: unknown }) => ({ input }),
      ...config,
    } as never) as never,
    ...(migrate && { migrate }),
  });

const charging = {
  invoke: {
    id: "charge",
    src: "charge",
    input: { is: "first" },
    onDone: "paid",
    onError: "failed",
  },
  after: { patience: "failed" },
};
const ends = { paid: { type: "final" }, failed: { type: "final" } };
const first = made("1", {
  initial: "open",
  states: { open: { on: { PAY: "charging" } }, charging, ...ends },
});

async function started(world: World, ...events: string[]): Promise<string> {
  const { jobId } = await world.runtime.jobs.start({ blueprint: "order", version: "1", input: 1 });
  for (const type of events) await world.runtime.jobs.send(jobId, { type });
  return jobId;
}
const migrate = ({ runtime }: World, more: Partial<MigrateJobs> = {}) =>
  runtime.versions.migrate({
    blueprint: "order",
    from: "1",
    dryRun: false,
    by: "ann",
    limit: 100,
    ...more,
  });
async function worker(world: World, ...types: string[]): Promise<ScriptedWorker> {
  const one = new ScriptedWorker(world.runtime.workers, "w", types);
  await one.connect();
  return one;
}
/** The stored job, and that its history replays to the very same. */
async function replayed({ store }: World, jobId: string, ...versions: readonly Blueprint[]) {
  const envelope = decodeEnvelope((await store.loadJob(jobId))!.envelope);
  const history = await store.history(jobId, 0, 100);
  const { blueprint: name, version, shape } = envelope;
  const origin = { jobId, blueprint: name, version, shape };
  const machineOf = (wanted: string) => versions.find((one) => one.version === wanted)!.machine;
  expect(originAt(origin, history).version).toBe("1");
  expect(replay(machineOf, origin, history)).toEqual(envelope);
  return envelope;
}

const reviewed = {
  initial: "open",
  states: {
    open: { on: { PAY: "payment" } },
    payment: { initial: "charging", states: { charging } },
    ...ends,
  },
};
const inPayment = made(
  "2",
  {
    ...reviewed,
    states: {
      ...reviewed.states,
      payment: {
        initial: "charging",
        states: {
          charging: {
            ...charging,
            invoke: { ...charging.invoke, onDone: "#order.paid", onError: "#order.failed" },
            after: { patience: "#order.failed" },
          },
        },
      },
    },
  },
  [
    {
      from: "1",
      states: { charging: "payment.charging" },
      context: (context: object) => ({ ...context, currency: "EUR" }),
    },
  ],
);

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

  test("works where the version that the jobs run is not served any more", async () => {
    const world = await openWorld([first]);
    const jobId = await started(world, "PAY");
    const later = await openWorld([inPayment], { store: world.store, clock: world.clock });
    expect((await migrate(later)).jobs).toMatchObject([{ outcome: "migrated", stops: [] }]);
    expect(await later.runtime.jobs.get(jobId)).toMatchObject({ currentState: "payment.charging" });
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

test("a job whose version has another shape by now is refused its step, with what it lacks", async () => {
  const world = await openWorld([first]);
  const jobId = await started(world, "PAY");
  const changed = made("1", { initial: "open", states: { open: { entry: assign({}) }, ...ends } });
  const later = await openWorld([changed], { store: world.store, clock: world.clock });
  await expect(later.runtime.jobs.send(jobId, { type: "X" })).rejects.toMatchObject({
    code: "blueprint.shape_changed",
    message: expect.stringContaining('State "charging" is gone.') as string,
  });
});

test.each([
  [[{ from: "2" }], "its own version"],
  [[{ from: "1" }, { from: "1" }], "there are two"],
  [[{ from: "1", states: { a: "nowhere" } }], 'no state "nowhere"'],
])("a blueprint is refused with the migrations %j", (migrations, words) => {
  expect(() => made("2", { initial: "open", states: { open: {} } }, migrations)).toThrow(words);
});
