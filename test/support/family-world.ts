// A parent with a child job and a task: what fails by the task and is driven again, while the child goes on or has ended.
import { expect } from "vitest";
import { assign, sendParent, sendTo, setup } from "xstate";
import { z } from "zod";
import { blueprint } from "../../src/blueprint/blueprint.ts";
import { job, type ParentClose } from "../../src/blueprint/job.ts";
import { task } from "../../src/blueprint/task.ts";
import type { RuntimeOptions } from "../../src/runtime/create-runtime.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { FakeClock } from "./fake-clock.ts";
import { expectReplayed } from "./job-blueprints.ts";
import { openWorld } from "./runtime-world.ts";
import { ScriptedWorker } from "./scripted-worker.ts";

type KidEvent = { type: "SAY"; n: number } | { type: "ASK"; n: number } | { type: "GO" | "FAIL" };

/** Passes on what it is told, and ends when it is told to. */
const kid = blueprint("kid", {
  version: "1",
  machine: setup({
    types: { context: {} as { asked: number[] }, events: {} as KidEvent },
  }).createMachine({
    id: "kid",
    context: () => ({ asked: [] }),
    initial: "busy",
    states: {
      busy: {
        on: {
          SAY: { actions: sendParent(({ event: { n } }) => ({ type: "SAID", n })) },
          ASK: {
            actions: assign({ asked: ({ context, event }) => [...context.asked, event.n] }),
          },
          GO: "over",
          FAIL: {
            actions: () => {
              throw new Error("no");
            },
          },
        },
      },
      over: { type: "final" },
    },
    output: ({ context }) => context,
  }),
});

const parentWith = (parentClose: ParentClose) =>
  blueprint("parent", {
    version: "1",
    machine: setup({
      types: {
        context: {} as { said: number[]; output?: unknown },
        events: {} as { type: "SAID"; n: number } | { type: "TELL"; n: number },
      },
      actors: {
        kid: job(kid, { parentClose }),
        work: task("work", {
          input: z.object({}),
          output: z.unknown(),
          retry: { maxAttempts: 1 },
        }),
      },
    }).createMachine({
      id: "parent",
      context: () => ({ said: [] }),
      type: "parallel",
      on: {
        SAID: { actions: assign({ said: ({ context, event }) => [...context.said, event.n] }) },
        TELL: { actions: sendTo("kid", ({ event: { n } }) => ({ type: "ASK", n })) },
      },
      states: {
        family: {
          initial: "waiting",
          states: {
            waiting: {
              invoke: {
                id: "kid",
                src: "kid",
                input: {},
                onDone: {
                  target: "done",
                  actions: assign({ output: ({ event }) => event.output }),
                },
              },
            },
            done: { type: "final" },
          },
        },
        business: {
          initial: "working",
          states: {
            working: { invoke: { id: "work", src: "work", input: {}, onDone: "done" } },
            done: { type: "final" },
          },
        },
      },
    }),
  });

/** A parent with a child job and a task. Fails by the task, as often as wanted, and is driven again. */
export async function familyWorld(
  parentClose: ParentClose,
  clock = new FakeClock(),
  store = new MemoryStore({ clock, shared: true }),
  options: Partial<RuntimeOptions> = {},
) {
  const parent = parentWith(parentClose);
  const opened = await openWorld([parent, kid], { ...options, clock, store });
  const { jobs, quarantine } = opened.runtime;
  const worker = new ScriptedWorker(opened.runtime.workers, "w", ["work"]);
  await worker.connect();
  const kids = async () => (await jobs.list({ blueprint: "kid", limit: 10 })).jobs;
  const another = async (kidId: string) =>
    (await kids()).find(({ jobId }) => jobId !== kidId)!.jobId;
  const send = async (jobId: string, event: { readonly type: string; readonly n?: number }) => {
    await jobs.send(jobId, event);
    await clock.advance(0);
  };
  const begin = async () => {
    const { jobId } = await jobs.start({ blueprint: "parent", input: {} });
    await clock.advance(0);
    const [child] = await kids();
    return { jobId, kidId: child!.jobId };
  };
  const fail = async () => {
    await worker.fail(worker.accept(), "PERMANENT_ERROR");
    await clock.advance(0);
  };
  const redrive = async (jobId: string) => {
    const driven = await quarantine.redrive(jobId, {});
    await clock.advance(0);
    return driven;
  };
  /** What the parent has come to, once its task is done. */
  const end = async (jobId: string) => {
    await worker.succeed(worker.accept());
    await clock.advance(120_000);
    await expectReplayed(opened.store, parent, jobId);
    expect(await opened.store.due(100)).toMatchObject({ messages: [] });
    return jobs.get(jobId);
  };
  return { ...opened, jobs, worker, kids, another, send, begin, fail, redrive, end, parent };
}
