// Jobs that ended in an error, listed with why, and driven again.
import { describe, expect, test } from "vitest";
import { setup } from "xstate";
import { z } from "zod";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { task } from "../../../src/blueprint/task.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { oneState } from "../../support/flow-world.ts";
import { expectReplayed } from "../../support/job-blueprints.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

const once = { retry: { maxAttempts: 1 } };

/** Two tasks in two regions, and an hour for both. */
const pair = blueprint("pair", {
  version: "1",
  machine: setup({
    actors: {
      left: task("work", { input: z.object({ n: z.number() }), output: z.unknown(), ...once }),
      right: task("work", { input: z.object({ n: z.number() }), output: z.unknown(), ...once }),
    },
  })
    .createMachine({
      id: "pair",
      initial: "both",
      states: {
        both: {
          type: "parallel",
          after: { hour: "late" },
          states: {
            one: {
              initial: "doing",
              states: {
                doing: { invoke: { id: "left", src: "left", input: { n: 1 }, onDone: "done" } },
                done: { type: "final" },
              },
            },
            other: {
              initial: "doing",
              states: {
                doing: { invoke: { id: "right", src: "right", input: { n: 2 }, onDone: "done" } },
                done: { type: "final" },
              },
            },
          },
          onDone: "done",
        },
        late: { type: "final" },
        done: { type: "final" },
      },
    })
    .provide({ delays: { hour: 3_600_000 } }),
});

const dispatching = oneState((ctx) =>
  ctx.actions.dispatchTask({
    type: "work",
    params: { file: "a" },
    priority: 7,
    ...once,
    transitions: { success: "completed" },
  }),
);

async function world() {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const opened = await openWorld([pair, dispatching], { clock, store });
  const { jobs, workers, quarantine } = opened.runtime;
  const worker = new ScriptedWorker(workers, "w", ["work"]);
  await worker.connect();
  const start = async (name: string) => {
    const { jobId } = await jobs.start({ blueprint: name, input: {} });
    await clock.advance(0);
    return jobId;
  };
  const taskOf = (n: number) =>
    worker.tasks.findLast((one) => (one.params as { n: number }).n === n)!;
  const page = (more: object = {}) => quarantine.list({ limit: 10, ...more });
  return { ...opened, jobs, quarantine, worker, start, taskOf, page };
}

describe("a job that is driven again", () => {
  test("does the task again that failed, and what else ran, but not what was done", async () => {
    const { jobs, quarantine, worker, start, taskOf, store } = await world();
    const jobId = await start("pair");
    await worker.succeed(taskOf(1));
    await worker.fail(taskOf(2), "PERMANENT_ERROR", "no disk");
    expect(await jobs.get(jobId)).toMatchObject({ status: "quarantined", revision: 3 });
    expect(await quarantine.redrive(jobId, {})).toMatchObject({
      jobId,
      revision: 4,
      status: "waiting_for_worker",
    });
    expect(worker.tasks.map(({ params }) => params)).toEqual([{ n: 1 }, { n: 2 }, { n: 2 }]);
    await worker.succeed(taskOf(2));
    expect(await jobs.get(jobId)).toMatchObject({ status: "finished", currentState: "done" });
    await expectReplayed(store, pair, jobId);
  });

  test("starts both regions anew where both still ran, and takes nothing of before", async () => {
    const { jobs, quarantine, worker, start, taskOf, store } = await world();
    const jobId = await start("pair");
    const [left, right] = [taskOf(1), taskOf(2)];
    await worker.fail(right, "PERMANENT_ERROR");
    await quarantine.redrive(jobId, {});
    expect(worker.tasks).toHaveLength(4);
    expect(await worker.succeed(left, "late")).toEqual({ status: "fenced" });
    expect(await worker.fail(right)).toEqual({ status: "unknown" });
    await worker.succeed(taskOf(1));
    await worker.succeed(taskOf(2));
    expect(await jobs.get(jobId)).toMatchObject({ currentState: "done" });
    await expectReplayed(store, pair, jobId);
  });

  test("has the rest of the time that it had", async () => {
    const { jobs, quarantine, worker, start, taskOf, clock } = await world();
    const jobId = await start("pair");
    for (const { taskId } of worker.tasks) expect(taskId).toContain(jobId);
    await worker.fail(taskOf(2), "PERMANENT_ERROR");
    await clock.advance(86_400_000);
    await quarantine.redrive(jobId, {});
    const [timer] = (await jobs.get(jobId))!.waits.filter(({ kind }) => kind === "timer");
    expect(timer).toMatchObject({ due: clock.now() + 3_600_000 });
    await clock.advance(3_600_000);
    expect(await jobs.get(jobId)).toMatchObject({ currentState: "late" });
  });

  test("fails again in the same way, and is driven again with other params", async () => {
    const { jobs, quarantine, worker, start, store } = await world();
    const jobId = await start("one_state");
    await worker.fail(worker.accept(), "PERMANENT_ERROR");
    await quarantine.redrive(jobId, {});
    await worker.fail(worker.accept(), "PERMANENT_ERROR");
    expect(await jobs.get(jobId)).toMatchObject({ status: "quarantined" });
    await quarantine.redrive(jobId, { params: { file: "b" } });
    expect(worker.tasks.at(-1)).toMatchObject({ params: { file: "b" }, priority: 7, attempt: 1 });
    await worker.succeed(worker.accept(), { ok: true });
    expect(await jobs.get(jobId)).toMatchObject({ status: "finished", data: { ok: true } });
    await expectReplayed(store, dispatching, jobId);
  });

  test("is refused params that the task's schema does not take: it fails with them, and says so", async () => {
    const { jobs, quarantine, worker, start, taskOf } = await world();
    const jobId = await start("pair");
    await worker.succeed(taskOf(1));
    await worker.fail(taskOf(2), "PERMANENT_ERROR");
    await quarantine.redrive(jobId, { params: { n: "two" } });
    expect(await jobs.get(jobId)).toMatchObject({
      status: "failed",
      error: { code: "INVALID_INPUT_ERROR" },
    });
    await quarantine.redrive(jobId, { params: { n: 2 } });
    await worker.succeed(taskOf(2));
    expect(await jobs.get(jobId)).toMatchObject({ status: "finished" });
  });

  test("is driven again though another job has begun since where it was", async () => {
    const { jobs, quarantine, worker, start, taskOf, store, runtime, clock } = await world();
    const jobId = await start("pair");
    await worker.succeed(taskOf(1));
    await worker.fail(taskOf(2), "PERMANENT_ERROR");
    await runtime.past.restart({ jobId, revision: 2, by: "ann" });
    await expect.poll(async () => (await jobs.get(jobId))?.revision).toBe(4);
    await quarantine.redrive(jobId, {});
    await clock.advance(0);
    await worker.succeed(worker.tasks.findLast((one) => one.jobId === jobId)!);
    expect(await jobs.get(jobId)).toMatchObject({ status: "finished", currentState: "done" });
    await expectReplayed(store, pair, jobId);
    expect(await runtime.past.at(jobId, 5)).toMatchObject({ started: [{ child: "right" }] });
  });

  test("is driven again once, however many ask at once", async () => {
    const { quarantine, worker, start, taskOf } = await world();
    const jobId = await start("pair");
    await worker.fail(taskOf(1), "PERMANENT_ERROR");
    const asked = await Promise.allSettled([1, 2, 3].map(() => quarantine.redrive(jobId, {})));
    expect(asked.map(({ status }) => status).toSorted()).toEqual([
      "fulfilled",
      "rejected",
      "rejected",
    ]);
    expect(worker.tasks).toHaveLength(4);
  });
});

describe("a job is not driven again", () => {
  test.each([
    ["that runs", async () => {}],
    [
      "that has finished",
      async ({ worker, taskOf }: Awaited<ReturnType<typeof world>>) => {
        await worker.succeed(taskOf(1));
        await worker.succeed(taskOf(2));
      },
    ],
  ])("%s", async (_, meanwhile) => {
    const opened = await world();
    const jobId = await opened.start("pair");
    await meanwhile(opened);
    await expect(opened.quarantine.redrive(jobId, {})).rejects.toMatchObject({
      code: "job.not_redrivable",
    });
  });

  test("that is not there", async () => {
    const { quarantine } = await world();
    await expect(quarantine.redrive("0_no", {})).rejects.toMatchObject({ code: "job.not_found" });
  });
});

describe("20: the quarantine", () => {
  test("lists its jobs with their reasons, of one blueprint or code where asked", async () => {
    const { start, worker, page } = await world();
    const ids: string[] = [];
    for (const code of ["PERMANENT_ERROR", "MY_ERROR"]) {
      ids.push(await start("one_state"));
      await worker.fail(worker.accept(), code, `because of ${code}`);
    }
    expect((await page()).jobs).toMatchObject([
      { jobId: ids[1], error: { code: "MY_ERROR", message: "because of MY_ERROR" } },
      { jobId: ids[0], error: { code: "PERMANENT_ERROR" } },
    ]);
    expect((await page({ code: "MY_ERROR" })).jobs).toMatchObject([{ jobId: ids[1] }]);
    expect((await page({ blueprint: "pair" })).jobs).toEqual([]);
    const first = await page({ limit: 1 });
    expect(first.jobs).toHaveLength(1);
    expect((await page({ limit: 1, cursor: first.next })).jobs).toMatchObject([{ jobId: ids[0] }]);
  });

  test("is driven again as a whole, with a word on those that cannot be", async () => {
    const { start, worker, quarantine, page, store } = await world();
    const ids = [await start("one_state"), await start("one_state")];
    for (const one of worker.tasks) await worker.fail(one, "PERMANENT_ERROR");
    const loadJob = store.loadJob.bind(store);
    let looks = 0;
    // Between the list and its turn one is gone.
    store.loadJob = async (id) => (id === ids[0] && ++looks > 1 ? undefined : loadJob(id));
    expect(await quarantine.redriveAll({ limit: 10 }, {})).toMatchObject({
      redriven: [ids[1]],
      refused: [{ jobId: ids[0], error: { code: "job.not_found" } }],
    });
    store.loadJob = loadJob;
    expect((await page()).jobs).toMatchObject([{ jobId: ids[0] }]);
  });
});
