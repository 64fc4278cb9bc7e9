// Recorded jobs on a changed blueprint: the first difference is found, whatever kind it is of.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blueprint, flow, job, task, type Blueprint } from "avtomatika";
import {
  assertReplayed,
  loadRecordedJobs,
  openTestWorld,
  readRecordedJob,
  replayJobs,
  reply,
  type RecordedJob,
} from "avtomatika/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { sendParent, setup, type AnyStateMachine } from "xstate";
import { z } from "zod";
import { stepAnswer } from "../../../src/http/job-answer.ts";

interface Change {
  readonly width?: number;
  readonly target?: string;
  readonly output?: z.ZodType;
  readonly input?: z.ZodType;
  readonly waitMs?: number;
  readonly before?: object;
  readonly event?: string;
  readonly guard?: () => boolean;
}

/** Resize, wait for a person, and publish; a version for each way in which one may change it. */
function edition(change: Change = {}): Blueprint {
  const { width = 640, target = "review", waitMs = 5000, event = "APPROVE" } = change;
  const output = change.output ?? z.object({ path: z.string() });
  const resize = task("resize", { input: z.object({ width: z.number() }), output });
  const look = task("look", { input: z.unknown(), output: z.unknown() });
  const machine = setup({
    actors: { resize, look } as never,
    delays: { patience: waitMs },
    guards: { allowed: change.guard ?? (() => true) },
  }).createMachine({
    id: "edition",
    initial: "resizing",
    states: {
      resizing: {
        invoke: [
          ...[change.before ?? []].flat(),
          {
            id: "resize",
            src: "resize",
            input: { width },
            onDone: target,
            onError: "rejected",
          },
        ],
      },
      review: {
        on: { [event]: { target: "published", guard: "allowed" } },
        after: { patience: "rejected" },
      },
      waiting: { on: { [event]: "published" } },
      published: { type: "final" },
      rejected: { type: "final" },
    },
  } as never) as unknown as AnyStateMachine;
  return blueprint("edition", {
    version: "1",
    machine,
    ...(change.input && { input: change.input as never }),
  });
}

let approved: RecordedJob;
let lapsed: RecordedJob;
beforeAll(async () => {
  const world = await openTestWorld(edition(), { tasks: { resize: reply({ path: "a" }) } });
  const first = await world.start({});
  await first.send({ type: "APPROVE" });
  approved = first.record;
  const second = await world.start({});
  await second.run();
  lapsed = second.record;
  await world.close();
});

const differenceOf = async (change: Change, before?: Blueprint) => {
  const reports = await replayJobs([approved], edition(change), before ? { before } : {});
  return reports[0]!.difference;
};

describe("a replay", () => {
  test("finds no difference on the blueprint itself", async () => {
    const reports = await replayJobs([approved, lapsed], edition(), { before: edition() });
    expect(reports).toEqual([
      { jobId: "0_test1", steps: 3 },
      { jobId: "0_test2", steps: 3 },
    ]);
    assertReplayed(reports);
  });

  test("tells of another status", async () => {
    const before = { id: "look", src: "look", onError: "rejected" };
    expect(await differenceOf({ before })).toMatchObject({
      revision: 1,
      kind: "state",
      actual: { state: "resizing", status: "waiting_for_parallel_tasks" },
    });
  });

  test("knows an invocation again, whatever is invoked before it", async () => {
    const before = { id: "look", src: "look", onError: "rejected" };
    const world = await openTestWorld(edition({ before }), {
      tasks: { resize: reply({ path: "a" }) },
    });
    const job = await world.start({});
    await job.send({ type: "APPROVE" });
    const reports = await replayJobs(
      [job.record],
      edition({ before: [before, { ...before, id: "more" }] }),
    );
    expect(reports[0]!.difference).toBeUndefined();
    await world.close();
  });

  test("tells where the job would be instead", async () => {
    expect(await differenceOf({ target: "waiting" })).toMatchObject({
      revision: 2,
      kind: "state",
      expected: { state: "review" },
      actual: { state: "waiting" },
    });
  });

  test("tells of an event that nothing takes any more, and of a guard that refuses it", async () => {
    const ignored = { revision: 3, kind: "ignored", actual: "unhandled" };
    expect(await differenceOf({ event: "ACCEPT" })).toMatchObject(ignored);
    expect(await differenceOf({ guard: () => false })).toMatchObject(ignored);
  });

  test("tells of code that throws", async () => {
    const guard = (): never => {
      throw new Error("no such thing");
    };
    expect(await differenceOf({ guard })).toMatchObject({
      revision: 3,
      kind: "state",
      actual: { status: "failed" },
    });
  });

  test("tells of other params and other times, given the blueprint as it was", async () => {
    expect(await differenceOf({ width: 320 })).toBeUndefined();
    expect(await differenceOf({ width: 320 }, edition())).toMatchObject({
      revision: 1,
      kind: "effects",
      expected: [{ child: "resize", request: { params: { width: 640 } } }],
      actual: [{ child: "resize", request: { params: { width: 320 } } }],
    });
    expect(await differenceOf({ waitMs: 9000 }, edition())).toMatchObject({
      revision: 2,
      kind: "effects",
      actual: [{ type: "set_timer", afterMs: 9000 }],
    });
  });

  test("tells of schemas that refuse what was taken", async () => {
    expect(await differenceOf({ output: z.object({ url: z.string() }) })).toMatchObject({
      revision: 2,
      kind: "output",
    });
    expect(await differenceOf({ input: z.object({ id: z.string() }) })).toMatchObject({
      revision: 1,
      kind: "input",
    });
  });

  test("lists every job that goes otherwise", async () => {
    const reports = await replayJobs([approved, lapsed], edition({ event: "ACCEPT" }));
    expect(() => assertReplayed(reports)).toThrow(
      /1 of 2 jobs go otherwise:\n {2}0_test1, revision 3: "APPROVE" does not move it: unhandled/,
    );
  });
});

describe("a replay of a flow", () => {
  const mail = (limit: number) =>
    flow("mail", { version: "1" }).state("start", { isStart: true, to: ["completed"] }, (ctx) =>
      ctx.actions.dispatchTask({
        type: "send_mail",
        params: { urgent: Number(ctx.initialData["size"]) > limit },
        transitions: { success: "completed" },
      }),
    );

  test("asks its handlers again", async () => {
    const world = await openTestWorld(mail(5), { tasks: { send_mail: reply({}) } });
    const job = await world.start({ size: 7 });
    await world.close();
    expect((await replayJobs([job.record], mail(5)))[0]!.difference).toBeUndefined();
    expect((await replayJobs([job.record], mail(6)))[0]!.difference).toBeUndefined();
    expect((await replayJobs([job.record], mail(7)))[0]!.difference).toMatchObject({
      revision: 2,
      kind: "decision",
      actual: { request: { params: { urgent: false } } },
    });
  });
});

describe("a recorded job", () => {
  test("is read as HTTP tells of it", async () => {
    const about = { job_id: approved.jobId, blueprint_name: "edition", blueprint_version: "1" };
    const answers = JSON.parse(
      JSON.stringify({ job: about, history: approved.steps.map(stepAnswer) }),
    ) as unknown;
    const read = readRecordedJob(answers);
    expect(read.steps.map(({ revision }) => revision)).toEqual([1, 2, 3]);
    expect((await replayJobs([read], edition(), { before: edition() }))[0]).toEqual({
      jobId: approved.jobId,
      steps: 3,
    });
  });

  test("is loaded from a file, a list in a file, or a folder of them", async () => {
    const folder = await mkdtemp(join(tmpdir(), "avtomatika-replay-"));
    await writeFile(join(folder, "one.json"), JSON.stringify(approved));
    await writeFile(join(folder, "two.json"), JSON.stringify([lapsed]));
    expect(await loadRecordedJobs(folder)).toEqual([approved, lapsed]);
    expect(await loadRecordedJobs(join(folder, "two.json"))).toEqual([lapsed]);
    await writeFile(join(folder, "three.json"), "{}");
    await expect(loadRecordedJobs(folder)).rejects.toMatchObject({
      code: "replay.unreadable",
      message: expect.stringContaining("three.json") as string,
    });
    await rm(folder, { recursive: true });
  });

  test("is refused where steps are missing", () => {
    const { steps } = approved;
    expect(() => readRecordedJob({ ...approved, steps: steps.slice(1) })).toThrow(
      /step 1 is missing/,
    );
  });
});

describe("jobs of jobs", () => {
  const child = blueprint("greeter", {
    version: "1",
    machine: setup({}).createMachine({
      id: "greeter",
      initial: "open",
      states: {
        open: { entry: sendParent({ type: "HELLO" }), on: { BYE: "closed" } },
        closed: { type: "final" },
      },
    }),
  });
  /** Takes its child's event; `before` are started before that child. */
  const parent = (before: object[] = []) =>
    blueprint("host", {
      version: "1",
      machine: setup({
        actors: { greeter: job(child) } as never,
      }).createMachine({
        id: "host",
        initial: "waiting",
        states: {
          waiting: {
            invoke: [...before, { id: "greeter", src: "greeter" }] as never,
            on: { HELLO: "greeted" },
          },
          greeted: {},
        },
      }) as AnyStateMachine,
    });

  async function recorded() {
    const world = await openTestWorld(parent(), { alongside: [child] });
    const host = await world.start();
    await world.advance(1000);
    const other = (await world.jobIds()).find((id) => id !== host.id)!;
    const records = [host.record, (await world.job(other)).record] as const;
    await world.close();
    return records;
  }
  /** As a server tells of it: without epochs. */
  const told = ({ jobId, blueprint: name, version, parentJobId, steps }: RecordedJob) =>
    readRecordedJob(
      JSON.parse(
        JSON.stringify({
          job: {
            job_id: jobId,
            blueprint_name: name,
            blueprint_version: version,
            parent_job_id: parentJobId,
          },
          history: steps.map(stepAnswer),
        }),
      ),
    );

  test("a child that sends to its parent goes as it went", async () => {
    const [, greeting] = await recorded();
    assertReplayed(await replayJobs([greeting, told(greeting)], child));
  });

  test("a parent takes its child's events, whatever it starts before the child", async () => {
    const [hosting] = await recorded();
    expect(hosting.steps.at(-1)?.currentState).toBe("greeted");
    assertReplayed(await replayJobs([hosting, told(hosting)], parent()));
    assertReplayed(await replayJobs([hosting], parent([{ id: "first", src: "greeter" }])));
  });
});
