// A job's history gives its states again.
import { assign } from "xstate";
import { expect, test } from "vitest";
import { encodeEnvelope } from "../../../src/actor/codec.ts";
import type { Message } from "../../../src/actor/effect.ts";
import { stepNow } from "../../../src/actor/now.ts";
import { replay } from "../../../src/actor/replay.ts";
import type { RuntimeError } from "../../../src/errors.ts";
import { ActorJob, machineOf, origin } from "../../support/actor-job.ts";

const machine = machineOf({
  context: ({ input }: { input: unknown }) => ({ input, none: undefined, seen: 0 }),
  initial: "a",
  states: {
    a: { on: { GO: { target: "b", actions: assign({ seen: () => stepNow() }) } } },
    b: { invoke: { id: "k", src: "task", onDone: "c" } },
    c: { type: "final" },
  },
});
const messages: Message[] = [
  { type: "start", input: { n: 1 } },
  { type: "event", event: { type: "GO" } },
  { type: "done", child: "k", generation: "0_job:1.2.0", output: 1 },
];
const entries = messages.map((message, index) => ({ now: 1000 + index, epoch: "1", message }));
const diverged = expect.objectContaining({ code: "replay.diverged" }) as RuntimeError;

test("replaying recorded steps gives the stored envelope, byte for byte", () => {
  const job = new ActorJob(machine, { n: 1 });
  for (const { now, message } of entries.slice(1)) {
    job.now = now;
    job.take(message);
  }
  expect(encodeEnvelope(replay(machine, origin, entries))).toBe(job.text);
});

test("replaying some of the steps gives the state of then", () => {
  expect(replay(machine, origin, entries.slice(0, 2))).toMatchObject({ revision: 2, value: "b" });
});

test("a history that the machine can't have had is refused", () => {
  expect(() => replay(machine, origin, [])).toThrow(diverged);
  expect(() => replay(machine, origin, entries.slice(1))).toThrow(diverged);
  expect(() => replay(machine, origin, [entries[0]!, entries[2]!])).toThrow(diverged);
});
