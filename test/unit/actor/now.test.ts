// The time of the step, wherever user code runs.
import { assign } from "xstate";
import { expect, test } from "vitest";
import { stepNow } from "../../../src/actor/now.ts";
import { ActorJob, machineOf } from "../../support/actor-job.ts";

test("context factories, guards, assigns and delays read the recorded time", () => {
  const job = new ActorJob(
    machineOf({
      id: "m",
      context: () => ({ born: stepNow() }),
      on: { E: { guard: () => stepNow() === 2000, actions: assign({ seen: () => stepNow() }) } },
    }),
  );
  job.now = 2000;
  job.send("E");
  expect(job.context).toEqual({ born: 1000, seen: 2000 });
});

test("there is no step time outside a step, also after one that threw", () => {
  const context = (): never => {
    throw new Error("boom");
  };
  expect(new ActorJob(machineOf({ context })).envelope.status).toBe("error");
  expect(() => stepNow()).toThrow(/only while a machine steps/);
});
