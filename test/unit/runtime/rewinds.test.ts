// A store that goes back in time under a running node: it is noticed, said, and leaves no job stuck.
import { expect, test, vi } from "vitest";
import { setup } from "xstate";
import { FakeClock } from "../../support/fake-clock.ts";
import { childOf, counter, expectReplayed, parentOf } from "../../support/job-blueprints.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { echoFlow } from "../../support/sample-blueprints.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";

async function echoing() {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, shared: true });
  const world = await openWorld([echoFlow], { clock, store });
  const worker = new ScriptedWorker(world.runtime.workers, "w1", ["echo"]);
  await worker.connect();
  const start = async () => {
    const { jobId } = await world.runtime.jobs.start({ blueprint: "echo_flow", input: { n: 1 } });
    return jobId;
  };
  await world.clock.advance(0);
  return { ...world, worker, start };
}

test("a job that lost its end goes on, and says up to where it had come", async () => {
  const { runtime, store, clock, worker, start } = await echoing();
  const jobId = await start();
  const before = store.snapshot();
  await worker.succeed(worker.accept(), { answer: 1 });
  const end = await runtime.jobs.get(jobId);
  expect(end!.status).toBe("finished");
  store.rewind(before);
  await clock.advance(2000);
  expect(runtime.rewinds()).toEqual({ rewound: 1, lost: 0 });
  expect(await runtime.jobs.get(jobId)).toMatchObject({
    status: "waiting_for_worker",
    lostRevision: end!.revision,
  });
  // Its worker has forgotten the task, so the lease ends, and the task is done again.
  await clock.advance(60_000);
  expect(worker.tasks.at(-1)!.attempt).toBeGreaterThan(1);
  await worker.succeed(worker.accept(), { answer: 2 });
  expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "finished", data: { answer: 2 } });
  const messages = (await runtime.jobs.history(jobId, 0, 99)).map(({ message }) => message);
  expect(messages).toContainEqual({ type: "rewound", lost: end!.revision });
  await expectReplayed(store, echoFlow, jobId);
});

test("a job that moved on before anybody looked is noticed all the same", async () => {
  const { runtime, store, clock, worker, start } = await echoing();
  const jobId = await start();
  const before = store.snapshot();
  const task = worker.accept();
  await worker.succeed(task, { answer: 1 });
  store.rewind(before);
  // The result that was acknowledged and lost comes again, as from a second worker.
  await worker.connect(10, [task]);
  await worker.succeed(task, { answer: 1 });
  expect((await runtime.jobs.get(jobId))!.status).toBe("finished");
  await clock.advance(2000);
  expect(runtime.rewinds()).toEqual({ rewound: 1, lost: 0 });
});

test("a job that is gone altogether is counted, and a start with its key makes it again", async () => {
  const { runtime, store, clock } = await echoing();
  const before = store.snapshot();
  const started = { blueprint: "echo_flow", input: {}, idempotencyKey: "k" };
  const { jobId } = await runtime.jobs.start(started);
  store.rewind({ ...before, keys: store.snapshot().keys });
  await clock.advance(2000);
  expect(runtime.rewinds()).toEqual({ rewound: 0, lost: 1 });
  expect(await runtime.jobs.get(jobId)).toBeUndefined();
  expect((await runtime.jobs.start(started)).jobId).toBe(jobId);
});

test("a store that has another epoch and has lost nothing alarms nobody", async () => {
  const { runtime, store, clock, start } = await echoing();
  const jobId = await start();
  store.rewind(store.snapshot());
  await clock.advance(2000);
  expect(runtime.rewinds()).toEqual({ rewound: 0, lost: 0 });
  expect(await runtime.jobs.get(jobId)).not.toHaveProperty("lostRevision");
});

test("jobs that have talked meanwhile are quarantined together", async () => {
  const world = await openWorld([parentOf(), counter]);
  const { runtime, store, clock } = world;
  const { jobId } = await runtime.jobs.start({ blueprint: "parent", input: {} });
  await clock.advance(0);
  const childId = await childOf(world, jobId);
  const before = store.snapshot();
  for (const n of [2, 3]) await runtime.jobs.send(jobId, { type: "TELL", n });
  // The child goes back, its parent does not.
  const now = store.snapshot();
  now.jobs.set(childId, before.jobs.get(childId)!);
  now.history.set(childId, before.history.get(childId)!);
  store.rewind(now);
  await clock.advance(2000);
  const quarantined = { status: "quarantined", error: { code: "store.rewound" } };
  expect(await runtime.jobs.get(childId)).toMatchObject(quarantined);
  expect(await runtime.jobs.get(jobId)).toMatchObject(quarantined);
});

test("a worker that has a newer attempt than the store is refused, and its job says so", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const { runtime } = await openWorld([echoFlow], { clock, store });
  const worker = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
  await worker.connect();
  const { jobId } = await runtime.jobs.start({ blueprint: "echo_flow", input: {} });
  await clock.advance(0);
  const first = store.snapshot();
  await worker.fail(worker.accept());
  await clock.advance(3000);
  const second = worker.accept();
  expect(second.attempt).toBe(2);
  // Another node, which knows nothing of what there was.
  const left = new MemoryStore({ clock, image: first });
  const { runtime: other } = await openWorld([echoFlow], { clock, store: left });
  const again = new ScriptedWorker(other.workers, "w1", ["echo"]);
  const welcome = await again.connect(10, [{ taskId: second.taskId, attempt: 2 }]);
  expect(welcome.drop).toMatchObject([{ taskId: second.taskId, reason: "fenced" }]);
  await clock.advance(0);
  expect(other.rewinds()).toMatchObject({ rewound: 1 });
  expect((await other.jobs.get(jobId))!.lostRevision).toBeDefined();
});

test("a node that stops ends what it has begun to look for first", async () => {
  const { runtime, store, clock, start } = await echoing();
  const jobId = await start();
  const job = await store.loadJob(jobId);
  let answer!: () => void;
  const answered = new Promise<typeof job>((resolve) => (answer = () => resolve(job)));
  vi.spyOn(store, "loadJob").mockReturnValue(answered);
  const unknown = { taskId: `${jobId}:abc.9.0`, attempt: 1 };
  await new ScriptedWorker(runtime.workers, "w2", ["echo"]).connect(10, [unknown]);
  let hasStopped = false;
  const stopping = runtime.stop().then(() => (hasStopped = true));
  await clock.advance(2000);
  expect(hasStopped).toBe(false);
  answer();
  await stopping;
  expect(runtime.rewinds()).toEqual({ rewound: 1, lost: 0 });
});

test("a reader that has seen more than there is, is told of the present state again", async () => {
  const { runtime, clock, worker, start } = await echoing();
  const jobId = await start();
  const stream = runtime.jobs.watch(jobId, 40, new AbortController().signal);
  const events = stream[Symbol.asyncIterator]();
  expect((await events.next()).value).toMatchObject({ type: "state", jobId, id: 2 });
  await worker.succeed(worker.accept());
  await clock.advance(0);
  expect((await events.next()).value).toMatchObject({ type: "state", id: 3 });
});

test("that another job had begun where it was, is nothing that a job has to have heard", async () => {
  const { runtime, store, clock, start } = await echoing();
  const jobId = await start();
  const before = store.snapshot();
  const again = await runtime.past.restart({ jobId, revision: 1, by: "ann" });
  await clock.advance(0);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ restartedAs: [again.jobId] });
  store.rewind(before);
  await clock.advance(2000);
  expect(runtime.rewinds()).toEqual({ rewound: 1, lost: 1 });
  expect(await runtime.jobs.get(again.jobId)).toBeUndefined();
  expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "waiting_for_worker" });
});

/** Ends on time, unless it is paused. */
const timed = blueprint("timed", {
  version: "1",
  machine: setup({
    types: { events: {} as { type: "PAUSE" } | { type: "RESUME" } | { type: "NOTE" } },
    actions: { note: () => {} },
  }).createMachine({
    id: "timed",
    initial: "running",
    states: {
      running: {
        after: { 60_000: "ended" },
        on: { PAUSE: "paused", NOTE: { actions: "note" } },
      },
      paused: { on: { RESUME: "running" } },
      ended: { type: "final" },
    },
  }),
});

/** A job that one node has paused. The store has forgotten that, and another node has brought it to the same revision. */
async function pausedElsewhere() {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, shared: true });
  const one = await openWorld([timed], { clock, store });
  const two = await openWorld([timed], { clock, store, nodeId: "two" });
  const { jobId } = await one.runtime.jobs.start({ blueprint: "timed", input: {} });
  const before = store.snapshot();
  const paused = await one.runtime.jobs.send(jobId, { type: "PAUSE" });
  const epoch = store.epoch();
  store.rewind(before);
  expect(await two.runtime.jobs.send(jobId, { type: "NOTE" })).toEqual(paused);
  await two.runtime.stop();
  return { ...one, epoch, jobId };
}

test("a timer is not taken for fired by a node whose copy of the job is from before", async () => {
  const { runtime, clock, store, epoch, jobId } = await pausedElsewhere();
  // Nothing has told this node yet that the store has another life.
  const told = vi.spyOn(store, "epoch").mockReturnValue(epoch);
  await clock.advance(60_000);
  told.mockRestore();
  await clock.advance(60_000);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "finished" });
});

test("a timer that nothing waited for in one life of the store is not taken away in the next, where the job does", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, shared: true });
  const { runtime } = await openWorld([timed], { clock, store });
  const { jobId } = await runtime.jobs.start({ blueprint: "timed", input: {} });
  const before = store.snapshot();
  // A look finds that it is due, just before the job is paused.
  const looking = vi.spyOn(store, "due").mockImplementation(async (...asked) => {
    const due = await MemoryStore.prototype.due.apply(store, asked);
    if (due.timers.length > 0 && (await runtime.jobs.get(jobId))!.revision === 1)
      await runtime.jobs.send(jobId, { type: "PAUSE" });
    return due;
  });
  // Before it can be forgotten, the store forgets that the job was paused.
  const forgetting = vi.spyOn(store, "clearTimer").mockImplementationOnce((...asked) => {
    looking.mockRestore();
    store.rewind(before);
    return MemoryStore.prototype.clearTimer.apply(store, asked);
  });
  await clock.advance(60_000);
  expect(forgetting).toHaveBeenCalledOnce();
  await clock.advance(1000);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "finished" });
});

test("no turn is made of a copy from before once the store is known to have another life", async () => {
  const { runtime, store, jobId } = await pausedElsewhere();
  await runtime.jobs.send(jobId, { type: "RESUME" });
  expect((await runtime.jobs.get(jobId))!.revision).toBe(2);
  await runtime.jobs.send(jobId, { type: "PAUSE" });
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "paused", revision: 3 });
  await expectReplayed(store, timed, jobId);
});
