// A runtime with blueprints of one task each, for tests of who gets what, and when.
import { z } from "zod";
import { setup } from "xstate";
import { blueprint } from "../../src/blueprint/blueprint.ts";
import { task, type TaskOptions } from "../../src/blueprint/task.ts";
import type { RuntimeLimits, WorkerIntroduction } from "../../src/runtime/runtime.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { FakeClock } from "./fake-clock.ts";
import { openWorld } from "./runtime-world.ts";
import { ScriptedWorker } from "./scripted-worker.ts";

/** A blueprint of one task, named after it. */
export function work(name: string, options: TaskOptions = {}) {
  const anything = { input: z.unknown(), output: z.unknown() };
  const machine = setup({
    types: { context: {} as { input: unknown }, input: {} as unknown },
    actors: { work: task("work", { ...anything, ...options }) },
  }).createMachine({
    context: ({ input }) => ({ input }),
    initial: "working",
    states: {
      working: {
        invoke: {
          id: "work",
          src: "work",
          input: ({ context }: { context: { input: unknown } }) => context.input,
          onDone: "done",
        },
      },
      done: { type: "final" },
    },
  });
  return blueprint(name, { version: "1", machine });
}

/** Blueprints by their names, each of one task with these options, on one node or more. */
export async function workWorld(
  options: Readonly<Record<string, TaskOptions>>,
  limits: Partial<RuntimeLimits> = {},
) {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, shared: true, nodeId: "n1" });
  const blueprints = Object.entries(options).map(([name, one]) => work(name, one));
  const { runtime } = await openWorld(blueprints, { clock, store, limits });
  const another = (nodeId: string) => openWorld(blueprints, { clock, store, limits, nodeId });
  const connect = async (
    id: string,
    credits = 1,
    says: Partial<WorkerIntroduction> = {},
    workers = runtime.workers,
  ) => {
    const worker = new ScriptedWorker(workers, id, ["work"], says);
    await worker.connect(credits);
    await clock.advance(0);
    return worker;
  };
  const start = async (name: string, input: unknown = name) => {
    const { jobId } = await runtime.jobs.start({ blueprint: name, input });
    await clock.advance(0);
    return jobId;
  };
  return { clock, store, runtime, another, connect, start };
}

/** What its tasks were given, in order. */
export const given = (worker: ScriptedWorker) => worker.tasks.map(({ params }) => params);
