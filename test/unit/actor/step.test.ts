// The step: what messages do to a job, and what XState's own pure functions would get wrong.
import { assign, emit, log, raise, sendParent, sendTo, spawnChild, stopChild } from "xstate";
import { expect, test } from "vitest";
import type { RuntimeError } from "../../../src/errors.ts";
import { start, step } from "../../../src/actor/step.ts";
import { ActorJob, at, machineOf, origin } from "../../support/actor-job.ts";

const parent = { jobId: "0_parent", child: "kid", generation: "0_parent:1.1.0" };
const invoking = machineOf({
  id: "m",
  initial: "a",
  states: {
    a: {
      invoke: { id: "k", src: "task", input: { n: 5 }, onDone: "b" },
      on: { AGAIN: { target: "a", reenter: true }, OUT: "b" },
    },
    b: {},
  },
});

test("starts a job at revision 1 with its invocation as an effect", () => {
  const job = new ActorJob(invoking);
  expect(job.envelope.revision).toBe(1);
  expect(job.effects).toEqual([
    { type: "start_child", child: "k", generation: "0_job:1.1.0", src: "task", input: { n: 5 } },
  ]);
});

test("a completion moves the machine and counts the revision", () => {
  const job = new ActorJob(invoking);
  job.done("k");
  expect(job.envelope).toMatchObject({ revision: 2, value: "b", children: {} });
});

test("entering a state again stops its child and starts another under the same id", () => {
  const job = new ActorJob(invoking);
  job.send("AGAIN");
  expect(job.effects.map(({ type }) => type)).toEqual(["start_child", "stop_child"]);
  expect(job.generation("k")).toBe("0_job:1.2.0");
});

test("a completed child is not told to stop when its state is left", () => {
  const job = new ActorJob(invoking);
  job.done("k");
  expect(job.effects).toEqual([]);
});

test("a state that is left within the step starts no child", () => {
  const job = new ActorJob(
    machineOf({
      initial: "a",
      states: { a: { invoke: { id: "k", src: "task" }, always: "b" }, b: {} },
    }),
  );
  expect(job.effects).toEqual([]);
});

test("a completion hands the handler its output, child and worker status", () => {
  const job = new ActorJob(
    machineOf({
      context: {},
      invoke: {
        id: "k",
        src: "task",
        onDone: { actions: assign({ got: ({ event }: { event: unknown }) => event }) },
      },
    }),
  );
  const generation = job.generation("k");
  job.take({ type: "done", child: "k", generation, output: { n: 1 }, status: "needs_review" });
  expect(job.context["got"]).toEqual({
    type: "xstate.done.actor.k",
    output: { n: 1 },
    actorId: "k",
    status: "needs_review",
  });
});

test("a completion that nothing listens to settles its child all the same", () => {
  const job = new ActorJob(machineOf({ invoke: { id: "k", src: "task" } }));
  expect(job.done("k").outcome).toBe("stepped");
  expect(job.envelope.children["k"]?.settled).toBe(true);
});

test("a failure that nothing handles ends the job with the failure's code", () => {
  const job = new ActorJob(
    machineOf({
      invoke: [
        { id: "k", src: "task" },
        { id: "other", src: "task" },
      ],
      after: { 100: {} },
    }),
  );
  job.failed("k", "TRANSIENT_ERROR");
  const error = { code: "TRANSIENT_ERROR", message: "it broke" };
  expect(job.envelope).toMatchObject({ status: "error", error, children: {}, timers: {} });
  expect(job.effects.map(({ type }) => type)).toEqual(["clear_timer", "stop_child", "finished"]);
  expect(job.effects[1]).toMatchObject({ child: "other" });
});

test("a failure that onError handles is an event", () => {
  const job = new ActorJob(
    machineOf({
      initial: "a",
      states: { a: { invoke: { id: "k", src: "task", onError: "b" } }, b: {} },
    }),
  );
  job.failed("k");
  expect(job.envelope).toMatchObject({ status: "active", value: "b" });
});

test("progress reaches the machine only where the invocation listens to it", () => {
  const config = (extra: object): unknown => ({
    context: {},
    invoke: { id: "k", src: "task", ...extra },
    on: { "*": { actions: assign({ wild: true }) } },
  });
  const progress = (job: ActorJob): string => {
    const generation = job.generation("k");
    return job.take({ type: "progress", child: "k", generation, progress: 0.4 }).outcome;
  };
  const onSnapshot = {
    actions: assign({
      at: ({ event }: { event: { snapshot: { progress: number } } }) => event.snapshot.progress,
    }),
  };
  const listening = new ActorJob(machineOf(config({ onSnapshot })));
  const deaf = new ActorJob(machineOf(config({})));
  expect(progress(listening)).toBe("stepped");
  expect(listening.context).toEqual({ at: 0.4 });
  expect(progress(deaf)).toBe("ignored");
  expect(deaf.context).toEqual({});
});

test("an event that nothing listens to now is ignored and leaves no revision", () => {
  const unhandled = { outcome: "ignored", reason: "unhandled" };
  const job = new ActorJob(
    machineOf({
      initial: "a",
      states: { a: { on: { NEVER: { guard: () => false, target: "b" } } }, b: { on: { X: "a" } } },
    }),
  );
  expect(["OTHER", "X", "NEVER"].map((type) => job.send(type))).toEqual([
    unhandled,
    unhandled,
    unhandled,
  ]);
});

test("an eventless transition may answer an event that nothing names", () => {
  const job = new ActorJob(
    machineOf({
      initial: "a",
      states: {
        a: {
          always: {
            guard: ({ event }: { event: { type: string } }) => event.type === "GO",
            target: "b",
          },
        },
        b: {},
      },
    }),
  );
  job.send("GO");
  expect(job.envelope.value).toBe("b");
});

test("refuses an event whose type is XState's own", () => {
  const job = new ActorJob(invoking);
  expect(() => job.send("xstate.done.actor.k")).toThrow(
    expect.objectContaining({ code: "event.reserved" }) as RuntimeError,
  );
});

test("a job that sends an event of XState's own ends in error", () => {
  const to = ({ self }: { self: unknown }): unknown => self;
  const job = new ActorJob(
    machineOf({ on: { E: { actions: sendTo(to as never, { type: "xstate.stop" } as never) } } }),
  );
  job.send("E");
  expect(job.envelope.error?.code).toBe("event.reserved");
});

test("a finished job ignores everything, root transitions included", () => {
  const job = new ActorJob(
    machineOf({ initial: "end", on: { N: ".a" }, states: { a: {}, end: { type: "final" } } }),
  );
  expect(job.envelope.status).toBe("done");
  expect(job.send("N")).toEqual({ outcome: "ignored", reason: "finished" });
});

test("a finished child tells its parent its output", () => {
  const machine = machineOf({
    initial: "end",
    states: { end: { type: "final" } },
    output: { sum: 7 },
  });
  const { effects } = start(machine, { ...origin, parent }, undefined, at);
  expect(effects).toEqual([
    { type: "finished", status: "done", parent, output: { sum: 7 }, number: 1 },
  ]);
});

test("spawn inside an assign or a context factory starts a child", () => {
  interface Spawning {
    readonly spawn: (src: string, options?: object) => unknown;
  }
  const job = new ActorJob(
    machineOf({
      context: ({ spawn }: Spawning) => ({ first: spawn("task", { id: "first", input: 1 }) }),
      on: {
        S: {
          actions: assign({ second: ({ spawn }: Spawning) => spawn("task", { id: "second" }) }),
        },
      },
    }),
  );
  expect(job.effects).toMatchObject([{ type: "start_child", child: "first", input: 1 }]);
  job.send("S");
  expect(job.effects).toMatchObject([{ type: "start_child", child: "second" }]);
});

test("an event for a child that is gone is dropped and not sent to the job itself", () => {
  interface Refs {
    readonly context: { readonly kid: never };
  }
  const job = new ActorJob(
    machineOf({
      context: ({ spawn }: { spawn: (src: string, o: object) => unknown }) => ({
        kid: spawn("task", { id: "kid" }),
      }),
      on: {
        HI: { actions: sendTo(({ context }: Refs) => context.kid, { type: "HI" } as never) },
        BYE: { actions: stopChild(({ context }: Refs) => context.kid) },
        NEW: { actions: spawnChild("task" as never, { id: "kid" } as never) },
      },
    }),
  );
  job.send("HI");
  const target = { kind: "child", child: "kid", generation: "0_job:1.1.0" };
  expect(job.effects).toEqual([{ type: "send", target, event: { type: "HI" }, number: 1 }]);
  job.send("BYE");
  job.send("NEW");
  job.send("HI");
  expect(job.effects).toEqual([]);
});

test("a child gets its start before the event that its state's entry sends it", () => {
  const job = new ActorJob(
    machineOf({ invoke: { id: "k", src: "task" }, entry: sendTo("k", { type: "HELLO" }) }),
  );
  expect(job.effects.map(({ type }) => type)).toEqual(["start_child", "send"]);
});

test("finished spawned children do not pile up", () => {
  const id = ({ event }: { event: { n: number } }): string => `kid${event.n}`;
  const job = new ActorJob(
    machineOf({ on: { S: { actions: spawnChild("task" as never, { id } as never) } } }),
  );
  for (let n = 0; n < 50; n++) {
    job.send("S", { n });
    job.done(`kid${n}`);
  }
  expect(Object.keys(job.envelope.children).length).toBeLessThanOrEqual(17);
});

test("parent, self and emitted events, logs and named actions are effects", () => {
  const self = (({ self: own }: { self: unknown }) => own) as never;
  const machine = machineOf({
    entry: [
      sendParent({ type: "UP" }),
      sendTo(self, { type: "ME" } as never),
      emit({ type: "out", v: 1 }),
      log("line", "label"),
      { type: "notify", params: { to: "x" } },
      raise({ type: "taken at once" }),
    ],
  });
  const { effects } = start(machine, { ...origin, parent }, undefined, at);
  expect(effects).toEqual([
    { type: "send", target: { kind: "parent" }, event: { type: "UP" }, number: 1 },
    { type: "send", target: { kind: "self" }, event: { type: "ME" } },
    { type: "emit", event: { type: "out", v: 1 } },
    { type: "log", label: "label", value: "line" },
    { type: "action", action: "notify", params: { to: "x" } },
  ]);
});

test("neither a shared context nor a previous envelope sees a change in place", () => {
  const machine = machineOf({
    context: { list: [] as number[] },
    entry: assign(({ context }) => {
      (context as { list: number[] }).list.push(0);
      return {};
    }),
    on: {
      PUSH: {
        actions: assign(({ context, event }) => {
          (context as { list: number[] }).list.push(1);
          (event as unknown as { n: number[] }).n.push(2);
          return {};
        }),
      },
    },
  });
  const first = start(machine, origin, undefined, at).envelope;
  const message = { type: "event", event: { type: "PUSH", n: [] } } as const;
  const next = step(machine, first, message, at);
  expect(next).toMatchObject({ envelope: { context: { list: [0, 1] } } });
  expect(first.context).toEqual({ list: [0] });
  expect(message.event.n).toEqual([]);
  expect(start(machine, origin, undefined, at).envelope.context).toEqual({ list: [0] });
});

test("the same step gives the same result, ids of anonymous children included", () => {
  const machine = machineOf({
    context: {},
    on: {
      S: {
        actions: assign({ kid: ({ spawn }: { spawn: (src: string) => unknown }) => spawn("task") }),
      },
    },
  });
  const texts = [0, 1].map(() => {
    const job = new ActorJob(machine);
    job.send("S");
    job.send("S");
    return job.text;
  });
  expect(texts[0]).toBe(texts[1]);
  expect(Object.keys(JSON.parse(texts[0]!).children)).toEqual(["2.0", "3.0"]);
});

test("context that JSON would lose ends the job and names the place", () => {
  const job = new ActorJob(
    machineOf({ context: {}, on: { E: { actions: assign({ a: { when: new Date(0) } }) } } }),
  );
  job.send("E");
  expect(job.envelope.error).toMatchObject({ code: "context.not_json" });
  expect(job.envelope.error?.message).toContain("context.a.when is an instance of Date");
});

test("conflicting eventless transitions of regions go by document order after every restore", () => {
  const leave = (action: string): object => ({
    always: { guard: "isSet", target: "#m.out", actions: action },
  });
  const machine = machineOf({
    id: "m",
    context: { set: false },
    initial: "run",
    states: {
      run: {
        type: "parallel",
        on: { SET: { actions: assign({ set: true }) } },
        // XState restores breadth-first: `second` would come before the leaf of `first`.
        states: {
          first: { initial: "leaf", states: { leaf: leave("first") } },
          second: leave("second"),
        },
      },
      out: {},
    },
  }).provide({
    guards: { isSet: (({ context }: { context: { set: boolean } }) => context.set) as never },
  });
  const job = new ActorJob(machine);
  job.send("SET");
  expect(job.effects).toEqual([{ type: "action", action: "first", params: undefined }]);
});
