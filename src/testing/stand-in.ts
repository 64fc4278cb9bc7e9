// Stands in for a blueprint that a world does not have, so that a test can play the jobs that others start of it.
import { assign, setup } from "xstate";
import { z } from "zod";
import { blueprint, type Blueprint } from "../blueprint/blueprint.ts";
import { task } from "../blueprint/task.ts";

/** What the work of a job of the blueprint is called in scripts: a job that is stood in for is one task. */
export const standInType = (name: string): string => `job:${name}`;

/** As long as a test may let a job go on. */
const runTimeoutMs = 10 * 365 * 24 * 3_600_000;

/** A blueprint of that name whose jobs take any input, ignore all events, and end as one attempt of their task does. */
export function standIn(name: string, version: string): Blueprint {
  const work = task(standInType(name), {
    input: z.unknown(),
    output: z.unknown(),
    runTimeoutMs,
    // A job is not tried again: whoever started it hears how it ended.
    retry: { maxAttempts: 1 },
  });
  const machine = setup({
    types: { context: {} as { input: unknown; output?: unknown } },
    actors: { work },
  }).createMachine({
    id: "stand_in",
    context: ({ input }) => ({ input }),
    initial: "running",
    states: {
      running: {
        invoke: {
          id: "work",
          src: "work",
          input: ({ context }: { readonly context: { readonly input: unknown } }) => context.input,
          onDone: { target: "ended", actions: assign({ output: ({ event }) => event.output }) },
        },
      },
      ended: { type: "final" },
    },
    output: ({ context }) => context.output,
  });
  return blueprint(name, { version, machine });
}
