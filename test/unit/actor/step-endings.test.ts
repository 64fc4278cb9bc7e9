// How a step ends a job from outside its chart: stops, thrown errors, endless loops, illegal states.
import { assign, emit } from "xstate";
import type { AnyMachineSnapshot } from "xstate";
import { expect, test } from "vitest";
import type { RuntimeError } from "../../../src/errors.ts";
import { start, step } from "../../../src/actor/step.ts";
import { ActorJob, at, machineOf, origin } from "../../support/actor-job.ts";

test("a stop takes children and timers away and runs no exit action", () => {
  const job = new ActorJob(
    machineOf({ invoke: { id: "k", src: "task" }, after: { 5: {} }, exit: emit({ type: "left" }) }),
  );
  job.take({ type: "stop", reason: "not needed" });
  const error = { code: "cancelled", message: "not needed" };
  expect(job.envelope).toMatchObject({
    status: "stopped",
    error,
    children: {},
    timers: {},
    revision: 2,
  });
  expect(job.effects.map(({ type }) => type)).toEqual(["clear_timer", "stop_child", "finished"]);
});

test("what user code throws ends the job as it stood before the step", () => {
  const boom = assign(() => {
    throw new TypeError("boom");
  });
  const job = new ActorJob(
    machineOf({
      context: { n: 0 },
      initial: "a",
      states: { a: { on: { E: { target: "b", actions: [assign({ n: 1 }), boom] } } }, b: {} },
    }),
  );
  job.send("E");
  const error = { code: "machine.threw", message: "boom" };
  expect(job.envelope).toMatchObject({ status: "error", error, value: "a", context: { n: 0 } });
});

test("a context factory that throws gives a job in error", () => {
  const context = (): never => {
    throw new Error("no input");
  };
  const { envelope } = start(machineOf({ context }), origin, undefined, at);
  expect(envelope).toMatchObject({
    status: "error",
    error: { code: "machine.threw", message: "no input" },
  });
});

test("an endless loop is an error, whatever limit the machine sets", () => {
  const job = new ActorJob(
    machineOf({
      options: { maxIterations: Infinity },
      initial: "a",
      states: { a: { on: { GO: "b" } }, b: { always: "c" }, c: { always: "b" } },
    }),
  );
  job.send("GO");
  expect(job.envelope.error?.message).toContain("Infinite loop");
});

test("an illegal set of states is an error and is not stored", () => {
  const machine = machineOf({ initial: "a", states: { a: { on: { E: "b" } }, b: {} } });
  // An interpreter that forgets to leave `a`, as XState's can where regions are entered crosswise.
  const provide = machine.provide.bind(machine);
  machine.provide = (implementations) => {
    const copy = provide(implementations);
    const transition = copy.transition.bind(copy);
    copy.transition = (...args: Parameters<typeof transition>) => {
      const next = transition(...args) as AnyMachineSnapshot;
      return { ...next, _nodes: [copy.root, ...Object.values(copy.root.states)] };
    };
    return copy;
  };
  const job = new ActorJob(machine);
  job.send("E");
  expect(job.envelope).toMatchObject({ error: { code: "machine.illegal_state" }, value: "a" });
});

test("a machine without the envelope's states is refused and the job unharmed", () => {
  const machine = machineOf({ initial: "a", states: { a: { on: { AGAIN: "a" } } } });
  const { envelope } = start(machine, origin, undefined, at);
  const other = machineOf({ initial: "z", states: { z: { on: { AGAIN: "z" } } } });
  const message = { type: "event", event: { type: "AGAIN" } } as const;
  expect(() => step(other, envelope, message, at)).toThrow(
    expect.objectContaining({ code: "machine.illegal_state" }) as RuntimeError,
  );
});
