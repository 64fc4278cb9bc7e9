// What progress costs the store: a thousand tasks that report ten times a second.
import { assign, setup } from "xstate";
import { expect, test } from "vitest";
import { z } from "zod";
import { blueprint } from "../../src/blueprint/blueprint.ts";
import { task } from "../../src/blueprint/task.ts";
import type { Store } from "../../src/store/store.ts";
import { eventually } from "../support/eventually.ts";
import { openWorld } from "../support/runtime-world.ts";
import { echoFlow } from "../support/sample-blueprints.ts";
import { ScriptedWorker } from "../support/scripted-worker.ts";

const tasks = 1_000;
const seconds = 3;

/** Count the writes of a store from now on. */
function countWrites(store: Store) {
  const counts = { commits: 0, extensions: 0 };
  const commit = store.commit.bind(store);
  const extendLeases = store.extendLeases.bind(store);
  store.commit = (one) => {
    counts.commits++;
    return commit(one);
  };
  store.extendLeases = (all) => {
    counts.extensions += all.length;
    return extendLeases(all);
  };
  return counts;
}

const listened = task("echo", {
  input: z.object({}),
  output: z.object({}),
  progress: z.object({ tenth: z.int() }),
});

/** A machine that hears of its task's progress. */
const listening = blueprint("listening", {
  version: "1",
  machine: setup({
    types: { context: {} as { seen: number }, events: {} as { type: "never" } },
    actors: { echo: listened },
    actions: { see: assign({ seen: ({ context }) => context.seen + 1 }) },
  }).createMachine({
    context: { seen: 0 },
    initial: "working",
    states: {
      working: {
        invoke: { src: "echo", input: {}, onSnapshot: { actions: "see" }, onDone: "done" },
      },
      done: { type: "final" },
    },
  }),
});

test.each([
  ["that nobody listens to costs no write at all", "echo_flow", 0],
  ["that machines listen to costs a write per task and second at most", "listening", 1],
])("progress of a thousand tasks, ten times a second, %s", async (_title, name, perSecond) => {
  const { runtime, clock, store } = await openWorld([echoFlow, listening]);
  const worker = new ScriptedWorker(runtime.workers, "w", ["echo"]);
  await worker.connect(tasks);
  await Promise.all(
    Array.from({ length: tasks }, () =>
      runtime.jobs.start({ blueprint: name, input: { text: "" } }),
    ),
  );
  await eventually(() => worker.tasks.length === tasks);
  for (const one of worker.tasks) runtime.workers.accept(worker, one);
  const counts = countWrites(store);
  for (let tenth = 0; tenth < 10 * seconds; tenth++) {
    for (const one of worker.tasks)
      runtime.workers.progress(worker, one, { ratio: tenth / 30, data: { tenth } });
    await clock.advance(100);
  }
  await eventually(() => counts.commits >= perSecond * seconds * tasks);
  expect(counts.commits).toBeLessThanOrEqual(perSecond * (seconds + 1) * tasks);
  expect(counts.extensions).toBe(0);
  await runtime.stop();
});
