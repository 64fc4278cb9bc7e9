// The loop over what is due: it misses nothing, takes nothing twice, and goes on beside what is slow or broken.
import { expect, test } from "vitest";
import { setup } from "xstate";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { echoFlow, echoJob, patientJob, ringJob } from "../../support/sample-blueprints.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

/** A job that a timer of this many milliseconds ends. */
const sleeper = (name: string, delayMs: number) =>
  blueprint(name, {
    version: "1",
    machine: setup({ delays: { nap: delayMs } }).createMachine({
      id: name,
      initial: "asleep",
      states: { asleep: { after: { nap: "awake" } }, awake: { type: "final" } },
    }),
  });

test("a lease that was claimed long after the task was queued is missed when it ends", async () => {
  const { clock, runtime } = await openWorld([echoFlow]);
  await runtime.jobs.start({ blueprint: "echo_flow", input: {} });
  await clock.advance(10 * 60_000);
  const worker = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
  await worker.connect();
  await clock.advance(0);
  worker.accept();
  runtime.workers.disconnect(worker);
  const other = new ScriptedWorker(runtime.workers, "w2", ["echo"]);
  await other.connect();
  await clock.advance(60_000);
  expect(other.tasks).toMatchObject([{ attempt: 2 }]);
});

test("a lease that was taken up again is missed when it ends once more", async () => {
  const { clock, runtime } = await openWorld([echoFlow]);
  const worker = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
  await worker.connect();
  await runtime.jobs.start({ blueprint: "echo_flow", input: {} });
  const task = worker.accept();
  runtime.workers.disconnect(worker);
  await clock.advance(10 * 60_000);
  const again = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
  expect(await again.connect(10, [task])).toMatchObject({ drop: [] });
  runtime.workers.disconnect(again);
  const other = new ScriptedWorker(runtime.workers, "w2", ["echo"]);
  await other.connect();
  await clock.advance(60_000);
  expect(other.tasks).toMatchObject([{ attempt: 2 }]);
});

test("an action that hangs keeps no timer waiting", async () => {
  let tries = 0;
  const ring = () => {
    if (tries++ === 0) throw new Error("the bell is broken");
    return new Promise<void>(() => {});
  };
  const rings = ringJob([], ring);
  rings.machine.implementations.actions["ring" as never] = ring as never;
  const { clock, runtime } = await openWorld([rings, sleeper("sleeper", 30_000)]);
  await runtime.jobs.start({ blueprint: "ring_job", input: {} });
  const { jobId } = await runtime.jobs.start({ blueprint: "sleeper", input: {} });
  await clock.advance(20_000);
  expect(tries).toBe(2);
  await clock.advance(10_000);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "awake" });
});

test("any number of jobs that cannot be stepped keep no other job waiting", async () => {
  const broken = sleeper("broken", 1_000);
  const first = await openWorld([broken, patientJob]);
  for (let n = 0; n < 600; n++) await first.runtime.jobs.start({ blueprint: "broken", input: {} });
  const { jobId } = await first.runtime.jobs.start({ blueprint: "patient_job", input: {} });
  await first.runtime.stop();

  const { clock, store } = first;
  const dayMs = 24 * 3600 * 1000;
  await clock.advance(40 * dayMs);
  const second = await openWorld([patientJob], { clock, store });
  await clock.advance(5_000);
  expect(await second.runtime.jobs.get(jobId)).toMatchObject({ currentState: "late" });
});

test("what failed is tried again at growing intervals until it is done", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const { runtime } = await openWorld([sleeper("sleeper", 1_000)], { clock, store });
  const { jobId } = await runtime.jobs.start({ blueprint: "sleeper", input: {} });
  const commit = store.commit.bind(store);
  const tries: number[] = [];
  store.commit = () => {
    tries.push(clock.monotonic());
    return Promise.reject(new Error("the disk is full"));
  };
  await clock.advance(20_000);
  expect(tries).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
  store.commit = commit;
  await clock.advance(60_000);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "awake" });
});

test("a lost lease counts once, however often it is found before that is written down", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const { runtime } = await openWorld([echoJob, sleeper("sleeper", 50_100)], { clock, store });
  const worker = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
  await worker.connect();
  await runtime.jobs.start({ blueprint: "echo_job", input: { text: "x" } });
  await runtime.jobs.start({ blueprint: "sleeper", input: {} });
  const task = worker.accept();
  const requeue = store.requeueTask.bind(store);
  store.requeueTask = async (asked) => {
    await new Promise<void>((resolve) => clock.schedule(500, resolve));
    return requeue(asked);
  };
  await clock.advance(50_550);
  // A round in the meantime.
  await runtime.jobs.start({ blueprint: "sleeper", input: {} });
  await clock.advance(200);
  expect(await store.loadTask(task.taskId)).toMatchObject({ failures: 1 });
});
