// Tasks on their way to workers that leave, come back, or lose what they ran: no slot and no task is lost over it.
import { describe, expect, test } from "vitest";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { echoFlow } from "../../support/sample-blueprints.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

/** A store whose calls of one kind wait until they are let go. */
function held<Name extends "claimTasks" | "commit">(store: MemoryStore, name: Name) {
  let letGo = () => {};
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const call = store[name].bind(store) as (argument: unknown) => Promise<never>;
  let calls = 0;
  store[name] = (async (argument: unknown) => {
    calls++;
    const answer = await call(argument);
    await gate;
    return answer;
  }) as unknown as MemoryStore[Name];
  return { letGo, calls: () => calls };
}

async function world(jobs: number) {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const { runtime } = await openWorld([echoFlow], { clock, store });
  for (let n = 0; n < jobs; n++) await runtime.jobs.start({ blueprint: "echo_flow", input: { n } });
  return { clock, store, jobs: runtime.jobs, workers: runtime.workers };
}

describe("a worker that leaves while tasks are claimed for it", () => {
  test("is not given any, and another one gets them at once", async () => {
    const { clock, store, workers } = await world(3);
    const claim = held(store, "claimTasks");
    const leaver = new ScriptedWorker(workers, "leaver", ["echo"]);
    await leaver.connect(1);
    workers.disconnect(leaver);
    const other = new ScriptedWorker(workers, "other", ["echo"]);
    await other.connect(10);
    claim.letGo();
    await clock.advance(0);
    expect(leaver.tasks).toEqual([]);
    expect(other.tasks.map(({ params }) => params)).toEqual(
      expect.arrayContaining([{ n: 0 }, { n: 1 }, { n: 2 }]),
    );
  });

  test("leaves its offer of a commit to the queue", async () => {
    const { clock, store, workers, jobs } = await world(0);
    const leaver = new ScriptedWorker(workers, "leaver", ["echo"]);
    await leaver.connect(1);
    const commit = held(store, "commit");
    const started = jobs.start({ blueprint: "echo_flow", input: {} });
    await expect.poll(commit.calls).toBe(1);
    workers.disconnect(leaver);
    const other = new ScriptedWorker(workers, "other", ["echo"]);
    await other.connect(1);
    commit.letGo();
    await started;
    await clock.advance(0);
    expect(leaver.tasks).toEqual([]);
    expect(other.tasks).toMatchObject([{ attempt: 2, failures: 0 }]);
  });
});

test("a claim that the store failed is made again without anything else happening", async () => {
  const { clock, store, workers } = await world(1);
  const claim = store.claimTasks.bind(store);
  let failures = 1;
  store.claimTasks = async (asked) => {
    if (failures-- > 0) throw new Error("the disk is full");
    return claim(asked);
  };
  const worker = new ScriptedWorker(workers, "w1", ["echo"]);
  await worker.connect();
  await clock.advance(2_000);
  expect(worker.tasks).toHaveLength(1);
});

describe("the slot of a task", () => {
  test("is free again once a heartbeat has told its worker that the task is lost", async () => {
    const { clock, jobs, workers } = await world(1);
    const worker = new ScriptedWorker(workers, "w1", ["echo"]);
    await worker.connect(1);
    await clock.advance(0);
    const task = worker.accept();
    await jobs.cancel(task.jobId, "changed my mind");
    expect(await workers.heartbeat(worker, [task])).toMatchObject([{ reason: "unknown" }]);
    expect(workers.list()).toMatchObject([{ running: 0, status: "idle" }]);
    await jobs.start({ blueprint: "echo_flow", input: { n: "next" } });
    expect(worker.tasks.at(-1)).toMatchObject({ params: { n: "next" } });
  });

  test("is free again when the worker gives the task back to a store that fails", async () => {
    const { clock, store, workers } = await world(1);
    const worker = new ScriptedWorker(workers, "w1", ["echo"]);
    await worker.connect(1);
    await clock.advance(0);
    store.requeueTask = () => Promise.reject(new Error("the disk is full"));
    await expect(workers.release(worker, worker.accept(), 0)).rejects.toThrow("full");
    expect(workers.list()).toMatchObject([{ running: 0 }]);
  });
});

test("a task whose acceptance was lost with the connection goes on when its worker comes back with it", async () => {
  const { clock, jobs, workers } = await world(1);
  const worker = new ScriptedWorker(workers, "w1", ["echo"]);
  await worker.connect(1);
  await clock.advance(0);
  const task = worker.tasks[0]!;
  workers.disconnect(worker);
  const again = new ScriptedWorker(workers, "w1", ["echo"]);
  await again.connect(1, [{ taskId: task.taskId, attempt: 1 }]);
  await clock.advance(20_000);
  expect(again.tasks).toEqual([]);
  expect(await again.succeed(task)).toEqual({ status: "applied" });
  expect(await jobs.get(task.jobId)).toMatchObject({ status: "finished" });
});
