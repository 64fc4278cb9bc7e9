// Generations: stale news never reaches the machine, not even after a rewind of the store.
import { expect, test } from "vitest";
import { ActorJob, machineOf } from "../../support/actor-job.ts";

const fenced = { outcome: "ignored", reason: "fenced" };
const machine = machineOf({
  id: "m",
  initial: "a",
  states: {
    a: {
      invoke: { id: "k", src: "task", onDone: "b" },
      after: { 100: "b" },
      on: { AGAIN: { target: "a", reenter: true } },
    },
    b: { on: { "*": "bad" } },
    bad: {},
  },
});
const timer = "xstate.after.100.m.a";

test("news of an invocation that was replaced is fenced", () => {
  const job = new ActorJob(machine);
  const generation = job.generation("k");
  job.send("AGAIN");
  const error = { code: "x", message: "late" };
  expect(job.take({ type: "done", child: "k", generation, output: 1 })).toEqual(fenced);
  expect(job.take({ type: "failed", child: "k", generation, error })).toEqual(fenced);
  expect(job.take({ type: "progress", child: "k", generation, progress: 1 })).toEqual(fenced);
  expect(job.done("k").outcome).toBe("stepped");
});

test("news of an invocation whose state was left is fenced, even where a wildcard would take it", () => {
  const job = new ActorJob(machine);
  const generation = job.generation("k");
  job.fire(timer);
  expect(job.take({ type: "done", child: "k", generation, output: 1 })).toEqual(fenced);
});

test("a second completion is fenced", () => {
  const job = new ActorJob(machineOf({ invoke: { id: "k", src: "task", onDone: {} } }));
  const generation = job.generation("k");
  job.done("k");
  expect(job.take({ type: "done", child: "k", generation, output: 1 })).toEqual(fenced);
});

test("a timer that was cancelled or has fired is fenced", () => {
  const job = new ActorJob(machine);
  const { generation } = job.envelope.timers[timer]![0]!;
  job.send("AGAIN");
  expect(job.take({ type: "timer", timer, generation })).toEqual(fenced);
  const current = job.envelope.timers[timer]![0]!.generation;
  expect(job.fire(timer).outcome).toBe("stepped");
  expect(job.take({ type: "timer", timer, generation: current })).toEqual(fenced);
});

test("names that every object has are neither children nor timers", () => {
  const job = new ActorJob(machine);
  for (const name of ["constructor", "toString", "__proto__"]) {
    expect(job.take({ type: "done", child: name, generation: "g", output: 1 })).toEqual(fenced);
    expect(job.take({ type: "timer", timer: name, generation: "g" })).toEqual(fenced);
  }
});

test("a job rewound and stepped under another epoch fences what it did before", () => {
  const job = new ActorJob(machine);
  const before = job.text;
  job.send("AGAIN");
  const old = { child: job.generation("k"), timer: job.envelope.timers[timer]![0]!.generation };
  job.text = before;
  job.epoch = "2";
  job.send("AGAIN");
  expect([old.child, job.generation("k")]).toEqual(["0_job:1.2.0", "0_job:2.2.0"]);
  expect(job.take({ type: "done", child: "k", generation: old.child, output: 1 })).toEqual(fenced);
  expect(job.take({ type: "timer", timer, generation: old.timer })).toEqual(fenced);
});

test("a second start is fenced", () => {
  expect(new ActorJob(machine).take({ type: "start", input: 1 })).toEqual(fenced);
});
