// Inside turns: promises, conflicts between nodes, rewound stores, and histories that replay to what is stored.
import { describe, expect, test } from "vitest";
import { assign, fromPromise, raise, sendTo, setup } from "xstate";
import { decodeEnvelope } from "../../../src/actor/codec.ts";
import { replay } from "../../../src/actor/replay.ts";
import { blueprint, type Blueprint } from "../../../src/blueprint/blueprint.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { openWorld } from "../../support/runtime-world.ts";
import {
  echoFlow,
  patientJob,
  promiseJob,
  type PromiseProbe,
} from "../../support/sample-blueprints.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

/** The stored envelope, and the one that the job's recorded messages give. */
async function storedAndReplayed(store: MemoryStore, { machine }: Blueprint, jobId: string) {
  const stored = decodeEnvelope((await store.loadJob(jobId))!.envelope);
  const { blueprint: name, version, shape } = stored;
  const history = await store.history(jobId, 0, 1000);
  const replayed = replay(machine, { jobId, blueprint: name, version, shape }, history);
  return { stored, replayed, revisions: history.map(({ revision }) => revision) };
}

describe("a promise", () => {
  test.each(["after commit", "in turn"] as const)("run %s gives its result", async (where) => {
    const probe: PromiseProbe = { calls: 0, result: async () => ({ answer: 42 }) };
    const job = promiseJob(probe, where);
    const { runtime, store } = await openWorld([job]);
    const { jobId } = await runtime.jobs.start({ blueprint: "promise_job", input: {} });
    expect(await runtime.jobs.wait(jobId, 1000)).toMatchObject({
      currentState: "done",
      data: { got: { answer: 42 } },
    });
    expect(probe.calls).toBe(1);
    const { stored, replayed } = await storedAndReplayed(store, job, jobId);
    expect(replayed).toEqual(stored);
  });

  test.each(["after commit", "in turn"] as const)(
    "run %s that rejects takes onError",
    async (where) => {
      const fail = () => Promise.reject(new Error("no luck"));
      const { runtime } = await openWorld([promiseJob({ calls: 0, result: fail }, where)]);
      const { jobId } = await runtime.jobs.start({ blueprint: "promise_job", input: {} });
      expect(await runtime.jobs.wait(jobId, 1000)).toMatchObject({
        currentState: "broken",
        data: { got: { message: "no luck" } },
      });
    },
  );

  test("is started only after the commit that wants it is durable", async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock });
    const probe: PromiseProbe = { calls: 0, result: async () => 1 };
    const seen: number[] = [];
    const commit = store.commit.bind(store);
    store.commit = async (one) => {
      seen.push(probe.calls);
      return commit(one);
    };
    const { runtime } = await openWorld([promiseJob(probe, "after commit")], { clock, store });
    const { jobId } = await runtime.jobs.start({ blueprint: "promise_job", input: {} });
    await runtime.jobs.wait(jobId, 1000);
    expect(seen).toEqual([0, 1]);
  });

  test("whose node dies is run again by the next one when its lease has ended", async () => {
    const probe: PromiseProbe = { calls: 0, result: () => new Promise(() => {}) };
    const job = promiseJob(probe, "after commit");
    const first = await openWorld([job], { nodeId: "first" });
    const { jobId } = await first.runtime.jobs.start({ blueprint: "promise_job", input: {} });
    expect(probe.calls).toBe(1);
    const image = first.store.snapshot();

    probe.result = async () => "second time";
    const { clock } = first;
    const store = new MemoryStore({ clock, image });
    const second = await openWorld([job], { clock, store, nodeId: "second" });
    await clock.advance(60_000);
    expect(await second.runtime.jobs.get(jobId)).toMatchObject({ data: { got: "second time" } });
  });
});

describe("a promise of a node that stops", () => {
  test("and that heeds its signal is run again by the next node, and does not fail", async () => {
    let stops = 0;
    const logic = fromPromise(
      ({ signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () => {
            stops++;
            reject(new Error("aborted"));
          }),
        ),
    );
    const job = blueprint("heeding", {
      version: "1",
      machine: setup({ actors: { work: logic } }).createMachine({
        id: "heeding",
        initial: "working",
        states: {
          working: { invoke: { id: "work", src: "work", onDone: "done", onError: "broken" } },
          done: { type: "final" },
          broken: { type: "final" },
        },
      }),
    });
    const first = await openWorld([job], { nodeId: "first" });
    const { jobId } = await first.runtime.jobs.start({ blueprint: "heeding", input: {} });
    await first.runtime.stop();
    await first.clock.advance(0);
    expect(stops).toBe(1);
    const { clock, store } = first;
    expect(await store.loadJob(jobId)).toMatchObject({ summary: { currentState: "working" } });
    const second = await openWorld([job], { clock, store, nodeId: "second" });
    await clock.advance(60_000);
    expect(await second.runtime.jobs.get(jobId)).toMatchObject({
      waits: [{ kind: "task", state: "leased", workerId: "node:second" }],
    });
  });
});

test("history holds each revision's message and time, and replays to the stored state", async () => {
  const { clock, runtime, store } = await openWorld([echoFlow]);
  const worker = new ScriptedWorker(runtime.workers, "w1", ["echo"]);
  await worker.connect();
  const { jobId } = await runtime.jobs.start({ blueprint: "echo_flow", input: { text: "x" } });
  await clock.advance(1234);
  await worker.succeed(worker.accept(), { said: "x" });

  const { stored, replayed, revisions } = await storedAndReplayed(store, echoFlow, jobId);
  expect(revisions).toEqual([1, 2, 3]);
  expect(replayed).toEqual(stored);
  const [first, , last] = await store.history(jobId, 0, 10);
  expect(first).toMatchObject({ message: { type: "start", input: { text: "x" } } });
  expect(last!.now - first!.now).toBe(1234);
});

test("two nodes that step one job at once lose neither step", async () => {
  const counting = blueprint("counting", {
    version: "1",
    machine: setup({
      types: { context: {} as { seen: string[] }, events: {} as { type: "ADD"; name: string } },
    }).createMachine({
      id: "counting",
      context: () => ({ seen: [] as string[] }),
      on: {
        ADD: { actions: assign({ seen: ({ context, event }) => [...context.seen, event.name] }) },
      },
    }),
  });
  const one = await openWorld([counting], { nodeId: "one" });
  const { clock, store } = one;
  const two = await openWorld([counting], { clock, store, nodeId: "two" });
  const { jobId } = await one.runtime.jobs.start({ blueprint: "counting", input: {} });
  const names = Array.from({ length: 100 }, (_, n) => `n${n}`);
  await Promise.all(
    names.map((name, n) =>
      (n % 2 === 0 ? one : two).runtime.jobs.send(jobId, { type: "ADD", name }),
    ),
  );
  const job = (await one.runtime.jobs.get(jobId))!;
  expect(new Set((job.data as { seen: string[] }).seen)).toEqual(new Set(names));
  expect(job.revision).toBe(101);
});

test("a node whose copy of a job is old does not refuse what the job takes by now", async () => {
  const doors = blueprint("doors", {
    version: "1",
    machine: setup({
      types: { events: {} as { type: "OPEN" } | { type: "ENTER" } },
    }).createMachine({
      id: "doors",
      initial: "closed",
      states: {
        closed: { on: { OPEN: "open" } },
        open: { on: { ENTER: "inside" } },
        inside: { type: "final" },
      },
    }),
  });
  const one = await openWorld([doors], { nodeId: "one" });
  const { clock, store } = one;
  const two = await openWorld([doors], { clock, store, nodeId: "two" });
  const { jobId } = await one.runtime.jobs.start({ blueprint: "doors", input: {} });
  await two.runtime.jobs.send(jobId, { type: "OPEN" });
  expect(await one.runtime.jobs.send(jobId, { type: "ENTER" })).toEqual({
    outcome: "accepted",
    revision: 3,
  });
});

test("a late result does not take the current one of the same turn with it", async () => {
  const { clock, runtime } = await openWorld([echoFlow]);
  const { workers, jobs } = runtime;
  const late = new ScriptedWorker(workers, "late", ["echo"]);
  await late.connect();
  const { jobId } = await jobs.start({ blueprint: "echo_flow", input: {} });
  const other = new ScriptedWorker(workers, "other", ["echo"]);
  await other.connect();
  late.accept();
  workers.drain(late);
  await clock.advance(55_000);
  const first = late.tasks[0]!;
  const second = other.accept();
  expect(second).toMatchObject({ taskId: first.taskId, attempt: 2 });
  // The first result opens a turn; the other two wait for it and are taken together.
  const answers = await Promise.all([
    jobs.send(jobId, { type: "NOBODY_CARES" }),
    late.succeed(first, { from: "late" }),
    other.succeed(second, { from: "other" }),
  ]);
  expect(answers.slice(1)).toEqual([{ status: "fenced" }, { status: "applied" }]);
  expect(await jobs.get(jobId)).toMatchObject({ data: { from: "other" } });
});

test("a stop lets the start of a job that is under way end", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const { runtime } = await openWorld([echoFlow], { clock, store });
  const order: string[] = [];
  const commit = store.commit.bind(store);
  store.commit = async (one) => {
    await new Promise((resolve) => setImmediate(resolve));
    order.push("committed");
    return commit(one);
  };
  const started = runtime.jobs.start({ blueprint: "echo_flow", input: {} });
  await runtime.stop();
  order.push("stopped");
  await started;
  expect(order).toEqual(["committed", "stopped"]);
});

test("after the store was rewound, the result of a task that is no more is fenced", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const image = store.snapshot();
  const ids = { job: () => "0_same" };
  const request = { blueprint: "echo_flow", input: { text: "before" } };
  const first = await openWorld([echoFlow], { clock, store, ids });
  const oldWorker = new ScriptedWorker(first.runtime.workers, "old", ["echo"]);
  await oldWorker.connect();
  await first.runtime.jobs.start(request);
  const old = oldWorker.accept();

  const rewound = new MemoryStore({ clock, image });
  const second = await openWorld([echoFlow], { clock, store: rewound, ids });
  const newWorker = new ScriptedWorker(second.runtime.workers, "new", ["echo"]);
  await newWorker.connect();
  await second.runtime.jobs.start({ ...request, input: { text: "after" } });
  const fresh = newWorker.accept();

  const numbers = ({ taskId }: { taskId: string }) => taskId.replace(/:[^.]*/, "");
  expect(numbers(old)).toBe(numbers(fresh));
  expect(old.taskId).not.toBe(fresh.taskId);
  expect(await newWorker.succeed(old, { said: "before" })).toEqual({ status: "unknown" });
  expect(await second.runtime.jobs.get("0_same")).toMatchObject({ status: "waiting_for_worker" });
  await newWorker.succeed(fresh, { said: "after" });
  expect(await second.runtime.jobs.get("0_same")).toMatchObject({ data: { said: "after" } });
});

test("a job that sends itself events without end is ended, and the node goes on", async () => {
  const endless = blueprint("endless", {
    version: "1",
    machine: setup({ types: { events: {} as { type: "GO" } } }).createMachine({
      id: "endless",
      on: { GO: { actions: sendTo(({ self }) => self, { type: "GO" }) } },
    }),
  });
  const { runtime } = await openWorld([endless, echoFlow]);
  const { jobId } = await runtime.jobs.start({ blueprint: "endless", input: {} });
  await runtime.jobs.send(jobId, { type: "GO" });
  expect(await runtime.jobs.get(jobId)).toMatchObject({
    status: "failed",
    error: { code: "turn.endless" },
  });
  await expect(runtime.jobs.start({ blueprint: "echo_flow", input: {} })).resolves.toBeDefined();
});

test("an eventless loop ends its job in error, and the node goes on", async () => {
  const loop = blueprint("loop", {
    version: "1",
    machine: setup({ types: { events: {} as { type: "GO" } | { type: "TICK" } } }).createMachine({
      id: "loop",
      on: {
        GO: { actions: raise({ type: "TICK" }) },
        // The linter takes a guard for a way out; this one is none.
        TICK: { guard: () => true, actions: raise({ type: "TICK" }) },
      },
    }),
  });
  const { runtime } = await openWorld([loop]);
  const { jobId } = await runtime.jobs.start({ blueprint: "loop", input: {} });
  await runtime.jobs.send(jobId, { type: "GO" });
  expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "failed" });
});

test("an inline action runs once, after the commit, and its failure harms nobody", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const order: string[] = [];
  const commit = store.commit.bind(store);
  store.commit = async (one) => {
    const result = await commit(one);
    order.push("committed");
    return result;
  };
  const inline = blueprint("inline", {
    version: "1",
    machine: setup({
      types: { context: {} as { n: number }, events: {} as { type: "GO" } },
    }).createMachine({
      id: "inline",
      context: () => ({ n: 7 }),
      on: {
        GO: {
          actions: [
            ({ context }) => order.push(`ran with ${context.n}`),
            () => {
              throw new Error("broken");
            },
          ],
        },
      },
    }),
  });
  const { runtime } = await openWorld([inline], { clock, store });
  const { jobId } = await runtime.jobs.start({ blueprint: "inline", input: {} });
  expect(await runtime.jobs.send(jobId, { type: "GO" })).toMatchObject({ outcome: "accepted" });
  expect(order).toEqual(["committed", "committed", "ran with 7"]);
});

test("a job whose blueprint has changed its shape is left alone, and says so", async () => {
  const first = await openWorld([patientJob]);
  const { jobId } = await first.runtime.jobs.start({ blueprint: "patient_job", input: {} });
  await first.runtime.stop();
  const changed = blueprint("patient_job", {
    version: "1",
    machine: setup({ types: { events: {} as { type: "HURRY" } } }).createMachine({
      id: "patient_job",
      initial: "waiting",
      states: { waiting: { on: { HURRY: "early" } }, early: { type: "final" } },
    }),
  });
  const { clock, store } = first;
  const { runtime } = await openWorld([changed], { clock, store });
  await expect(runtime.jobs.send(jobId, { type: "HURRY" })).rejects.toMatchObject({
    code: "blueprint.shape_changed",
  });
  expect(await runtime.jobs.get(jobId)).toMatchObject({ currentState: "waiting", revision: 1 });
});
