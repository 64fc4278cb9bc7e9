// Several nodes over one memory: any node takes any request and serves any worker, and none is needed by another.
import { describe, expect, test } from "vitest";
import { setup } from "xstate";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import type { JobEvent } from "../../../src/runtime/runtime.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { shardOf } from "../../../src/store/shard.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { openWorld, type World } from "../../support/runtime-world.ts";
import { echoFlow } from "../../support/sample-blueprints.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

const sleeper = blueprint("sleeper", {
  version: "1",
  machine: setup({ delays: { nap: 30_000 } }).createMachine({
    id: "sleeper",
    initial: "asleep",
    states: { asleep: { after: { nap: "awake" } }, awake: { type: "final" } },
  }),
});
const blueprints = [echoFlow, sleeper];

async function openNodes<const Names extends readonly string[]>(
  names: Names,
  { shards = 4 } = {},
): Promise<
  { readonly clock: FakeClock; readonly store: MemoryStore } & Record<Names[number], World>
> {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, shards, shared: true });
  const worlds: Record<string, World> = {};
  for (const nodeId of names)
    worlds[nodeId] = await openWorld(blueprints, { clock, store, nodeId });
  // All have heard of all.
  await clock.advance(2_000);
  return { ...(worlds as Record<Names[number], World>), clock, store };
}

async function connected({ runtime }: World, name = "w1"): Promise<ScriptedWorker> {
  const worker = new ScriptedWorker(runtime.workers, name, ["echo"]);
  await worker.connect();
  return worker;
}

/** Everything that a stream tells, as it is told. */
function told({ runtime }: World, jobId: string): JobEvent[] {
  const events: JobEvent[] = [];
  const stream = runtime.jobs.watch(jobId, 0, new AbortController().signal);
  void (async () => {
    for await (const event of stream) events.push(event);
  })();
  return events;
}

describe("a job that is started at one node", () => {
  test("runs on a worker of another at once, and its end is told where it is waited for", async () => {
    const { a, b, clock } = await openNodes(["a", "b"]);
    const worker = await connected(b);
    const { jobId } = await a.runtime.jobs.start({
      blueprint: "echo_flow",
      input: { n: 1 },
      follow: true,
    });
    const end = a.runtime.jobs.wait(jobId, 60_000);
    await clock.advance(0);
    expect(worker.tasks).toMatchObject([{ jobId }]);
    await worker.succeed(worker.accept(), { answer: 42 });
    await clock.advance(0);
    expect(await end).toMatchObject({ status: "finished", data: { answer: 42 } });
  });

  test("is found by looking where no hint arrives at all", async () => {
    const { a, b, clock } = await openNodes(["a", "b"]);
    const worker = await connected(b);
    const ids: string[] = [];
    await b.store.nodes.listen(() => {});
    for (let n = 0; n < 8; n++)
      ids.push((await a.runtime.jobs.start({ blueprint: "echo_flow", input: { n } })).jobId);
    await clock.advance(0);
    expect(worker.tasks).toEqual([]);
    await clock.advance(5_000);
    expect(worker.tasks.map(({ jobId }) => jobId).toSorted()).toEqual(ids.toSorted());
  });

  test("is found within a second where its hint was lost", async () => {
    const { a, clock, store } = await openNodes(["a"], { shards: 1 });
    const memory = store.as("b");
    const listen = memory.nodes.listen.bind(memory.nodes);
    let deaf = true;
    memory.nodes.listen = (hear) => listen((hint) => !deaf && hear(hint));
    const worker = await connected(await openWorld(blueprints, { clock, store: memory }));
    await clock.advance(2_000);
    const { jobId } = await a.runtime.jobs.start({ blueprint: "echo_flow", input: {} });
    await clock.advance(0);
    expect(worker.tasks).toEqual([]);
    deaf = false;
    await clock.advance(1_000);
    expect(worker.tasks).toMatchObject([{ jobId }]);
  });

  test("is seen by a stream of a third, with its progress", async () => {
    const { a, b, c, clock } = await openNodes(["a", "b", "c"]);
    const worker = await connected(b);
    const { jobId } = await a.runtime.jobs.start({ blueprint: "echo_flow", input: {} });
    await clock.advance(0);
    const events = told(c, jobId);
    await clock.advance(0);
    const task = worker.accept();
    b.runtime.workers.progress(worker, task, { ratio: 0.5 });
    await clock.advance(0);
    await worker.succeed(task);
    await clock.advance(0);
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(["state", "progress"]));
    expect(events.at(-1)).toMatchObject({ type: "finished", job: { status: "finished" } });
    const revisions = events.flatMap((event) => (event.type === "state" ? [event.id] : []));
    expect(revisions).toEqual([1, 2, 3, 4].slice(0, revisions.length));
  });

  test("is cancelled at a third, and the worker is told at once", async () => {
    const { a, b, c, clock } = await openNodes(["a", "b", "c"]);
    const worker = await connected(b);
    const { jobId } = await a.runtime.jobs.start({ blueprint: "echo_flow", input: {} });
    await clock.advance(0);
    const { taskId } = worker.accept();
    await c.runtime.jobs.cancel(jobId, "changed my mind");
    await clock.advance(0);
    expect(worker.cancelled).toMatchObject([{ attempt: { taskId }, reason: "changed my mind" }]);
  });

  test("fires its timers though its node has died without a word", async () => {
    const { a, clock, store } = await openNodes(["a"]);
    const ids: string[] = [];
    for (let n = 0; n < 8; n++)
      ids.push((await a.runtime.jobs.start({ blueprint: "sleeper", input: {} })).jobId);
    expect(new Set(ids.map(shardOf)).size).toBe(4);
    // What the dead node left, at the moment of its death.
    const left = new MemoryStore({ clock, image: store.snapshot(), shared: true, shards: 4 });
    const b = await openWorld(blueprints, { clock, store: left, nodeId: "b" });
    await clock.advance(31_000);
    for (const jobId of ids)
      expect(await b.runtime.jobs.get(jobId)).toMatchObject({ currentState: "awake" });
  });
});

test("nodes list the workers of all, until a node is gone", async () => {
  const { a, b, clock } = await openNodes(["a", "b"]);
  await connected(a, "w1");
  await connected(b, "w2");
  await clock.advance(4_000);
  const listed = () => a.runtime.workers.list().map(({ workerId }) => workerId);
  expect(listed()).toEqual(["w1", "w2"]);
  await b.runtime.stop();
  await clock.advance(4_000);
  expect(listed()).toEqual(["w1"]);
});

test("a worker goes on with its task over another node", async () => {
  const { a, b, clock } = await openNodes(["a", "b"]);
  const worker = await connected(a);
  const { jobId } = await a.runtime.jobs.start({ blueprint: "echo_flow", input: {} });
  const task = worker.accept();
  a.runtime.workers.disconnect(worker);
  const again = new ScriptedWorker(b.runtime.workers, "w1", ["echo"]);
  expect(await again.connect(10, [task])).toMatchObject({ keep: [{ taskId: task.taskId }] });
  expect(await again.succeed(task)).toMatchObject({ status: "applied" });
  await clock.advance(0);
  expect(await a.runtime.jobs.get(jobId)).toMatchObject({ status: "finished" });
});

test("one node at a time looks after a shard, and each shard has one", async () => {
  const { a, b, clock } = await openNodes(["a", "b"], { shards: 8 });
  const looks = { a: 0, b: 0 };
  for (const [name, { store }] of [
    ["a", a],
    ["b", b],
  ] as const) {
    const due = store.due.bind(store);
    store.due = (limit, shard) => {
      looks[name]++;
      return due(limit, shard);
    };
  }
  await clock.advance(60_000);
  const seconds = 60;
  for (const count of Object.values(looks)) expect(count).toBeGreaterThan(4 * seconds * 0.9);
  expect(looks.a + looks.b).toBeLessThan(8 * seconds * 1.4);
});

test("jobs with one partition key share a shard, and others are spread evenly", async () => {
  const { a } = await openNodes(["a"]);
  const start = (partitionKey?: string) =>
    a.runtime.jobs.start({
      blueprint: "echo_flow",
      input: {},
      ...(partitionKey !== undefined && { partitionKey }),
    });
  const shards = async (key?: string) =>
    (await Promise.all(Array.from({ length: 8 }, () => start(key)))).map(({ jobId }) =>
      shardOf(jobId),
    );
  expect(new Set(await shards("customer 7")).size).toBe(1);
  expect((await shards()).toSorted((a, b) => a - b)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
});
