// What a queue and its job tell of why a task waits, at the node of its workers and at another one.
import { expect, test } from "vitest";
import type { TaskOptions } from "../../../../src/blueprint/task.ts";
import type { TypePool } from "../../../../src/runtime/worker-pool.ts";
import { ScriptedWorker } from "../../../support/scripted-worker.ts";
import { workWorld } from "../../../support/work-world.ts";

/** Takes so many tasks of its types, by themselves or as a pool. */
class LimitedWorker extends ScriptedWorker {
  override readonly types = new Map<string, number | undefined>([["work", 1]]);
  readonly pools: TypePool[] = [];
}
/** Is given tasks only when it asks for some. */
class AskingWorker extends ScriptedWorker {
  asking = 0;
}

/** A job at a node without workers, all of which are at another one. */
async function twoNodes(options: Readonly<Record<string, TaskOptions>>) {
  const world = await workWorld(options);
  const { clock, runtime, another } = world;
  const { runtime: other } = await another("n2");
  const join = async (Kind: typeof ScriptedWorker, credits = 9) => {
    const worker = new Kind(other.workers, "w", ["work"]);
    await worker.connect(credits);
    await clock.advance(0);
    return worker;
  };
  /** What is told of a job that waits, everywhere and by everybody the same. */
  const why = async (jobId: string) => {
    // One has said it, and the other has heard it.
    await clock.advance(4_000);
    const told = await Promise.all(
      [runtime, other].map(async ({ jobs, queues }) => {
        const [wait] = (await jobs.get(jobId))!.waits;
        const [queue] = await queues.list();
        return [queue?.why, wait?.kind === "task" ? wait.why : undefined];
      }),
    );
    const [first, ...others] = told.flat();
    for (const one of others) expect(one).toEqual(first);
    return first;
  };
  return { ...world, other, join, why };
}

test("a worker that runs as many tasks of the type as it takes", async () => {
  const { join, start, why, clock } = await twoNodes({ it: {} });
  const worker = await join(LimitedWorker);
  await start("it", 1);
  const jobId = await start("it", 2);
  expect(await why(jobId)).toEqual({
    code: "type_limit",
    reason: "The one worker that may do it takes no more tasks of its type now.",
  });
  await worker.succeed(worker.accept());
  await clock.advance(0);
  expect(await why(jobId)).toBeUndefined();
});

test("a worker whose types share an allowance", async () => {
  const { join, start, why } = await twoNodes({ it: {} });
  const worker = (await join(LimitedWorker)) as LimitedWorker;
  worker.types.set("work", undefined);
  worker.pools.push({ types: new Set(["work", "other"]), limit: 1 });
  await start("it", 1);
  expect(await why(await start("it", 2))).toMatchObject({ code: "type_limit" });
});

test("a worker that does not ask for a task", async () => {
  const { join, start, why } = await twoNodes({ it: {} });
  await join(AskingWorker);
  expect(await why(await start("it"))).toEqual({
    code: "not_asking",
    reason: "The one worker that may do it does not ask for a task now.",
  });
});

test("a worker that has ignored what it was given", async () => {
  const { join, start, why, clock } = await twoNodes({ it: {} });
  await join(ScriptedWorker);
  const jobId = await start("it");
  await clock.advance(40_000);
  expect(await why(jobId)).toEqual({
    code: "unavailable",
    reason: "The one worker that may do it does not answer.",
  });
});

test("a worker that leaves, and one that pauses", async () => {
  const { join, start, why, other } = await twoNodes({ it: { slots: 2 } });
  const worker = await join(ScriptedWorker);
  other.workers.setCredits(worker, 0);
  const jobId = await start("it");
  expect(await why(jobId)).toMatchObject({ reason: "The one worker that may do it pauses." });
  other.workers.drain(worker);
  expect(await why(jobId)).toMatchObject({ reason: "The one worker that may do it is leaving." });
});

test("a key of which as many tasks run as may", async () => {
  const { join, start, why } = await twoNodes({ it: { limit: { key: "k", concurrency: 1 } } });
  await join(ScriptedWorker);
  await start("it", 1);
  expect(await why(await start("it", 2))).toMatchObject({ code: "limit" });
});

test("a key of which as many have begun as may is told at the other node, too", async () => {
  const rate = { count: 2, perMs: 60_000 };
  const { join, start, why, clock } = await twoNodes({
    it: { limit: { key: "k", concurrency: 5, rate } },
  });
  await clock.advance(4_000);
  await join(ScriptedWorker);
  await start("it", 1);
  expect(await why(await start("it", 2))).toEqual({
    code: "rate",
    reason: 'As many tasks of the key "k" have begun as may: 2 within 60000 ms, shared by 2 nodes.',
  });
});

test("a key that may run more is not what a task waits for that is about to be given", async () => {
  const { connect, start, store, runtime } = await workWorld({
    it: { limit: { key: "k", concurrency: 2 } },
  });
  const jobId = await start("it");
  const claim = store.claimTasks.bind(store);
  let letGo = () => {};
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  store.claimTasks = async (asked) => {
    await gate;
    return claim(asked);
  };
  await connect("w", 9);
  const [wait] = (await runtime.jobs.get(jobId))!.waits;
  expect(wait).toMatchObject({ why: { code: "soon" } });
  letGo();
  await expect
    .poll(async () => (await runtime.jobs.get(jobId))!.waits)
    .toMatchObject([{ state: "leased" }]);
});
