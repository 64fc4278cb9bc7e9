// The loop over what is due: it misses nothing, takes nothing twice, and goes on beside what is slow or broken.
import { expect, test } from "vitest";
import { setup } from "xstate";
import { z } from "zod";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { task } from "../../../src/blueprint/task.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { echoFlow, echoJob, patientJob } from "../../support/sample-blueprints.ts";
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

test("a lease that was claimed long after the task was queued is noticed when it ends", async () => {
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
  expect(other.tasks[0]).toMatchObject({ attempt: 2 });
});

test("a lease that was taken up again is noticed when it ends once more", async () => {
  const { clock, runtime } = await openWorld([echoFlow]);
  const worker = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
  await worker.connect();
  await runtime.jobs.start({ blueprint: "echo_flow", input: {} });
  const lost = worker.accept();
  runtime.workers.disconnect(worker);
  await clock.advance(10 * 60_000);
  const again = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
  expect(await again.connect(10, [lost])).toMatchObject({ drop: [] });
  runtime.workers.disconnect(again);
  const other = new ScriptedWorker(runtime.workers, "w2", ["echo"]);
  await other.connect();
  await clock.advance(60_000);
  expect(other.tasks[0]).toMatchObject({ attempt: 2 });
});

test("the time in the queue is up in time for a task that a worker gave back, too", async () => {
  const nothing = z.object({});
  const echo = task("echo", { input: nothing, output: nothing, queueTimeoutMs: 5_000 });
  const impatient = blueprint("impatient", {
    version: "1",
    machine: setup({ actors: { echo: echo } }).createMachine({
      id: "impatient",
      initial: "echoing",
      states: {
        echoing: {
          invoke: { id: "echo", src: "echo", input: {}, onDone: "echoed", onError: "late" },
        },
        echoed: { type: "final" },
        late: { type: "final" },
      },
    }),
  });
  const { clock, runtime } = await openWorld([impatient]);
  const worker = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
  await worker.connect();
  const { jobId } = await runtime.jobs.start({ blueprint: "impatient", input: {} });
  const given = worker.accept();
  await clock.advance(10_000);
  runtime.workers.drain(worker);
  await runtime.workers.release(worker, given, 0);
  await clock.advance(4_999);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "echoing" });
  await clock.advance(1);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "late" });
});

test("an action that hangs keeps no timer waiting", async () => {
  let tries = 0;
  const hang = (): unknown => {
    if (tries++ === 0) throw new Error("the line is busy");
    return new Promise(() => {});
  };
  const hanging = blueprint("hanging", {
    version: "1",
    machine: setup({ actions: { hang } }).createMachine({ id: "hanging", entry: "hang" }),
  });
  const { clock, runtime } = await openWorld([hanging, sleeper("sleeper", 30_000)]);
  await runtime.jobs.start({ blueprint: "hanging", input: {} });
  const { jobId } = await runtime.jobs.start({ blueprint: "sleeper", input: {} });
  await clock.advance(20_000);
  expect(tries).toBe(2);
  await clock.advance(10_000);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "awake" });
  await runtime.stop();
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
  const { runtime } = await openWorld([echoJob, sleeper("sleeper", 100)], { clock, store });
  const worker = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
  await worker.connect();
  await runtime.jobs.start({ blueprint: "echo_job", input: { text: "x" } });
  const lost = worker.accept();
  const requeue = store.requeueTask.bind(store);
  store.requeueTask = async (asked) => {
    await new Promise<void>((resolve) => clock.schedule(500, resolve));
    return requeue(asked);
  };
  await clock.advance(50_050);
  // The end of this nap is another reason to look, while the lost lease is still being written down.
  await runtime.jobs.start({ blueprint: "sleeper", input: {} });
  await clock.advance(1_000);
  expect(await store.loadTask(lost.taskId)).toMatchObject({ failures: 0, losses: 1 });
});
