// Events that handlers send to jobs while their tasks run, over real sockets to a real runtime.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { assign, setup } from "xstate";
import { z } from "zod";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { task } from "../../../src/blueprint/task.ts";
import type { EventOutcome, TaskContext } from "../../../worker/index.ts";
import { eventually } from "../../support/eventually.ts";
import { expectReplayed } from "../../support/job-blueprints.ts";
import { done, openWire, refOf, type Wire } from "../../support/wire-world.ts";

/** Goes on to `shown` on PREVIEW, keeps LATER for then, and finishes by the task's result. */
const native = blueprint("native", {
  version: "1",
  input: z.object({}),
  defer: ["LATER"],
  events: { SHOW: z.object({ page: z.int() }) },
  machine: setup({
    types: { context: {} as { previews: number } },
    actors: { work: task("work", { input: z.object({}), output: z.unknown() }) },
  }).createMachine({
    id: "native",
    context: { previews: 0 },
    initial: "busy",
    states: {
      busy: {
        invoke: { src: "work", input: {}, onDone: "finished" },
        on: {
          SHOW: ".shown",
          PREVIEW: {
            target: ".shown",
            actions: assign({ previews: ({ context }) => context.previews + 1 }),
          },
        },
        initial: "hidden",
        states: { hidden: {}, shown: { on: { LATER: "late" } }, late: {} },
      },
      finished: { type: "final" },
    },
  }),
});

/** On PREVIEW it asks for something else, and so does not wait for the task any more. */
const moved = flow("moved", { version: "1" })
  .state(
    "start",
    { isStart: true, to: ["review", "failed"], events: ["PREVIEW", "BROKEN"] },
    (ctx) =>
      ctx.actions.dispatchTask({
        type: "work",
        transitions: { success: "review", failure: "failed" },
        eventTransitions: { PREVIEW: "review", BROKEN: "failed" },
      }),
  )
  .state("review", { to: ["completed"] }, (ctx) =>
    ctx.actions.awaitHumanApproval({ transitions: { approved: "completed" } }),
  )
  .build();

let wire: Wire;
beforeEach(async () => {
  wire = await openWire([native, moved]);
});
afterEach(() => wire.close());

async function startJob(name: "native" | "moved"): Promise<string> {
  return (await wire.runtime.jobs.start({ blueprint: name, input: {} })).jobId;
}
/** The types of the events that the job has taken, in order. */
async function taken(jobId: string): Promise<string[]> {
  const history = await wire.store.history(jobId, 0, 100);
  return history.flatMap(({ message }) => (message.type === "event" ? [message.event.type] : []));
}
/** A worker whose one handler does this, and a job for it. */
async function work(name: "native" | "moved", handler: (ctx: TaskContext) => unknown) {
  const worker = wire.make().task("work", handler);
  await worker.start();
  return startJob(name);
}
/** A bare worker with the task of a new job. */
async function holding(name: "native" | "moved") {
  const { peer } = await wire.welcomed({ types: [{ type: "work" }] });
  const jobId = await startJob(name);
  const assign = await peer.next("task");
  peer.send({ type: "accept", ...refOf(assign) });
  return { peer, jobId, ref: refOf(assign) };
}

describe("an event of a handler", () => {
  test("is a message of the job like any other, before the task's result", async () => {
    const said: EventOutcome[] = [];
    const jobId = await work("native", async ({ sendEvent }) => {
      said.push(await sendEvent("NOBODY", { listens: true }));
      said.push(await sendEvent("LATER"));
      said.push(await sendEvent("PREVIEW", { page: 1 }));
      // Its result waits for it.
      void sendEvent("PREVIEW", { page: 2 });
    });
    await wire.reaches(jobId, "finished");
    expect(said).toEqual(["ignored", "accepted", "accepted"]);
    expect(await taken(jobId)).toEqual(["LATER", "PREVIEW", "PREVIEW"]);
    const states = (await wire.store.history(jobId, 0, 100)).map((one) => one.currentState);
    expect(states).toContain("busy.late");
    await expectReplayed(wire.store, native, jobId);
  });

  test("leads a flow where it was told, which cancels the task", async () => {
    let aborted: unknown;
    const jobId = await work("moved", async ({ sendEvent, signal }) => {
      // The word that the task is cancelled may come before the answer, and then stands for it.
      await sendEvent("PREVIEW", { url: "p.png" }).catch(() => undefined);
      await eventually(() => signal.aborted);
      aborted = signal.reason;
      return { url: "whole.png" };
    });
    await wire.reaches(jobId, "review");
    await eventually(() => aborted !== undefined);
    expect(await wire.runtime.jobs.get(jobId)).toMatchObject({
      status: "waiting_for_human",
      data: { url: "p.png" },
    });
    expect(await wire.store.listTasks(jobId)).toEqual([]);
    await expectReplayed(wire.store, moved, jobId);
  });

  test("that the job does not wait for leaves a flow and its task alone", async () => {
    const said: EventOutcome[] = [];
    const jobId = await work("moved", async ({ sendEvent }) => {
      said.push(await sendEvent("SOMETHING"));
      return { url: "whole.png" };
    });
    await wire.reaches(jobId, "review");
    expect(said).toEqual(["ignored"]);
    expect(await wire.runtime.jobs.get(jobId)).toMatchObject({ data: { url: "whole.png" } });
  });

  test("is sent again over the next connection until it is answered, and taken once", async () => {
    const events = wire.runtime.workers.event.bind(wire.runtime.workers);
    let tries = 0;
    wire.runtime.workers.event = async (...all) => {
      const said = await events(...all);
      // The job has it; the answer does not arrive.
      if (++tries === 1) wire.drop();
      return said;
    };
    let said: EventOutcome | undefined;
    const jobId = await work("native", async ({ sendEvent }) => {
      said = await sendEvent("PREVIEW");
    });
    await wire.whileTimePasses(async () => (await wire.state(jobId)) === "finished");
    expect({ tries, said }).toEqual({ tries: 2, said: "accepted" });
    expect(await taken(jobId)).toEqual(["PREVIEW"]);
  });

  test("is sent again where the server could not take it", async () => {
    const events = wire.runtime.workers.event.bind(wire.runtime.workers);
    let tries = 0;
    wire.runtime.workers.event = (...all) =>
      ++tries === 1 ? Promise.reject(new Error("the store is away")) : events(...all);
    const jobId = await work("native", ({ sendEvent }) => sendEvent("PREVIEW"));
    await eventually(() => tries === 1);
    await wire.workerClock.advance(10_000);
    await wire.reaches(jobId, "finished");
    expect(await taken(jobId)).toEqual(["PREVIEW"]);
  });

  test("that does not fit its schema is the handler's mistake", async () => {
    const jobId = await work("native", async ({ sendEvent }) => {
      await expect(sendEvent("SHOW", { page: "one" })).rejects.toThrow("event.invalid");
      expect(await sendEvent("SHOW", { page: 1 })).toBe("accepted");
    });
    await wire.reaches(jobId, "finished");
    expect(await taken(jobId)).toEqual(["SHOW"]);
  });

  test("that can't be sent, or is reserved, is the handler's mistake", async () => {
    const jobId = await work("native", async ({ sendEvent }) => {
      expect(() => void sendEvent("")).toThrow(TypeError);
      expect(() => void sendEvent("BIG", { text: "x".repeat(64 * 1024) })).toThrow(RangeError);
      for (const type of ["xstate.done.actor.work", "flow.decision", "*"])
        await expect(sendEvent(type)).rejects.toThrow("event.reserved");
    });
    await wire.reaches(jobId, "finished");
    expect(await taken(jobId)).toEqual([]);
  });
});

describe("an event frame", () => {
  test("with a number that was taken is answered and changes nothing", async () => {
    const { peer, jobId, ref } = await holding("native");
    for (const number of [1, 1, 2, 1]) {
      peer.send({ type: "event", ...ref, number, event: "PREVIEW", data: { number } });
      expect(await peer.next("event_ack")).toMatchObject({ ...ref, number, status: "accepted" });
    }
    expect(await taken(jobId)).toEqual(["PREVIEW", "PREVIEW"]);
    peer.send(done(ref));
    expect(await peer.next("result_ack")).toMatchObject({ status: "applied" });
  });

  test("counts anew with each attempt, and only for the one that is current", async () => {
    const { peer, jobId, ref } = await holding("native");
    peer.send({ type: "event", ...ref, number: 7, event: "PREVIEW" });
    await peer.next("event_ack");
    peer.send({ type: "release", ...ref, reason: "overload" });
    const next = refOf(await peer.next("task"));
    expect(next.attempt).toBe(2);
    peer.send({ type: "event", ...ref, number: 8, event: "PREVIEW" });
    expect(await peer.next("event_ack")).toMatchObject({ ...ref, status: "fenced" });
    peer.send({ type: "event", ...next, number: 1, event: "PREVIEW" });
    expect(await peer.next("event_ack")).toMatchObject({ ...next, status: "accepted" });
    expect(await taken(jobId)).toHaveLength(2);
  });

  test("of an attempt that another worker has followed changes nothing", async () => {
    const { peer, jobId, ref } = await holding("moved");
    // Its lease ends while it says nothing, and another worker gets the task.
    const other = (await wire.welcomed({ worker_id: "other", types: [{ type: "work" }] })).peer;
    await eventually(async () => {
      await wire.clock.advance(1_000);
      return other.count("task") > 0;
    });
    peer.send({ type: "event", ...ref, number: 1, event: "PREVIEW" });
    expect(await peer.next("event_ack")).toMatchObject({ status: "fenced" });
    expect(await wire.state(jobId)).toBe("start");
    const current = refOf(await other.next("task"));
    other.send({ type: "event", ...current, number: 1, event: "PREVIEW" });
    expect(await other.next("event_ack")).toMatchObject({ status: "accepted" });
    expect(await wire.state(jobId)).toBe("review");
  });

  test("that is too large is refused, and one before the answer to the last closes the connection", async () => {
    const { peer, ref } = await holding("native");
    const data = { text: "x".repeat(64 * 1024) };
    peer.send({ type: "event", ...ref, number: 1, event: "PREVIEW", data });
    expect(await peer.next("event_ack")).toMatchObject({
      status: "refused",
      code: "request.body_too_large",
    });
    peer.send([2, 3].map((number) => ({ type: "event", ...ref, number, event: "PREVIEW" })));
    expect(await peer.next("error")).toMatchObject({ code: "protocol.frame_invalid" });
  });
});
