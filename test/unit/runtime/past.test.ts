// What a job was after each of its revisions, told by a replay, and new jobs that begin from there.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { assign, sendTo, setup, spawnChild, type ActorRefFrom } from "xstate";
import { z } from "zod";
import { decodeEnvelope } from "../../../src/actor/codec.ts";
import { replay } from "../../../src/actor/replay.ts";
import { openArchive } from "../../../src/archive/open-archive.ts";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { job } from "../../../src/blueprint/job.ts";
import { task } from "../../../src/blueprint/task.ts";
import type { RuntimeError } from "../../../src/errors.ts";
import { eventually } from "../../support/eventually.ts";
import { openWorld, type World } from "../../support/runtime-world.ts";
import { echoFlow, patientJob, strictFlow } from "../../support/sample-blueprints.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

const seconds = 1000;
const amount = z.object({ amount: z.number(), why: z.string() });
const charge = task("charge", { input: amount, output: z.object({ paid: z.boolean() }) });

/** Waits for PAY, then charges what its context and the event say, within a minute; a clerk looks on, by an action. */
const payment = blueprint("payment", {
  version: "1",
  input: z.object({ amount: z.number() }),
  retentionMs: 60 * seconds,
  machine: setup({
    types: {
      context: {} as { amount: number; none: undefined },
      input: {} as { amount: number },
      events: {} as { type: "PAY"; why: string } | { type: "AGAIN" },
    },
    actors: { charge, watch: charge, child: job(patientJob) },
    guards: { isFree: ({ context }) => context.amount === 0 },
    delays: { patience: 60 * seconds },
  }).createMachine({
    id: "payment",
    context: ({ input }) => ({ amount: input.amount, none: undefined }),
    initial: "open",
    states: {
      open: {
        always: { guard: "isFree", target: "free" },
        on: {
          PAY: {
            target: "charging",
            actions: spawnChild("watch", { id: "watch", input: { amount: 1, why: "spawned" } }),
          },
        },
      },
      charging: {
        invoke: [
          {
            id: "charge",
            src: "charge",
            input: ({ context, event }) => ({
              amount: context.amount,
              why: event.type === "PAY" ? event.why : event.type,
            }),
            onDone: "paid",
            onError: "refused",
          },
          { id: "child", src: "child" },
        ],
        after: { patience: "late" },
        on: { AGAIN: { actions: assign({ amount: ({ context }) => context.amount + 1 }) } },
      },
      free: { type: "final" },
      paid: { type: "final" },
      refused: { type: "final" },
      late: { type: "final" },
    },
  }),
});

const blueprints = [payment, patientJob, echoFlow, strictFlow];

async function paying(world: World): Promise<string> {
  const { jobId } = await world.runtime.jobs.start({ blueprint: "payment", input: { amount: 5 } });
  await world.runtime.jobs.send(jobId, { type: "PAY", why: "because" });
  return jobId;
}
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "none",
    (error: unknown) => (error as RuntimeError).code,
  );
async function tasksOf({ store }: World, jobId: string) {
  const tasks = await store.listTasks(jobId);
  return tasks.map(({ type, params, state, attempt }) => ({ type, params, state, attempt }));
}
async function refused(world: World): Promise<string> {
  const jobId = await paying(world);
  const worker = new ScriptedWorker(world.runtime.workers, "w", ["charge"]);
  await worker.connect();
  const mine = await eventually(() => worker.tasks.find(({ child }) => child === "charge"));
  await worker.fail(mine, "PERMANENT_ERROR");
  worker.cancelled.length = 0;
  world.runtime.workers.drain(worker);
  return jobId;
}

describe("what a job was", () => {
  test("is told for each revision: state, context, what was started and what ran", async () => {
    const world = await openWorld(blueprints);
    const jobId = await refused(world);
    const { past } = world.runtime;
    expect(await past.at(jobId, 1)).toMatchObject({
      previousState: "",
      currentState: "open",
      status: "waiting_for_event",
      data: { amount: 5 },
      running: [],
      message: { type: "start" },
    });
    const work = [
      { child: "watch", kind: "task", name: "charge" },
      { child: "charge", kind: "task", name: "charge" },
      { child: "child", kind: "job", name: "patient_job" },
    ];
    const charging = await past.at(jobId, 2);
    expect(charging).toMatchObject({ previousState: "open", currentState: "charging" });
    expect(charging.started).toEqual(expect.arrayContaining(work));
    expect(charging.running).toEqual(expect.arrayContaining(work));
    expect(charging.timers).toEqual([
      { event: "xstate.after.patience.payment.charging", due: charging.at + 60 * seconds },
    ]);
    expect(await past.at(jobId, 3)).toMatchObject({ status: "finished", currentState: "refused" });
    const steps = await past.steps(jobId, 1, 1);
    expect(steps).toMatchObject([{ revision: 2, previousState: "open", currentState: "charging" }]);
  });

  test("is refused for a revision that it never had, and for a job that is not there", async () => {
    const world = await openWorld(blueprints);
    const jobId = await paying(world);
    expect(await codeOf(world.runtime.past.at(jobId, 3))).toBe("job.revision_not_found");
    expect(await codeOf(world.runtime.past.at(jobId, 0))).toBe("job.revision_not_found");
    expect(await codeOf(world.runtime.past.at("0_nobody", 1))).toBe("job.not_found");
  });

  test("is refused where the version has another shape by now", async () => {
    const world = await openWorld(blueprints);
    const jobId = await paying(world);
    const machine = setup({}).createMachine({ id: "payment", initial: "x", states: { x: {} } });
    const changed = blueprint("payment", { version: "1", machine });
    const { runtime } = await openWorld([changed, patientJob], {
      store: world.store,
      clock: world.clock,
    });
    expect(await codeOf(runtime.past.at(jobId, 1))).toBe("blueprint.shape_changed");
  });
});

describe("a restart", () => {
  test("begins a new job there, what ran is started anew, with inputs of the edited context", async () => {
    const world = await openWorld(blueprints);
    const { runtime, clock } = world;
    const jobId = await paying(world);
    await clock.advance(20 * seconds);
    await runtime.jobs.send(jobId, { type: "AGAIN" });
    await clock.advance(90 * seconds);
    expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "late" });

    const request = { jobId, revision: 3, context: { amount: 50 }, by: "ann" };
    const again = await runtime.past.restart(request);
    expect(again).toMatchObject({ revision: 1, currentState: "charging" });
    expect(again.jobId).not.toBe(jobId);
    const tasks = await tasksOf(world, again.jobId);
    const fresh = { type: "charge", state: "queued", attempt: 0 };
    expect(tasks).toHaveLength(2);
    expect(tasks).toContainEqual({ ...fresh, params: { amount: 50, why: "because" } });
    expect(tasks).toContainEqual({ ...fresh, params: { amount: 1, why: "spawned" } });
    const view = await runtime.jobs.get(again.jobId);
    expect(view).toMatchObject({
      restartedFrom: { jobId, revision: 3 },
      data: { amount: 50, none: undefined },
    });
    const children = (view?.waits ?? []).filter(({ kind }) => kind === "child");
    expect(children).toHaveLength(1);
    const then = (await runtime.past.at(jobId, 3)).at;
    expect(then).toBe((await runtime.past.at(jobId, 1)).at + 20 * seconds);

    // Forty of sixty seconds were left.
    await clock.advance(39 * seconds);
    expect(await runtime.jobs.get(again.jobId)).toMatchObject({ currentState: "charging" });
    await clock.advance(seconds);
    expect(await runtime.jobs.get(again.jobId)).toMatchObject({ currentState: "late" });
  });

  test("is told of in both histories: who, when, and what was edited", async () => {
    const world = await openWorld(blueprints);
    const { runtime } = world;
    const jobId = await refused(world);
    const again = await runtime.past.restart({
      jobId,
      revision: 2,
      context: { amount: 7 },
      by: "ann",
    });
    const [first] = await runtime.jobs.history(again.jobId, 0, 1);
    expect(first?.message).toMatchObject({
      type: "restart",
      from: { jobId, revision: 2 },
      edited: { amount: 7 },
      by: "ann",
    });
    const last = await eventually(async () => (await runtime.jobs.history(jobId, 3, 1))[0]);
    expect(last).toMatchObject({
      revision: 4,
      status: "finished",
      message: {
        type: "restarted",
        as: again.jobId,
        revision: 2,
        edited: { amount: 7 },
        by: "ann",
      },
    });
    expect(await runtime.jobs.get(jobId)).toMatchObject({
      status: "finished",
      currentState: "refused",
      restartedAs: [again.jobId],
    });
    expect(await runtime.past.at(jobId, 4)).toMatchObject({ currentState: "refused" });
  });

  test("replays, and can be restarted itself", async () => {
    const world = await openWorld(blueprints);
    const { runtime, store } = world;
    const jobId = await refused(world);
    const second = await runtime.past.restart({ jobId, revision: 2, by: "ann" });
    const third = await runtime.past.restart({ jobId: second.jobId, revision: 1, by: "bob" });
    for (const { jobId: id } of [second, third]) {
      await runtime.jobs.send(id, { type: "AGAIN" });
      const envelope = decodeEnvelope((await store.loadJob(id))!.envelope);
      const { jobId: own, blueprint: name, version, shape, restartedFrom } = envelope;
      const origin = { jobId: own, blueprint: name, version, shape, restartedFrom: restartedFrom! };
      const history = await store.history(id, 0, 100);
      expect(replay(payment.machine, origin, history)).toEqual(envelope);
    }
    const params = (await tasksOf(world, third.jobId)).map((one) => one.params);
    expect(params).toContainEqual({ amount: 5, why: "because" });
  });

  test("takes an eventless transition that the edited context allows", async () => {
    const world = await openWorld(blueprints);
    const jobId = await paying(world);
    const { past } = world.runtime;
    const again = await past.restart({ jobId, revision: 1, context: { amount: 0 }, by: "ann" });
    expect(again).toMatchObject({ status: "finished", currentState: "free" });
  });

  test("with the same key gives the same job", async () => {
    const world = await openWorld(blueprints);
    const { past } = world.runtime;
    const jobId = await paying(world);
    const request = { jobId, revision: 1, by: "ann", idempotencyKey: "k" };
    expect((await past.restart(request)).jobId).toBe((await past.restart(request)).jobId);
  });

  test("is refused where the job had ended, and for a context that the blueprint can't have", async () => {
    const world = await openWorld(blueprints);
    const { past, jobs } = world.runtime;
    const jobId = await refused(world);
    expect(await codeOf(past.restart({ jobId, revision: 3, by: "a" }))).toBe("job.not_restartable");
    const started = await jobs.start({ blueprint: "echo_flow", input: { text: "x" } });
    const edit = { jobId: started.jobId, revision: 1, by: "a" };
    expect(await codeOf(past.restart({ ...edit, context: { moves: 1 } }))).toBe("request.invalid");
    expect(await codeOf(past.restart({ ...edit, context: { initial_data: 1 } }))).toBe(
      "blueprint.input_invalid",
    );
  });

  test("of a flow lets the handler decide anew, with the edited data", async () => {
    const world = await openWorld(blueprints);
    const { past, jobs } = world.runtime;
    const { jobId } = await jobs.start({ blueprint: "echo_flow", input: { text: "one" } });
    const context = { initial_data: { text: "two" } };
    const decided = await past.restart({ jobId, revision: 1, context, by: "ann" });
    expect(await tasksOf(world, decided.jobId)).toMatchObject([{ params: { text: "two" } }]);
    const sent = await past.restart({ jobId, revision: 2, by: "ann" });
    expect(await tasksOf(world, sent.jobId)).toMatchObject([{ params: { text: "one" } }]);
  });
});

test("an archived job is replayed, restarted, and told of it where it lies", async () => {
  const directory = await mkdtemp(join(tmpdir(), "avtomatika-past-"));
  const archive = await openArchive(`sqlite:${join(directory, "history.db")}`);
  const world = await openWorld(blueprints, { archive });
  const { runtime, store, clock } = world;
  const jobId = await refused(world);
  await clock.advance(61 * seconds);
  await eventually(async () => (await store.loadJob(jobId)) === undefined);
  expect(await runtime.past.at(jobId, 2)).toMatchObject({ currentState: "charging" });
  const again = await runtime.past.restart({ jobId, revision: 2, by: "ann" });
  expect(await tasksOf(world, again.jobId)).toHaveLength(2);
  const told = await eventually(async () => (await runtime.jobs.history(jobId, 3, 1))[0]);
  expect(told).toMatchObject({ message: { type: "restarted", as: again.jobId, by: "ann" } });
  expect(await runtime.jobs.get(jobId)).toMatchObject({ restartedAs: [again.jobId], revision: 4 });
  await archive.close();
  await rm(directory, { recursive: true });
});

test("an actor reference in the context leads to the child that was started anew", async () => {
  const child = job(patientJob);
  const parent = blueprint("parent", {
    version: "1",
    machine: setup({
      types: { context: {} as { to: ActorRefFrom<typeof child> }, events: {} as { type: "HURRY" } },
      actors: { child },
    }).createMachine({
      id: "parent",
      context: ({ spawn }) => ({ to: spawn("child", { id: "child" }) }),
      initial: "waiting",
      states: {
        waiting: {
          on: {
            HURRY: { actions: sendTo(({ context }) => context.to, { type: "HURRY" }) },
            "xstate.done.actor.child": "over",
          },
        },
        over: { type: "final" },
      },
    }),
  });
  const world = await openWorld([parent, patientJob]);
  const { runtime } = world;
  const { jobId } = await runtime.jobs.start({ blueprint: "parent", input: {} });
  const again = await runtime.past.restart({ jobId, revision: 1, by: "ann" });
  await runtime.jobs.send(again.jobId, { type: "HURRY" });
  await eventually(async () => (await runtime.jobs.get(again.jobId))?.currentState === "over");
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "waiting" });
});

test("a job that was restarted, and told of a restart, can still be driven again", async () => {
  const world = await openWorld(blueprints);
  const { runtime } = world;
  const { jobId } = await runtime.jobs.start({ blueprint: "strict_flow", input: { text: "x" } });
  const second = await runtime.past.restart({ jobId, revision: 1, by: "ann" });
  await runtime.jobs.cancel(jobId, "enough");
  const worker = new ScriptedWorker(runtime.workers, "w", ["echo"]);
  await worker.connect();
  const mine = await eventually(() => worker.tasks.find((one) => one.jobId === second.jobId));
  await worker.fail(mine, "PERMANENT_ERROR");
  expect(await runtime.jobs.get(second.jobId)).toMatchObject({ status: "quarantined" });
  const third = await runtime.past.restart({ jobId: second.jobId, revision: 2, by: "bob" });
  const restartedAs = [third.jobId];
  await eventually(async () => (await runtime.jobs.get(second.jobId))?.restartedAs !== undefined);

  await runtime.quarantine.redrive(second.jobId, {});
  const again = await eventually(() =>
    worker.tasks.find((one) => one.jobId === second.jobId && one.taskId !== mine.taskId),
  );
  expect(await worker.succeed(again, { text: "y" })).toMatchObject({ status: "applied" });
  const job = await runtime.jobs.get(second.jobId);
  expect(job).toMatchObject({ status: "finished", data: { text: "y" }, restartedAs });
  for (let revision = 1; revision <= job!.revision; revision++)
    await runtime.past.at(second.jobId, revision);
});
