// A job that is driven again is what it was before the failure: what ran is started anew, but for children that it keeps.
import { expect, test } from "vitest";
import { encodeEnvelope } from "../../../src/actor/codec.ts";
import { ActorJob, machineOf } from "../../support/actor-job.ts";

const machine = machineOf({
  type: "parallel",
  context: {},
  on: { SAID: { actions: () => {} } },
  states: {
    one: { invoke: { id: "a", src: "task" } },
    other: { invoke: { id: "b", src: "task" } },
    timed: {
      initial: "soon",
      states: { soon: { after: { 500: "late", 5000: "later" } }, late: {}, later: {} },
    },
  },
});

const said = (job: ActorJob, number: number) =>
  job.take({
    type: "event",
    event: { type: "SAID" },
    sender: { kind: "child", child: "a", generation: job.generation("a"), number },
  });

/** A job whose child `b` has failed, after 700 ms, and that is driven again long after. */
function driven() {
  const job = new ActorJob(machine);
  said(job, 1);
  const before = job.envelope;
  job.now += 700;
  job.failed("b");
  expect(job.envelope.status).toBe("error");
  const failedAt = job.now;
  job.now += 100_000;
  const message = {
    type: "redrive",
    failed: job.envelope.revision,
    envelope: encodeEnvelope(before),
    failedAt,
    inputs: {},
    keeps: ["a"],
  } as const;
  expect(job.take({ ...message, failed: 2 })).toEqual({ outcome: "ignored", reason: "fenced" });
  expect(job.take(message)).toMatchObject({ outcome: "stepped" });
  return { job, before, message };
}

test("children that it keeps are the same ones, and the others have other names", () => {
  const { job, before, message } = driven();
  expect(job.envelope.children["a"]).toEqual(before.children["a"]);
  expect(job.generation("b")).not.toBe(before.children["b"]!.generation);
  const starts = job.effects.filter(({ type }) => type === "start_child");
  expect(starts).toMatchObject([{ child: "b", generation: job.generation("b") }]);
  expect(job.take(message)).toEqual({ outcome: "ignored", reason: "fenced" });
});

test("timers have the rest that they had, and one that was due already is due now", () => {
  const { job } = driven();
  const due = Object.values(job.envelope.timers).flatMap((pending) =>
    pending.map((one) => one.due),
  );
  expect(due).toEqual([job.now, job.now + 5000 - 700]);
  expect(job.effects.filter(({ type }) => type === "set_timer")).toMatchObject(
    due.map((one) => ({ due: one })),
  );
  job.fire("xstate.after.500.(machine).timed.soon");
  expect(job.envelope.value).toMatchObject({ timed: "late" });
});

test("what a kept child said while the job was over does not come, and what it says then does, in order", () => {
  const { job } = driven();
  const rejoined = (taken: number, generation = job.generation("a")) =>
    job.take({ type: "rejoined", child: "a", generation, taken });
  expect(said(job, 4)).toEqual({ outcome: "ignored", reason: "early" });
  expect(rejoined(3)).toMatchObject({ outcome: "stepped", effects: [] });
  expect(rejoined(2)).toEqual({ outcome: "ignored", reason: "repeated" });
  expect(rejoined(3)).toEqual({ outcome: "ignored", reason: "repeated" });
  expect(rejoined(9, "0_job:1.0.0")).toEqual({ outcome: "ignored", reason: "fenced" });
  expect(said(job, 3)).toEqual({ outcome: "ignored", reason: "repeated" });
  expect(said(job, 5)).toEqual({ outcome: "ignored", reason: "early" });
  expect(said(job, 4)).toMatchObject({ outcome: "stepped" });
  // Its end is told again without a number.
  expect(job.done("a")).toMatchObject({ outcome: "stepped" });
  expect(rejoined(9)).toEqual({ outcome: "ignored", reason: "fenced" });
});

test("the event that it kept last, and ended by, is kept", () => {
  const job = new ActorJob(machine);
  const early = { type: "event", event: { type: "EARLY" }, defer: 0 } as const;
  const before = job.envelope;
  const sender = { kind: "child", child: "a", generation: job.generation("a"), number: 1 } as const;
  job.take({ ...early, sender });
  expect(job.envelope.status).toBe("error");
  const failed = job.envelope.revision;
  const envelope = encodeEnvelope(before);
  job.take({ type: "redrive", failed, envelope, failedAt: job.now, inputs: {}, keeps: ["a"] });
  expect(job.envelope).toMatchObject({ status: "active", deferred: [{ type: "EARLY" }] });
});
