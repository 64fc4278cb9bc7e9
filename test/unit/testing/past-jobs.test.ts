// Records of jobs that were driven again, restarted, or begun from another one's past, replayed on a changed blueprint.
import { blueprint, task, type Blueprint } from "avtomatika";
import { readRecordedJob, replayJobs, type RecordedJob } from "avtomatika/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { setup } from "xstate";
import { z } from "zod";
import { stepAnswer } from "../../../src/http/job-answer.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import { openWorld } from "../../support/runtime-world.ts";
import { ScriptedWorker } from "../../support/scripted-worker.ts";

/** Does two things at once within an hour, and is printed. */
const edition = ({ after = "printed", hours = 1, width = 640 } = {}): Blueprint => {
  const once = { input: z.unknown(), output: z.unknown(), retry: { maxAttempts: 1 } };
  return blueprint("edition", {
    version: "1",
    machine: setup({
      actors: { left: task("work", once), right: task("work", once) },
      delays: { patience: hours * 3_600_000 },
    }).createMachine({
      id: "edition",
      initial: "making",
      states: {
        making: {
          type: "parallel",
          after: { patience: "late" },
          onDone: after as "printed",
          states: {
            one: {
              initial: "doing",
              states: {
                doing: { invoke: { id: "left", src: "left", input: { width }, onDone: "done" } },
                done: { type: "final" },
              },
            },
            other: {
              initial: "doing",
              states: {
                doing: { invoke: { id: "right", src: "right", input: {}, onDone: "done" } },
                done: { type: "final" },
              },
            },
          },
        },
        late: { type: "final" },
        printed: { type: "final" },
        bound: { type: "final" },
      },
    }),
  });
};

/** The records of both jobs, as the store has them and as a server tells of them. */
let records: Readonly<Record<"driven" | "begun", readonly RecordedJob[]>>;
beforeAll(async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, shards: 4 });
  const { runtime } = await openWorld([edition()], { clock, store });
  const worker = new ScriptedWorker(runtime.workers, "w", ["work"]);
  await worker.connect();
  const { jobId } = await runtime.jobs.start({ blueprint: "edition", input: {} });
  const tasks = async (of: string) => (await store.listTasks(of)).toSorted(byChild);
  const [left, right] = await tasks(jobId);
  await worker.succeed(left!);
  const begun = await runtime.past.restart({ jobId, revision: 2, by: "ann" });
  await worker.fail(right!, "PERMANENT_ERROR");
  await clock.advance(1000);
  const again = await runtime.past.restart({ jobId, revision: 1, by: "bob" });
  await clock.advance(0);
  await runtime.jobs.cancel(again.jobId, "enough");
  await runtime.quarantine.redrive(jobId, {});
  for (const of of [jobId, begun.jobId])
    for (const one of await tasks(of)) await worker.succeed(one);
  await clock.advance(0);
  const recorded = async (of: string) => {
    const job = (await runtime.jobs.get(of))!;
    expect(job).toMatchObject({ status: "finished", currentState: "printed" });
    const steps = await store.history(of, 0, 100);
    const about = { jobId: of, blueprint: "edition", version: "1" };
    const told = {
      job: { job_id: of, blueprint_name: "edition", blueprint_version: "1" },
      history: steps.map((step) => stepAnswer(step)),
    };
    return [{ ...about, steps }, told].map((one) =>
      readRecordedJob(JSON.parse(JSON.stringify(one))),
    );
  };
  records = { driven: await recorded(jobId), begun: await recorded(begun.jobId) };
  await runtime.stop();
});

const byChild = (a: { readonly child: string }, b: { readonly child: string }) =>
  a.child < b.child ? -1 : 1;

test("a record keeps over how many shards its children were spread", () => {
  const [asStored, asTold] = records.driven;
  expect(asStored!.steps.map(({ shards }) => shards)).toEqual(asStored!.steps.map(() => 4));
  expect(asTold!.steps.every((step) => !("shards" in step))).toBe(true);
});

test("the records are of the kinds that they are meant to be", () => {
  const kinds = (one: RecordedJob) => one.steps.map(({ message }) => message.type);
  expect(kinds(records.driven[0]!)).toEqual(
    expect.arrayContaining(["restarted", "failed", "restarted", "redrive"]),
  );
  expect(kinds(records.begun[0]!)[0]).toBe("restart");
});

describe.each(["driven", "begun"] as const)("a job that was %s again", (kind) => {
  test("replays on its blueprint, and on one that changes nothing for it", async () => {
    const jobs = records[kind];
    const steps = jobs[0]!.steps.length;
    for (const before of [edition(), undefined])
      expect(await replayJobs(jobs, edition(), before ? { before } : {})).toEqual(
        jobs.map(({ jobId }) => ({ jobId, steps })),
      );
  });

  test("is found to end elsewhere", async () => {
    const reports = await replayJobs(records[kind], edition({ after: "bound" }));
    for (const { difference, steps } of reports)
      expect(difference).toMatchObject({
        revision: steps,
        kind: "state",
        expected: { state: "printed" },
        actual: { state: "bound" },
      });
  });
});
