// Invocations of a prepared machine: references to compare, never actors that run.
import { expect, test } from "vitest";
import { start } from "../../../src/actor/step.ts";
import { ActorJob, at, machineOf, origin } from "../../support/actor-job.ts";

const machine = machineOf({
  initial: "a",
  states: {
    a: {
      invoke: [
        { id: "first", src: "task", input: { n: 1 } },
        { id: "second", src: "task", systemId: "named", onSnapshot: {} },
      ],
      on: { AGAIN: { target: "a", reenter: true } },
    },
  },
});

test("each is started with its own input, name and wish for progress", () => {
  const { envelope, effects } = start(machine, origin, undefined, at);
  expect(effects).toMatchObject([
    { type: "start_child", child: "first", src: "task", input: { n: 1 } },
    { type: "start_child", child: "second", src: "task" },
  ]);
  expect(envelope.children).toMatchObject({
    first: { src: "task" },
    second: { src: "task", systemId: "named", wantsProgress: true },
  });
});

test("all are stopped and started anew when their state is entered again", () => {
  const job = new ActorJob(machine);
  const before = job.envelope.children;
  job.send("AGAIN");
  expect(job.effects.map(({ type }) => type)).toEqual([
    "start_child",
    "start_child",
    "stop_child",
    "stop_child",
  ]);
  expect(job.envelope.children["first"]?.generation).not.toBe(before["first"]?.generation);
});
