// Small blueprints that tests of the runtime share.
import { assign, fromPromise, raise, setup } from "xstate";
import { z } from "zod";
import { blueprint } from "../../src/blueprint/blueprint.ts";
import { flow } from "../../src/blueprint/flow.ts";
import { inTurn } from "../../src/blueprint/in-turn.ts";
import { task } from "../../src/blueprint/task.ts";

const text = z.object({ text: z.string() });

/** Handler style: one task `echo`, then `completed` or `failed`. */
export const echoFlow = flow("echo_flow", { version: "1" })
  .state("start", { isStart: true, to: ["completed", "failed"] }, (ctx) => {
    ctx.actions.dispatchTask({
      type: "echo",
      params: ctx.initialData,
      transitions: { success: "completed", failure: "failed" },
    });
  })
  .build();

/** Handler style without a `failure` transition. */
export const strictFlow = flow("strict_flow", { version: "1" })
  .state("start", { isStart: true, to: ["completed"] }, (ctx) => {
    ctx.actions.dispatchTask({
      type: "echo",
      params: ctx.initialData,
      transitions: { success: "completed" },
    });
  })
  .build();

const echo = task("echo", {
  input: text,
  output: text,
  retry: { maxAttempts: 3, initialMs: 1000, factor: 2, maxMs: 60_000 },
});

/** Handler style, with what its task takes and gives declared. */
export const declaredFlow = flow("declared_flow", { version: "1", tasks: [echo] })
  .state("start", { isStart: true, to: ["completed", "failed", "odd"] }, (ctx) => {
    ctx.actions.dispatchTask({
      type: "echo",
      params: ctx.initialData,
      transitions: { success: "completed", failure: "failed", odd: "odd" },
    });
  })
  .state("odd", { isEnd: true })
  .build();

/** Native: one task, its output kept; `STOP` leaves it. */
export const echoJob = blueprint("echo_job", {
  version: "1",
  input: text,
  machine: setup({
    types: {
      context: {} as { text: string; error?: unknown },
      input: {} as { text: string },
      events: {} as { type: "STOP" },
    },
    actors: { echo },
    actions: {
      keep: assign({ text: (_, params: { text: string }) => params.text }),
    },
  }).createMachine({
    id: "echo_job",
    context: ({ input }) => ({ text: input.text }),
    initial: "echoing",
    states: {
      echoing: {
        invoke: {
          id: "echo",
          src: "echo",
          input: ({ context }) => ({ text: context.text }),
          onDone: {
            target: "echoed",
            actions: { type: "keep", params: ({ event }) => ({ text: event.output.text }) },
          },
          onError: {
            target: "broken",
            actions: assign({ error: ({ event }) => event.error }),
          },
        },
        on: { STOP: "stopped" },
      },
      echoed: { type: "final" },
      broken: { type: "final" },
      stopped: { type: "final" },
    },
  }),
});

const days = 24 * 3600 * 1000;

/** Native: waits 40 days, or for `HURRY`. */
export const patientJob = blueprint("patient_job", {
  version: "1",
  machine: setup({
    types: { events: {} as { type: "HURRY" } },
    delays: { patience: 40 * days },
  }).createMachine({
    id: "patient_job",
    initial: "waiting",
    states: {
      waiting: { after: { patience: "late" }, on: { HURRY: "early" } },
      late: { type: "final" },
      early: { type: "final" },
    },
  }),
});

export interface PromiseProbe {
  calls: number;
  result: () => Promise<unknown>;
}

/** Native: a promise that this node runs, after its commit or inside the turn. */
export function promiseJob(probe: PromiseProbe, where: "after commit" | "in turn") {
  const logic = fromPromise(async () => {
    probe.calls++;
    return probe.result();
  });
  return blueprint("promise_job", {
    version: where.replace(" ", "-"),
    machine: setup({
      types: { context: {} as { got?: unknown } },
      actors: { work: where === "in turn" ? inTurn(logic) : logic },
    }).createMachine({
      id: "promise_job",
      context: () => ({}),
      initial: "working",
      states: {
        working: {
          invoke: {
            id: "work",
            src: "work",
            onDone: { target: "done", actions: assign({ got: ({ event }) => event.output }) },
            onError: { target: "broken", actions: assign({ got: ({ event }) => event.error }) },
          },
        },
        done: { type: "final" },
        broken: { type: "final" },
      },
    }),
  });
}

/** Native: sends itself a delayed event, then rings through a named action, which may fail at first. */
export function ringJob(rings: unknown[], ring: () => void) {
  return blueprint("ring_job", {
    version: "1",
    machine: setup({
      types: { context: {} as { name: string }, events: {} as { type: "RING" } },
      actions: {
        ring: (_, params: { bell: string }) => {
          ring();
          rings.push(params.bell);
        },
      },
      delays: { snooze: 5000 },
    }).createMachine({
      id: "ring_job",
      context: () => ({ name: "front door" }),
      initial: "quiet",
      states: {
        quiet: {
          entry: raise({ type: "RING" }, { delay: "snooze", id: "snooze" }),
          on: {
            RING: {
              target: "rung",
              actions: { type: "ring", params: ({ context }) => ({ bell: context.name }) },
            },
          },
        },
        rung: { type: "final" },
      },
    }),
  });
}
