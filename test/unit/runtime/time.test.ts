// Durable timers and store time: 40 days, restarts, clocks that are wrong.
import { pino } from "pino";
import { expect, test } from "vitest";
import { setup } from "xstate";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { echoFlow, patientJob, ringJob } from "../../support/sample-blueprints.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

const dayMs = 24 * 3600 * 1000;

test("a state left by a timer of 40 days is left after 40 days, not before", async () => {
  const { clock, runtime } = await openWorld([patientJob]);
  const { jobId } = await runtime.jobs.start({ blueprint: "patient_job", input: {} });
  expect((await runtime.jobs.get(jobId))?.waits).toContainEqual(
    expect.objectContaining({ kind: "timer", due: clock.now() + 40 * dayMs }),
  );
  await clock.advance(40 * dayMs - 1);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "waiting" });
  await clock.advance(1);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "late", status: "finished" });
});

test("a timer survives the node that set it", async () => {
  const first = await openWorld([patientJob]);
  const { jobId } = await first.runtime.jobs.start({ blueprint: "patient_job", input: {} });
  await first.clock.advance(10 * dayMs);
  await first.runtime.stop();

  const { clock, store } = first;
  await clock.advance(35 * dayMs);
  const second = await openWorld([patientJob], { clock, store });
  await clock.advance(0);
  expect(await second.runtime.jobs.get(jobId)).toMatchObject({ currentState: "late" });
});

test("a timer whose state was left does not fire", async () => {
  const { clock, runtime, store } = await openWorld([patientJob]);
  const { jobId } = await runtime.jobs.start({ blueprint: "patient_job", input: {} });
  await runtime.jobs.send(jobId, { type: "HURRY" });
  expect(await store.due(10)).toMatchObject({ timers: [] });
  await clock.advance(50 * dayMs);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "early", revision: 2 });
});

test.each([10, -10])("a node clock that is off by %d minutes changes nothing", async (minutes) => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const node = new FakeClock();
  node.wallSkewMs = minutes * 60_000;
  // The node's clock and the store's run at one pace, but show other times.
  const nodeClock = {
    now: () => node.now() + clock.monotonic(),
    monotonic: () => clock.monotonic(),
    schedule: clock.schedule.bind(clock),
  };
  const { runtime } = await openWorld([patientJob, echoFlow], {
    store,
    clock: nodeClock as unknown as FakeClock,
  });
  const { jobId } = await runtime.jobs.start({ blueprint: "patient_job", input: {} });
  const worker = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
  await worker.connect();
  await runtime.jobs.start({ blueprint: "echo_flow", input: {} });
  const task = worker.accept();
  expect(task.lease?.until).toBe(clock.now() + 50_000);
  await worker.succeed(task);

  await clock.advance(40 * dayMs - 1);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "waiting" });
  await clock.advance(1);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "late" });
});

test("a wall clock that jumps while the node runs moves no timer", async () => {
  const { clock, runtime } = await openWorld([patientJob]);
  const { jobId } = await runtime.jobs.start({ blueprint: "patient_job", input: {} });
  clock.wallSkewMs = 365 * dayMs;
  await clock.advance(39 * dayMs);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "waiting" });
});

test("a delayed event reaches its job, and a named action is done after the commit", async () => {
  const rings: unknown[] = [];
  const { clock, runtime } = await openWorld([ringJob(rings, () => {})]);
  const { jobId } = await runtime.jobs.start({ blueprint: "ring_job", input: {} });
  await clock.advance(5000);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "rung" });
  expect(rings).toEqual(["front door"]);
});

test("a named action that fails is done again, also by another node", async () => {
  const rings: unknown[] = [];
  let broken = true;
  const job = ringJob(rings, () => {
    if (broken) throw new Error("the bell is broken");
  });
  const first = await openWorld([job]);
  await first.runtime.jobs.start({ blueprint: "ring_job", input: {} });
  await first.clock.advance(6000);
  await first.runtime.stop();
  expect(rings).toEqual([]);

  broken = false;
  const { clock, store } = first;
  await openWorld([job], { clock, store });
  await clock.advance(60_000);
  expect(rings).toEqual(["front door"]);
});

test("a named action that the job's new version does not have is let go, and the log says so", async () => {
  const machine = setup({ actions: { ring: () => {} } }).createMachine({
    id: "bell",
    initial: "rung",
    states: { rung: { entry: "ring" } },
  });
  const broken = machine.provide({
    actions: {
      ring: () => {
        throw new Error("the bell is broken");
      },
    },
  });
  const mute = setup({}).createMachine({ id: "bell", initial: "rung", states: { rung: {} } });
  const lines: object[] = [];
  const { clock, store, runtime } = await openWorld(
    [
      blueprint("bell", { version: "1", machine: broken }),
      blueprint("bell", { version: "2", machine: mute, migrate: [{ from: "1" }] }),
    ],
    { log: pino({ level: "warn" }, { write: (line) => void lines.push(JSON.parse(line)) }) },
  );
  const { jobId } = await runtime.jobs.start({ blueprint: "bell", version: "1", input: {} });
  await clock.advance(0);
  expect(lines).toMatchObject([{ msg: "message of the outbox failed" }]);
  lines.length = 0;
  const request = { blueprint: "bell", from: "1", dryRun: false, by: "ann", limit: 10 };
  expect((await runtime.versions.migrate(request)).jobs).toMatchObject([{ outcome: "migrated" }]);
  await clock.advance(10_000);
  expect(lines).toMatchObject([
    { level: 40, jobId, action: "ring", version: "2", err: { code: "action.missing" } },
  ]);
  expect(await store.due(10)).toMatchObject({ messages: [] });
});
