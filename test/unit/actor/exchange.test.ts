// Messages between jobs as the kernel takes them: numbered, once, in order, and never those of another invocation.
import { describe, expect, test } from "vitest";
import { assign, sendParent, sendTo, setup, type AnyStateMachine } from "xstate";
import { childTraits } from "../../../src/actor/child-traits.ts";
import type { Sender } from "../../../src/actor/effect.ts";
import { replay } from "../../../src/actor/replay.ts";
import { ActorJob, at, machineOf, origin, task } from "../../support/actor-job.ts";

const listening = machineOf({
  context: { seen: [] },
  invoke: { id: "k", src: "task" },
  on: {
    N: {
      actions: assign({
        seen: (({ context, event }: { context: { seen: number[] }; event: { n: number } }) => [
          ...context.seen,
          event.n,
        ]) as never,
      }),
    },
  },
});

describe.each(["parent", "child"] as const)("events of a %s", (kind) => {
  const open = () => {
    const parent = { jobId: "0_p", child: "me", generation: "0_p:1.1.0" };
    const job = new ActorJob(listening, undefined, { ...origin, parent });
    const about = kind === "child" ? { child: "k", generation: job.generation("k") } : {};
    const send = (n: number, type = "N") =>
      job.take({
        type: "event",
        event: { type, n },
        sender: { kind, number: n, ...about } as Sender,
      });
    return { job, send };
  };

  test("are taken in the order of their numbers, each once", () => {
    const { job, send } = open();
    expect(send(2)).toEqual({ outcome: "ignored", reason: "early" });
    expect(send(1)).toMatchObject({ outcome: "stepped" });
    expect(send(1)).toEqual({ outcome: "ignored", reason: "repeated" });
    expect(send(2)).toMatchObject({ outcome: "stepped" });
    expect(job.context["seen"]).toEqual([1, 2]);
  });

  test("that nothing listens to count as taken", () => {
    const { job, send } = open();
    expect(send(1, "UNKNOWN")).toMatchObject({ outcome: "stepped", effects: [] });
    send(2);
    expect(job.context["seen"]).toEqual([2]);
  });
});

test.each([
  ["of a client is refused", undefined],
  ["of another job is the last one that is kept: the job ends", { kind: "parent", number: 1 }],
] as const)("an event that finds no place any more, %s", (_, sender) => {
  const parent = { jobId: "0_p", child: "me", generation: "0_p:1.1.0" };
  const machine = machineOf({ initial: "a", states: { a: {}, b: { on: { PAY: {} } } } });
  const job = new ActorJob(machine, undefined, { ...origin, parent });
  job.take({ type: "event", event: { type: "PAY", n: 1 }, defer: 1 });
  const event = { type: "PAY", n: 2 };
  const taken = job.take({ type: "event", event, defer: 1, ...(sender && { sender }) });
  if (!sender) return expect(taken).toEqual({ outcome: "ignored", reason: "full" });
  expect(job.envelope).toMatchObject({
    status: "error",
    error: { code: "job.too_many_deferred" },
    deferred: [{ n: 1 }, { n: 2 }],
    exchange: { taken: 1 },
  });
  return expect(taken).toMatchObject({ effects: [{ type: "finished" }] });
});

describe("events of the worker of a task", () => {
  const open = () => {
    const job = new ActorJob(listening);
    const generation = job.generation("k");
    const send = (attempt: number, n: number, type = "N", taskId = generation) => {
      const sender = { kind: "task", child: "k", generation, taskId, attempt, number: n } as const;
      return job.take({ type: "event", event: { type, n }, sender });
    };
    return { job, send };
  };

  test("are taken once for each attempt, and never of one before", () => {
    const { job, send } = open();
    expect(send(1, 2)).toMatchObject({ outcome: "stepped" });
    for (const n of [1, 2]) expect(send(1, n)).toEqual({ outcome: "ignored", reason: "repeated" });
    expect(send(3, 1)).toMatchObject({ outcome: "stepped" });
    expect(send(2, 9)).toEqual({ outcome: "ignored", reason: "fenced" });
    expect(job.context["seen"]).toEqual([2, 1]);
  });

  test("are counted for each task of several by itself", () => {
    const { job, send } = open();
    for (const part of ["g.0", "g.1"])
      expect(send(1, 1, "N", part)).toMatchObject({ outcome: "stepped" });
    expect(send(1, 1, "N", "g.1")).toEqual({ outcome: "ignored", reason: "repeated" });
    expect(job.context["seen"]).toEqual([1, 1]);
  });

  test("leave no trace where nothing listens", () => {
    const { job, send } = open();
    expect(send(1, 1, "UNKNOWN")).toEqual({ outcome: "ignored", reason: "unhandled" });
    expect(send(1, 1)).toMatchObject({ outcome: "stepped" });
    expect(job.context["seen"]).toEqual([1]);
  });

  test("are fenced once the task is done", () => {
    const { job, send } = open();
    job.take({ type: "done", child: "k", generation: job.generation("k"), output: 1 });
    expect(send(1, 1)).toEqual({ outcome: "ignored", reason: "fenced" });
  });
});

test("an event of a child that is not the current one is fenced", () => {
  const job = new ActorJob(listening);
  const sender = { kind: "child", child: "k", generation: "0_job:0.1.0", number: 1 } as const;
  const late = job.take({ type: "event", event: { type: "N", n: 1 }, sender });
  expect(late).toEqual({ outcome: "ignored", reason: "fenced" });
});

test("an end does not overtake the events before it", () => {
  const job = new ActorJob(listening);
  const about = { child: "k", generation: job.generation("k") };
  const end = { type: "done", ...about, output: 1, number: 2 } as const;
  expect(job.take(end)).toEqual({ outcome: "ignored", reason: "early" });
  const sender = { kind: "child", ...about, number: 1 } as const;
  job.take({ type: "event", event: { type: "N", n: 1 }, sender });
  expect(job.take(end)).toMatchObject({ outcome: "stepped" });
});

test("what is sent to a child and a parent is numbered on, over steps and timers, the stop and the end last", () => {
  const parent = { jobId: "0_p", child: "me", generation: "0_p:1.1.0" };
  const job = new ActorJob(
    machineOf({
      initial: "on",
      states: {
        on: {
          invoke: { id: "k", src: "task" },
          entry: [sendTo("k", { type: "A" }), sendParent({ type: "B" })],
          on: {
            GO: { actions: [sendTo("k", { type: "C" }), sendTo("k", { type: "D" })] },
            LATER: { actions: sendTo("k", { type: "E" }, { delay: 10, id: "later" }) },
            END: "off",
          },
        },
        off: { type: "final" },
      },
    }),
    undefined,
    { ...origin, parent },
  );
  const numbers = () =>
    job.effects.flatMap((effect) => ("number" in effect ? [[effect.type, effect.number]] : []));
  expect(numbers()).toEqual([
    ["send", 1],
    ["send", 1],
  ]);
  job.send("GO");
  expect(numbers()).toEqual([
    ["send", 2],
    ["send", 3],
  ]);
  job.send("LATER");
  job.fire("later");
  expect(numbers()).toEqual([["send", 4]]);
  job.send("END");
  expect(numbers()).toEqual([
    ["stop_child", 5],
    ["finished", 2],
  ]);
});

describe("a child that gathers", () => {
  const list = setup({ actors: { list: { ...task, [childTraits]: { gathers: true } } as never } });
  const machine = list.createMachine({
    context: { all: null },
    invoke: {
      id: "k",
      src: "list",
      input: (() => [{}, {}, {}]) as never,
      onDone: {
        actions: assign({
          all: (({ event }: { event: { output: unknown } }) => event.output) as never,
        }),
      },
    },
  } as never) as unknown as AnyStateMachine;

  test("is done when every part has come, with all of them in order", () => {
    const job = new ActorJob(machine);
    const part = (number: number, result: unknown) =>
      job.take({ type: "part", child: "k", generation: job.generation("k"), part: number, result });
    expect(job.envelope.children["k"]).toMatchObject({ awaits: 3 });
    part(2, "c");
    part(0, "a");
    expect(part(0, "again")).toEqual({ outcome: "ignored", reason: "fenced" });
    expect(part(3, "none of them")).toEqual({ outcome: "ignored", reason: "fenced" });
    expect(job.context["all"]).toBeNull();
    part(1, undefined);
    expect(job.context["all"]).toEqual(["a", undefined, "c"]);
    expect(job.envelope.children["k"]).toMatchObject({ settled: true });
    expect(job.envelope.children["k"]).not.toHaveProperty("parts");
  });
});

test("deferred events, parts and numbered messages replay to the same envelope", () => {
  const machine = machineOf({
    initial: "early",
    states: {
      early: { on: { GO: "ready" } },
      ready: { on: { PAY: "paid" } },
      paid: {},
    },
  });
  const messages = [
    { type: "start", input: undefined },
    { type: "event", event: { type: "PAY" }, sender: { kind: "parent", number: 1 }, defer: 5 },
    { type: "event", event: { type: "GO" } },
    { type: "deferred", index: 0 },
  ] as const;
  const parent = { jobId: "0_p", child: "me", generation: "0_p:1.1.0" };
  const job = new ActorJob(machine, undefined, { ...origin, parent });
  for (const message of messages.slice(1)) job.take(message);
  expect(job.envelope).toMatchObject({ value: "paid", exchange: { sent: 0, taken: 1 } });
  expect(job.envelope.deferred).toBeUndefined();
  const history = messages.map((message) => ({ ...at, message }));
  expect(replay(machine, { ...origin, parent }, history)).toEqual(job.envelope);
});
