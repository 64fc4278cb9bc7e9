// What becomes of jobs that have ended: kept as long as they are to be, archived before they go, and answered from there.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { setup } from "xstate";
import { openArchive } from "../../../src/archive/open-archive.ts";
import type { Archive } from "../../../src/archive/archive.ts";
import { blueprint, type Blueprint } from "../../../src/blueprint/blueprint.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { RuntimeError } from "../../../src/errors.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { openWorld, type World } from "../../support/runtime-world.ts";
import { strictFlow, patientJob } from "../../support/sample-blueprints.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

const day = 24 * 3600 * 1000;
const retentionMs = 7 * day;

const gate = (name: string, retention?: number | "forever") =>
  blueprint(name, {
    version: "1",
    ...(retention !== undefined && { retentionMs: retention }),
    machine: setup({ types: { events: {} as { type: "GO" } } }).createMachine({
      id: name,
      context: () => ({ name }),
      initial: "shut",
      states: { shut: { on: { GO: "open" } }, open: { type: "final" } },
    }),
  });
const plainGate = gate("plain_gate");
const briefGate = gate("brief_gate", 60_000);
const lastingGate = gate("lasting_gate", "forever");
const handled = flow("handled", { version: "1", retentionMs: 60_000 })
  .state("start", { isStart: true, to: ["completed"] }, (ctx) => {
    ctx.actions.transitionTo("completed");
  })
  .build();
const blueprints: readonly Blueprint[] = [
  plainGate,
  briefGate,
  lastingGate,
  handled,
  strictFlow,
  patientJob,
];

let directory: string;
let archive: Archive;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "avtomatika-archivist-"));
  archive = await openArchive(`sqlite:${join(directory, "history.db")}`);
});
afterEach(async () => {
  await archive.close();
  await rm(directory, { recursive: true });
});

async function run({ runtime }: World, name: string, events = ["GO"]): Promise<string> {
  const { jobId } = await runtime.jobs.start({ blueprint: name, input: {} });
  for (const type of events) await runtime.jobs.send(jobId, { type });
  return jobId;
}

describe("an ended job is kept", () => {
  test("as long as its blueprint says, else as long as the server says", async () => {
    const world = await openWorld(blueprints, { retentionMs });
    const brief = await run(world, "brief_gate");
    const plain = await run(world, "plain_gate");
    const lasting = await run(world, "lasting_gate");
    await world.clock.advance(59_999);
    expect(await world.store.loadJob(brief)).toBeDefined();
    await world.clock.advance(1);
    expect(await world.store.loadJob(brief)).toBeUndefined();
    await world.clock.advance(retentionMs - 60_001);
    expect(await world.store.loadJob(plain)).toBeDefined();
    await world.clock.advance(1);
    expect(await world.store.loadJob(plain)).toBeUndefined();
    await world.clock.advance(365 * day);
    expect(await world.store.loadJob(lasting)).toBeDefined();
    expect(await world.runtime.jobs.get(plain)).toBeUndefined();
    await expect(world.runtime.jobs.history(plain, 0, 9)).rejects.toMatchObject({
      code: "job.not_found",
    });
    expect((await world.store.due(9)).next).toBeUndefined();
    await world.runtime.stop();
  });

  test("for ever where nobody says anything", async () => {
    const world = await openWorld(blueprints, { archive });
    const jobId = await run(world, "plain_gate");
    await world.clock.advance(1000 * day);
    expect(await world.store.loadJob(jobId)).toBeDefined();
    await world.runtime.stop();
  });

  test("for ever in quarantine, and not at all while it has not ended", async () => {
    const world = await openWorld(blueprints, { retentionMs, archive });
    const worker = new ScriptedWorker(world.runtime.workers, "w1", ["echo"]);
    await worker.connect();
    const { jobId: sick } = await world.runtime.jobs.start({ blueprint: "strict_flow", input: {} });
    await worker.fail(worker.accept(), "PERMANENT_ERROR");
    const open = await run(world, "plain_gate", []);
    await world.clock.advance(30 * day);
    expect(await world.store.loadJob(sick)).toMatchObject({ summary: { status: "quarantined" } });
    expect(await world.store.loadJob(open)).toBeDefined();
    await world.runtime.stop();
  });
});

describe("a failed job that is driven again", () => {
  const failed = async (world: World) => {
    const worker = new ScriptedWorker(world.runtime.workers, "w1", ["echo"]);
    await worker.connect();
    const { jobId } = await world.runtime.jobs.start({ blueprint: "strict_flow", input: {} });
    await worker.fail(worker.accept(), "INVALID_INPUT_ERROR");
    expect(await world.runtime.jobs.get(jobId)).toMatchObject({ status: "failed" });
    return { jobId, worker };
  };

  test.each([["with an archive", true] as const, ["without one", false] as const])(
    "is kept for no time any more, %s",
    async (_, isArchived) => {
      const world = await openWorld(blueprints, { retentionMs, ...(isArchived && { archive }) });
      const { jobId, worker } = await failed(world);
      await world.clock.advance(retentionMs - 1);
      await world.runtime.quarantine.redrive(jobId, {});
      worker.accept();
      expect(await world.store.exportJob(jobId)).not.toHaveProperty("keptUntil");
      await world.clock.advance(1);
      expect((await world.store.due(9)).outlived).toEqual([]);
      expect(await world.store.loadJob(jobId)).toBeDefined();
      expect(await archive.load(jobId)).toBeUndefined();
      await world.runtime.stop();
    },
  );

  test("and ends in quarantine is kept for ever", async () => {
    const world = await openWorld(blueprints, { retentionMs, archive });
    const { jobId, worker } = await failed(world);
    await world.runtime.quarantine.redrive(jobId, {});
    await worker.fail(worker.accept(), "PERMANENT_ERROR");
    await world.clock.advance(2 * retentionMs);
    expect(await world.store.loadJob(jobId)).toMatchObject({ summary: { status: "quarantined" } });
    await world.runtime.stop();
  });

  test("at the very moment when it is to be archived stays, and goes on", async () => {
    const world = await openWorld(blueprints, { retentionMs, archive });
    const { store, runtime, clock } = world;
    const { jobId, worker } = await failed(world);
    const claim = store.claimOutlived.bind(store);
    store.claimOutlived = async (jobIds, forMs) => {
      const claimed = await claim(jobIds, forMs);
      if (claimed.includes(jobId)) await runtime.quarantine.redrive(jobId, {});
      return claimed;
    };
    await clock.advance(retentionMs);
    expect(await store.loadJob(jobId)).toMatchObject({ summary: { status: "waiting_for_worker" } });
    expect(await archive.load(jobId)).toBeUndefined();
    await worker.succeed(worker.accept(), { ok: true });
    expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "finished" });
    await world.runtime.stop();
  });
});

describe("an archived job", () => {
  test("answers as it did, and says that it is archived", async () => {
    const world = await openWorld(blueprints, { archive });
    const ids = [await run(world, "brief_gate"), await run(world, "handled", [])];
    const { jobs } = world.runtime;
    const before = await Promise.all(ids.map((id) => jobs.get(id)));
    const histories = await Promise.all(ids.map((id) => jobs.history(id, 0, 99)));
    await world.clock.advance(60_000);
    for (const [index, id] of ids.entries()) {
      expect(await world.store.loadJob(id)).toBeUndefined();
      expect(await jobs.get(id)).toEqual({
        ...before[index],
        archivedAt: expect.any(Number) as number,
      });
      expect(await jobs.history(id, 0, 99)).toEqual(histories[index]);
      expect(await jobs.history(id, 99, 99)).toEqual([]);
      expect(await jobs.wait(id, 1000)).toMatchObject({ status: "finished" });
      const events = [];
      for await (const event of jobs.watch(id, 0, new AbortController().signal)) events.push(event);
      expect(events.map(({ type }) => type)).toEqual([
        ...histories[index]!.map(() => "state"),
        "finished",
      ]);
    }
    expect((await jobs.list({ limit: 9 })).jobs).toEqual([]);
    const listed = await jobs.listArchived({ limit: 9, blueprint: "brief_gate" });
    expect(listed.jobs.map(({ jobId }) => jobId)).toEqual([ids[0]]);
    await world.runtime.stop();
  });

  test("refuses events and cancelling by a code of its own", async () => {
    const world = await openWorld(blueprints, { archive });
    const jobId = await run(world, "brief_gate");
    const { jobs } = world.runtime;
    await expect(jobs.send(jobId, { type: "GO" })).rejects.toMatchObject({ code: "job.finished" });
    await world.clock.advance(60_000);
    const refusal = { code: "job.archived", details: { jobId, status: "finished" } };
    await expect(jobs.send(jobId, { type: "GO" })).rejects.toMatchObject(refusal);
    await expect(jobs.cancel(jobId, "no")).rejects.toMatchObject(refusal);
    for (const call of [jobs.send("0_nobody", { type: "GO" }), jobs.cancel("0_nobody", "no")])
      await expect(call).rejects.toMatchObject({ code: "job.not_found" });
    await world.runtime.stop();
  });

  test("is given again for its Idempotency-Key, and not started anew, until the key's time is over", async () => {
    const world = await openWorld(blueprints, { archive, keyMs: 90_000 });
    const request = { blueprint: "handled", input: {}, idempotencyKey: "k" };
    const first = await world.runtime.jobs.start(request);
    await world.clock.advance(60_000);
    expect(await world.store.loadJob(first.jobId)).toBeUndefined();
    expect(await world.runtime.jobs.start(request)).toMatchObject({ jobId: first.jobId });
    expect(await world.store.loadJob(first.jobId)).toBeUndefined();
    await world.clock.advance(30_000);
    const second = await world.runtime.jobs.start(request);
    expect(second.jobId).not.toBe(first.jobId);
    // One that is in the live store is given for its key, however long ago it was started.
    const gated = { blueprint: "brief_gate", input: {}, idempotencyKey: "k" };
    const running = await world.runtime.jobs.start(gated);
    await world.clock.advance(10 * day);
    expect(await world.runtime.jobs.start(gated)).toMatchObject({ jobId: running.jobId });
    await world.runtime.stop();
  });

  test("is shown without its blueprint, too, and then without what only that knows", async () => {
    const world = await openWorld(blueprints, { archive });
    const jobId = await run(world, "brief_gate");
    await world.clock.advance(60_000);
    await world.runtime.stop();
    const changed = blueprint("brief_gate", {
      version: "1",
      machine: setup({}).createMachine({ id: "g", initial: "a", states: { a: {} } }),
    });
    for (const served of [[], [changed]]) {
      const later = await openWorld(served, { archive });
      expect(await later.runtime.jobs.get(jobId)).toMatchObject({
        currentState: "open",
        style: "native",
        data: { name: "brief_gate" },
        activeStates: [],
        archivedAt: expect.any(Number) as number,
      });
      await later.runtime.stop();
    }
  });
});

describe("archiving", () => {
  test("that is cut off before the job leaves the store loses nothing and doubles nothing", async () => {
    let image: ReturnType<MemoryStore["snapshot"]> | undefined;
    const cutOff: Archive = {
      ...bound(archive),
      async put(jobs, at) {
        await archive.put(jobs, at);
        image = world.store.snapshot();
        throw new RuntimeError("archive.unavailable", "The process ends here.");
      },
    };
    const world = await openWorld(blueprints, { archive: cutOff });
    const jobId = await run(world, "brief_gate");
    await world.clock.advance(60_000);
    await world.runtime.stop();
    const { clock } = world;
    const next = await openWorld(blueprints, {
      archive,
      clock,
      store: new MemoryStore({ clock, image: image! }),
    });
    expect(await next.store.loadJob(jobId)).toBeDefined();
    expect(await archive.load(jobId)).toBeDefined();
    expect(await next.runtime.jobs.get(jobId)).not.toHaveProperty("archivedAt");
    await clock.advance(60_000);
    expect(await next.store.loadJob(jobId)).toBeUndefined();
    expect((await archive.list({ limit: 9 })).jobs).toHaveLength(1);
    expect(await archive.history(jobId, 0, 9)).toHaveLength(2);
    await next.runtime.stop();
  });

  test("that fails keeps jobs where they are, holds up nothing, and is made up for later", async () => {
    const inTheWay = join(directory, "in-the-way");
    await writeFile(inTheWay, "");
    const down = await openArchive(`sqlite:${join(inTheWay, "history.db")}`);
    const world = await openWorld(blueprints, { archive: down });
    const { jobs } = world.runtime;
    const ids: string[] = [];
    for (let n = 0; n < 300; n++) ids.push(await run(world, "brief_gate"));
    const { jobId: patient } = await jobs.start({ blueprint: "patient_job", input: {} });
    await world.clock.advance(3600_000);
    expect(await world.store.countJobs()).toMatchObject({ finished: 300 });
    // They are out of the way of what else comes due.
    expect((await world.store.due(9)).outlived).toEqual([]);
    expect(await jobs.get(ids[0]!)).not.toHaveProperty("archivedAt");
    await expect(jobs.get("0_unknown")).rejects.toMatchObject({ code: "archive.unavailable" });
    await rm(inTheWay);
    await world.clock.advance(3600_000);
    expect((await world.store.countJobs()).finished).toBeUndefined();
    const archived = await down.list({ limit: 2000 });
    expect(archived.jobs.map(({ jobId }) => jobId).toSorted()).toEqual(ids.toSorted());
    await world.clock.advance(40 * day);
    expect(await jobs.get(patient)).toMatchObject({ currentState: "late" });
    await world.runtime.stop();
    await down.close();
  });

  test("puts a job that the archive refuses aside, and goes on with the others", async () => {
    const tried: number[] = [];
    let sick: string | undefined;
    const picky: Archive = {
      ...bound(archive),
      async put(jobs, at) {
        tried.push(jobs.length);
        if (jobs.some(({ job }) => job.summary.jobId === sick))
          throw new RuntimeError("archive.refused", "not this one");
        await archive.put(jobs, at);
      },
    };
    const world = await openWorld(blueprints, { archive: picky });
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push(await run(world, "brief_gate"));
    sick = ids[1];
    await world.clock.advance(600_000);
    expect(tried).toEqual([3, 1, 1, 1]);
    expect((await world.store.listJobs({ limit: 9 })).jobs.map(({ jobId }) => jobId)).toEqual([
      sick,
    ]);
    sick = undefined;
    await world.clock.advance(3600_000);
    expect(await world.store.countJobs()).toEqual({});
    await world.runtime.stop();
  });

  test("is done once by several nodes of a store", async () => {
    const put: string[] = [];
    const counting: Archive = {
      ...bound(archive),
      async put(jobs, at) {
        put.push(...jobs.map(({ job }) => job.summary.jobId));
        await archive.put(jobs, at);
      },
    };
    const one = await openWorld(blueprints, { archive: counting });
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) ids.push(await run(one, "brief_gate"));
    const { clock } = one;
    const other = await openWorld(blueprints, {
      archive: counting,
      clock,
      store: one.store.as("other"),
      nodeId: "other",
    });
    await clock.advance(60_000);
    expect(put.toSorted()).toEqual(ids.toSorted());
    expect(await one.store.countJobs()).toEqual({});
    await one.runtime.stop();
    await other.runtime.stop();
  });
});

/** The functions of an archive, to replace one of them. */
function bound(whole: Archive): Archive {
  return {
    put: (jobs, at) => whole.put(jobs, at),
    load: (jobId) => whole.load(jobId),
    history: (jobId, after, limit) => whole.history(jobId, after, limit),
    list: (query) => whole.list(query),
    close: () => whole.close(),
  };
}
