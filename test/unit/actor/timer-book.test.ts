// Timers of a job: due in store time, cancelled together, and gone when the job is.
import { cancel, raise, sendTo } from "xstate";
import { expect, test } from "vitest";
import { ActorJob, machineOf } from "../../support/actor-job.ts";

test("a timer is due its delay after the step's store time", () => {
  const job = new ActorJob(machineOf({ id: "m", after: { 100: {} } }));
  const timer = "xstate.after.100.m";
  expect(job.effects).toEqual([
    { type: "set_timer", timer, generation: "0_job:1.1.t0", due: 1100 },
  ]);
});

test("leaving a state clears its timer", () => {
  const job = new ActorJob(
    machineOf({ initial: "a", states: { a: { after: { 5: "b" }, on: { OUT: "b" } }, b: {} } }),
  );
  job.send("OUT");
  expect(job.envelope.timers).toEqual({});
  expect(job.effects.map(({ type }) => type)).toEqual(["clear_timer"]);
});

test("a cancel takes all timers of its id, also one set in the same step", () => {
  const set = raise({ type: "E" } as never, { id: "t", delay: 5 });
  const job = new ActorJob(
    machineOf({ on: { SET: { actions: set }, OFF: { actions: [set, cancel("t")] } } }),
  );
  job.send("SET");
  job.send("SET");
  expect(job.envelope.timers["t"]).toHaveLength(2);
  job.send("OFF");
  expect(job.effects.map(({ type }) => type)).toEqual(["clear_timer", "clear_timer"]);
});

test("a delayed event for a child is sent when its timer fires, unless the child is another by then", () => {
  const machine = machineOf({
    initial: "a",
    states: {
      a: {
        entry: sendTo("k", { type: "POKE" }, { id: "poke", delay: 50 }),
        invoke: { id: "k", src: "task" },
        on: { AGAIN: { target: "a", reenter: true } },
      },
    },
  });
  const job = new ActorJob(machine);
  job.fire("poke");
  const target = { kind: "child", child: "k", generation: "0_job:1.1.0" };
  expect(job.effects).toEqual([{ type: "send", target, event: { type: "POKE" }, number: 1 }]);
  const other = new ActorJob(machine);
  other.send("AGAIN");
  other.fire("poke");
  expect(other.effects).toEqual([]);
});

test("a delay that is no number of milliseconds ends the job", () => {
  const job = new ActorJob(
    machineOf({ entry: raise({ type: "E" } as never, { delay: () => Number.NaN }) }),
  );
  expect(job.envelope.error?.message).toBe("The delay of 'E' is NaN");
});
