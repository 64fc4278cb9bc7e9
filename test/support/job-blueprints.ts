// Blueprints whose jobs start jobs, and what tests ask of them.
import { expect } from "vitest";
import { assign, sendParent, sendTo, setup } from "xstate";
import { z } from "zod";
import { decodeEnvelope } from "../../src/actor/codec.ts";
import { replay } from "../../src/actor/replay.ts";
import { blueprint, type Blueprint } from "../../src/blueprint/blueprint.ts";
import { job, type ParentClose } from "../../src/blueprint/job.ts";
import { task } from "../../src/blueprint/task.ts";
import type { MemoryStore } from "../../src/store/memory/memory-store.ts";
import type { World } from "./runtime-world.ts";

const work = task("work", { input: z.object({ n: z.number() }), output: z.number() });

type CountEvent = { type: "ADD"; n: number } | { type: "END" } | { type: "FAIL" };

/** Adds what it is sent, tells its parent each sum, and gives the sum when it is told to end. */
export const counter = blueprint("counter", {
  version: "1",
  input: z.object({ from: z.number().default(0) }),
  machine: setup({
    types: {
      context: {} as { sum: number; seen: number[] },
      input: {} as { from: number },
      events: {} as CountEvent,
      output: {} as { sum: number; seen: number[] },
    },
    actors: { work },
  }).createMachine({
    id: "counter",
    context: ({ input }) => ({ sum: input.from, seen: [] }),
    initial: "counting",
    states: {
      counting: {
        on: {
          ADD: {
            actions: [
              assign({
                sum: ({ context, event }) => context.sum + event.n,
                seen: ({ context, event }) => [...context.seen, event.n],
              }),
              sendParent(({ context }) => ({ type: "SUM", sum: context.sum })),
            ],
          },
          END: "ended",
          FAIL: "working",
        },
      },
      working: { invoke: { id: "work", src: "work", input: { n: 1 }, onDone: "ended" } },
      ended: { type: "final" },
    },
    output: ({ context: { sum, seen } }) => ({ sum, seen }),
  }),
});

type ParentEvent =
  | { type: "SUM"; sum: number }
  | { type: "TELL"; n: number }
  | { type: "FINISH" }
  | { type: "LEAVE" }
  | { type: "QUIT" };

interface ParentContext {
  readonly sums: readonly number[];
  readonly output?: unknown;
  readonly error?: unknown;
}

/** Runs a counter and passes on what it is told. */
export function parentOf(
  parentClose: ParentClose = "cancel",
  child = job(counter, { parentClose }),
) {
  return blueprint("parent", {
    version: parentClose,
    machine: setup({
      types: { context: {} as ParentContext, events: {} as ParentEvent },
      actors: { counter: child },
    }).createMachine({
      id: "parent",
      context: () => ({ sums: [] }),
      initial: "running",
      on: {
        SUM: { actions: assign({ sums: ({ context, event }) => [...context.sums, event.sum] }) },
      },
      states: {
        running: {
          entry: sendTo("counter", { type: "ADD", n: 1 }),
          exit: sendTo("counter", { type: "ADD", n: 99 }),
          invoke: {
            id: "counter",
            src: "counter",
            input: { from: 10 },
            onDone: { target: "done", actions: assign({ output: ({ event }) => event.output }) },
            onError: { target: "broken", actions: assign({ error: ({ event }) => event.error }) },
          },
          on: {
            TELL: { actions: sendTo("counter", ({ event }) => ({ type: "ADD", n: event.n })) },
            FINISH: { actions: sendTo("counter", { type: "END" }) },
            LEAVE: "resting",
            QUIT: "gone",
          },
        },
        resting: { on: { QUIT: "gone" } },
        done: { type: "final" },
        broken: { type: "final" },
        gone: { type: "final" },
      },
    }),
  });
}

export async function childOf({ runtime }: World, jobId: string) {
  const view = await runtime.jobs.get(jobId);
  const wait = view?.waits.find(({ kind }) => kind === "child");
  if (wait?.kind !== "child") throw new Error(`job ${jobId} waits for no child`);
  return wait.jobId;
}

/** The stored envelope, and the one that the job's recorded messages give. */
export async function expectReplayed(store: MemoryStore, { machine }: Blueprint, jobId: string) {
  const stored = decodeEnvelope((await store.loadJob(jobId))!.envelope);
  const { blueprint: name, version, shape, parent, depth } = stored;
  const origin = { jobId, blueprint: name, version, shape };
  const born = { ...origin, ...(parent && { parent }), ...(depth !== undefined && { depth }) };
  expect(replay(machine, born, await store.history(jobId, 0, 2000))).toEqual(stored);
}

/** Invokes `child` and keeps its output; a failure ends the job. */
export function invoking(actors: { child: unknown }, input: unknown = {}) {
  return setup({
    types: { context: {} as { output?: unknown } },
    actors: actors as { child: ReturnType<typeof job<z.ZodUnknown, z.ZodUnknown>> },
  }).createMachine({
    id: "invoking",
    context: () => ({}),
    initial: "running",
    states: {
      running: {
        invoke: {
          id: "child",
          src: "child",
          input,
          onDone: { target: "done", actions: assign({ output: ({ event }) => event.output }) },
        },
      },
      done: { type: "final" },
    },
  });
}
