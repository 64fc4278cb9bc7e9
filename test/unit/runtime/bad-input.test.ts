// What a machine, a handler, a worker or a client may do wrong costs at most its own job, with a code; the node goes on.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { assign, fromPromise, setup } from "xstate";
import { z } from "zod";
import { blueprint, type Blueprint } from "../../../src/blueprint/blueprint.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { inTurn } from "../../../src/blueprint/in-turn.ts";
import { BlueprintRegistry } from "../../../src/blueprint/registry.ts";
import { task } from "../../../src/blueprint/task.ts";
import { machineOf } from "../../support/actor-job.ts";
import { eventually } from "../../support/eventually.ts";
import { openWorld, type World } from "../../support/runtime-world.ts";
import { patientJob } from "../../support/sample-blueprints.ts";

const any = { input: z.unknown(), output: z.unknown() };
const work = task("work", any);
const circle: { self?: unknown } = {};
circle.self = circle;

/** A job that waits in `quiet` until `GO`; what happens then is the case's. */
const made = (name: string, config: object, actors: object = {}): Blueprint =>
  blueprint(name, {
    version: "1",
    machine: setup({ actors: { work, ...actors } as never }).createMachine({
      id: name,
      initial: "quiet",
      context: () => ({ kept: 1 }),
      ...config,
    } as never) as never,
  });
const after = (states: object, more: object = {}, actors: object = {}) => ({
  config: { states: { quiet: { on: { GO: "next", LOOK: {} } }, ...states }, ...more },
  actors,
});
const throws = (): never => {
  throw new Error("boom");
};
const yes = (): boolean => true;
const promise = (give: () => unknown) => fromPromise(async () => give());
const awaits = (src: string) => ({ invoke: { id: "p", src, onDone: "end" } });
const end = { type: "final" };

interface Case {
  readonly config: object;
  readonly actors: object;
}
const cases: Readonly<Record<string, readonly [Case, string, string]>> = {
  eventless_loop: [
    after({
      next: { always: { guard: yes, target: "other" } },
      other: { always: { guard: yes, target: "next" } },
    }),
    "failed",
    "machine.threw",
  ],
  guard_throws: [
    after({ next: { always: { guard: throws, target: "quiet" } } }),
    "failed",
    "machine.threw",
  ],
  assign_throws: [after({ next: { entry: assign(throws) } }), "failed", "machine.threw"],
  context_with_a_date: [
    after({ next: { entry: assign({ at: () => new Date(0) }) } }),
    "failed",
    "context.not_json",
  ],
  context_with_a_function: [
    after({ next: { entry: assign({ at: () => () => 1 }) } }),
    "failed",
    "context.not_json",
  ],
  context_in_a_circle: [
    after({ next: { entry: assign({ at: () => circle }) } }),
    "failed",
    "context.not_json",
  ],
  output_with_a_map: [
    after({ next: end }, { output: () => ({ all: new Map() }) }),
    "failed",
    "context.not_json",
  ],
  input_with_a_bigint: [
    after({ next: { invoke: { id: "w", src: "work", input: () => 1n } } }),
    "failed",
    "context.not_json",
  ],
  promise_in_a_circle: [
    after({ next: awaits("odd"), end }, {}, { odd: inTurn(promise(() => circle)) }),
    "quarantined",
    "handler.threw",
  ],
  promise_of_a_bigint: [
    after({ next: awaits("odd"), end }, {}, { odd: inTurn(promise(() => 1n)) }),
    "quarantined",
    "handler.threw",
  ],
};

const lossy: readonly (readonly [string, () => unknown, RegExp])[] = [
  ["a Map", () => ({ found: new Map([[1, 2]]) }), /"found" is an instance of Map/],
  ["a function", () => ({ found: () => 1 }), /"found" is a function/],
  ["no number", () => ({ found: Number.NaN }), /"found" is NaN/],
  ["bytes", () => new Uint8Array(3), /(The value|"\w+") is an instance of Uint8Array/],
  ["an error", () => [new Error("odd")], /"0" is an instance of Error/],
];

let world: World;
beforeEach(async () => {
  const blueprints = Object.entries(cases).map(([name, [{ config, actors }]]) =>
    made(name, config, actors),
  );
  world = await openWorld([...blueprints, patientJob]);
});
afterEach(() => world.runtime.stop());

/** The node takes, steps and ends jobs as before. */
async function goesOn({ runtime }: World): Promise<void> {
  const { jobId } = await runtime.jobs.start({ blueprint: "patient_job", input: {} });
  await runtime.jobs.send(jobId, { type: "HURRY" });
  expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "finished" });
}

describe("a job ends with a code, its context as it was, and the node goes on:", () => {
  test.each(Object.entries(cases))("%s", async (name, [, status, code]) => {
    const { jobs } = world.runtime;
    const { jobId } = await jobs.start({ blueprint: name, input: {} });
    await jobs.send(jobId, { type: "GO" });
    const job = await jobs.get(jobId);
    expect(job).toMatchObject({ status, data: { kept: 1 }, error: { code } });
    expect(job?.error?.message).not.toBe("");
    await expect(jobs.send(jobId, { type: "LOOK" })).rejects.toMatchObject({
      code: "job.finished",
    });
    expect(await world.runtime.past.at(jobId, 1)).toMatchObject({ currentState: "quiet" });
    await goesOn(world);
  });
});

test("a promise whose result is not JSON fails as one that throws, after its tries", async () => {
  const odd = made("odd", after({ next: awaits("odd"), end }).config, { odd: promise(() => 1n) });
  const own = await openWorld([odd, patientJob]);
  const { jobId } = await own.runtime.jobs.start({ blueprint: "odd", input: {} });
  await own.runtime.jobs.send(jobId, { type: "GO" });
  const job = await eventually(async () => {
    await own.clock.advance(60_000);
    const now = await own.runtime.jobs.get(jobId);
    return now?.error ? now : undefined;
  });
  expect(job).toMatchObject({ status: "quarantined" });
  expect(job.error?.message).toContain("bigint");
  await goesOn(own);
});

test("a flow whose handler wants params that are not JSON ends with a code", async () => {
  const odd = flow("odd", { version: "1" })
    .state("start", { isStart: true, to: ["completed"] }, (ctx) => {
      ctx.actions.dispatchTask({
        type: "work",
        params: { n: 1n },
        transitions: { success: "completed" },
      });
    })
    .build();
  const own = await openWorld([odd, patientJob]);
  const { jobId } = await own.runtime.jobs.start({ blueprint: "odd", input: {} });
  const job = await eventually(async () => {
    await own.clock.advance(60_000);
    const now = await own.runtime.jobs.get(jobId);
    return now?.error ? now : undefined;
  });
  expect(job.error?.message).toContain("bigint");
  await goesOn(own);
});

describe("a promise that wants what XState's types promise besides input and signal fails with what to do:", () => {
  test.each([
    ["emit", fromPromise(async ({ emit }) => emit({ type: "SEEN" } as never))],
    ["self", fromPromise(async ({ self }) => self.send({ type: "X" } as never))],
    ["system", fromPromise(async (args) => args.system.get("other"))],
  ])("%s", async (name, logic) => {
    const config = after({ next: awaits("odd"), end }).config;
    const leased = made("leased", config, { odd: logic });
    const local = made("local", config, { odd: inTurn(logic) });
    const own = await openWorld([leased, local]);
    for (const blueprint of ["leased", "local"]) {
      const { jobId } = await own.runtime.jobs.start({ blueprint, input: {} });
      await own.runtime.jobs.send(jobId, { type: "GO" });
      const job = await eventually(async () => {
        await own.clock.advance(60_000);
        const now = await own.runtime.jobs.get(jobId);
        return now?.error ? now : undefined;
      });
      expect(job.error?.message).toContain(`A promise has no \`${name}\``);
    }
  });
});

describe("what JSON would lose without a word fails, as the result of a promise and the decision of a handler:", () => {
  const odd = (name: string, logic: object) =>
    made(name, after({ next: awaits("odd"), end }).config, { odd: logic });

  test.each(lossy)("%s", async (_, give, message) => {
    const handler = flow("handler", { version: "1" })
      .state("start", { isStart: true, to: ["completed"] }, (ctx) => {
        ctx.actions.dispatchTask({
          type: "work",
          params: give(),
          transitions: { success: "completed" },
        });
      })
      .build();
    const keeper = flow("keeper", { version: "1" })
      .state("start", { isStart: true, to: ["completed"] }, (ctx) => {
        ctx.stateHistory["kept"] = give();
        ctx.actions.transitionTo("completed");
      })
      .build();
    const leased = odd("leased", promise(give));
    const local = odd("local", inTurn(promise(give)));
    const own = await openWorld([handler, keeper, leased, local, patientJob]);
    for (const { name, style } of [handler, keeper, leased, local]) {
      const { jobId } = await own.runtime.jobs.start({ blueprint: name, input: {} });
      if (style === "native") await own.runtime.jobs.send(jobId, { type: "GO" });
      const job = await eventually(async () => {
        await own.clock.advance(60_000);
        const now = await own.runtime.jobs.get(jobId);
        return now?.error ? now : undefined;
      });
      expect(job, name).toMatchObject({ status: "quarantined" });
      expect(job.error?.message, name).toMatch(message);
    }
    await goesOn(own);
  });

  test("but a date is the text that it gives", async () => {
    const own = await openWorld([
      odd(
        "dated",
        promise(() => ({ at: new Date(0) })),
      ),
    ]);
    const { jobId } = await own.runtime.jobs.start({ blueprint: "dated", input: {} });
    await own.runtime.jobs.send(jobId, { type: "GO" });
    expect(await own.runtime.jobs.wait(jobId, 5000)).toMatchObject({ status: "finished" });
    const last = (await own.runtime.jobs.history(jobId, 0, 10)).at(-1);
    expect(last?.message).toMatchObject({ output: { at: "1970-01-01T00:00:00.000Z" } });
  });
});

describe("a blueprint is refused before any job is started:", () => {
  const invoking = (id: string, src = "task") => ({ invoke: { id, src, onError: "b" } });
  const region = (id: string) => ({ initial: "a", states: { a: invoking(id), b: {} } });
  test.each([
    [
      "a source that is not declared",
      { initial: "a", states: { a: invoking("k", "nobody"), b: {} } },
      "lint.unknown_actor",
    ],
    [
      "one invoke id in two regions",
      { type: "parallel", states: { one: region("k"), two: region("k") } },
      "lint.shared_invoke_id",
    ],
    [
      "an eventless loop without a guard",
      { initial: "a", states: { a: { always: "b" }, b: { always: "a" } } },
      "lint.eventless_loop",
    ],
  ])("%s", (_, config, code) => {
    const odd = blueprint("odd", { version: "1", machine: machineOf({ id: "odd", ...config }) });
    expect(() => new BlueprintRegistry().register(odd)).toThrow(
      expect.objectContaining({
        code: "blueprint.invalid",
        message: expect.stringContaining(code) as string,
      }),
    );
  });
});

test("a job in a state that its version lost waits unharmed, and goes on when the state is back", async () => {
  const before = made("lost", after({ next: { on: { BACK: "quiet" } } }).config);
  const without = made("lost", { states: { quiet: {} } });
  const own = await openWorld([before, patientJob]);
  const { jobId } = await own.runtime.jobs.start({ blueprint: "lost", input: {} });
  await own.runtime.jobs.send(jobId, { type: "GO" });
  const { store, clock } = own;
  await own.runtime.stop();
  const lacking = await openWorld([without, patientJob], { store, clock });
  await expect(lacking.runtime.jobs.send(jobId, { type: "BACK" })).rejects.toMatchObject({
    code: "blueprint.shape_changed",
  });
  await goesOn(lacking);
  await lacking.runtime.stop();
  const back = await openWorld([before, patientJob], { store, clock });
  await back.runtime.jobs.send(jobId, { type: "BACK" });
  expect(await back.runtime.jobs.get(jobId)).toMatchObject({ currentState: "quiet", revision: 3 });
});

test("a context of two megabytes is kept, stepped, replayed and restarted", async () => {
  const text = "x".repeat(500_000);
  const big = made("big", {
    initial: "quiet",
    context: () => ({ all: [] }),
    states: {
      quiet: {
        on: {
          ADD: {
            actions: assign({
              all: ({
                context,
                event,
              }: {
                context: { all: string[] };
                event: { text: string };
              }) => [...context.all, event.text],
            } as never),
          },
          LOOK: { actions: [] },
        },
      },
    },
  });
  const own = await openWorld([big, patientJob]);
  const { jobs, past } = own.runtime;
  const { jobId } = await jobs.start({ blueprint: "big", input: {} });
  for (let part = 0; part < 4; part++) await jobs.send(jobId, { type: "ADD", text });
  await jobs.send(jobId, { type: "LOOK" });
  const sizeOf = (data: unknown): number => JSON.stringify(data).length;
  expect(sizeOf((await jobs.get(jobId))!.data)).toBeGreaterThan(2_000_000);
  expect(sizeOf((await past.at(jobId, 3)).data)).toBeLessThan(1_100_000);
  const again = await past.restart({ jobId, revision: 5, by: "ann" });
  expect(sizeOf((await jobs.get(again.jobId))!.data)).toBeGreaterThan(2_000_000);
  await goesOn(own);
});
