// Paths through a blueprint whose child jobs are in the world: these go their own ways, and can fail.
import { blueprint, flow, inTurn, job, task } from "avtomatika";
import { findPaths } from "avtomatika/testing";
import { describe, expect, test } from "vitest";
import { assign, fromPromise, sendParent, setup } from "xstate";
import { z } from "zod";

const quote = task("quote", {
  input: z.object({}),
  output: z.object({ price: z.number() }),
  retry: { maxAttempts: 1 },
});

/** Has a task done, tells its parent of it, and waits for a person. */
const asking = blueprint("asking", {
  version: "1",
  machine: setup({
    types: { events: {} as { type: "APPROVE" }, context: {} as { price: number } },
    actors: { quote, note: inTurn(fromPromise(async () => "noted")) },
    delays: { day: 24 * 3600 * 1000 },
  }).createMachine({
    id: "asking",
    context: () => ({ price: 0 }),
    initial: "quoting",
    states: {
      quoting: {
        invoke: {
          src: "quote",
          input: {},
          onDone: {
            target: "approving",
            actions: [
              assign({ price: ({ event }) => event.output.price }),
              sendParent({ type: "QUOTED" }),
            ],
          },
        },
      },
      approving: { on: { APPROVE: "noting" }, after: { day: "over" } },
      noting: { invoke: { src: "note", onDone: "over" } },
      over: { type: "final" },
    },
  }),
});

const waiting = blueprint("waiting", {
  version: "1",
  machine: setup({ types: { events: {} as { type: "GO" } } }).createMachine({
    id: "waiting",
    initial: "shut",
    states: { shut: { on: { GO: "open" } }, open: { type: "final" } },
  }),
});

const buying = blueprint("buying", {
  version: "1",
  machine: setup({
    types: { context: {} as { isQuoted: boolean }, events: {} as { type: "QUOTED" } },
    actors: { child: job(asking) },
    guards: { isQuoted: ({ context }) => context.isQuoted },
  }).createMachine({
    id: "buying",
    context: () => ({ isQuoted: false }),
    initial: "asking",
    states: {
      asking: {
        on: { QUOTED: { actions: assign({ isQuoted: true }) } },
        invoke: {
          id: "child",
          src: "child",
          onDone: "bought",
          onError: [{ guard: "isQuoted", target: "refused" }, { target: "declined" }],
        },
      },
      bought: { type: "final" },
      refused: { type: "final" },
      declined: { type: "final" },
    },
  }),
});

const errand = blueprint("errand", {
  version: "1",
  machine: setup({ actors: { child: job(waiting) } }).createMachine({
    id: "errand",
    initial: "out",
    states: {
      out: { invoke: { id: "child", src: "child", onDone: "back", onError: "lost" } },
      back: { type: "final" },
      lost: { type: "final" },
    },
  }),
});

describe("paths try of a child job that runs alongside", () => {
  test("that its work is done, that it fails, and that it is cancelled", async () => {
    const found = await findPaths(buying, { alongside: [asking] });
    found.assertComplete();
    const ends = found.paths.map(({ title, endsIn }) => [title, endsIn]);
    expect(ends).toContainEqual(["start, child: 0.asking.quoting PERMANENT_ERROR", "declined"]);
    expect(ends.find(([, end]) => end === "bought")?.[0]).toMatch(
      /^start, child: 0.asking.quoting done, child: (APPROVE|time passes)$/,
    );
    expect(ends.map(([, end]) => end)).toContain("refused");
    for (const path of found.paths) await (await path.run()).world.close();
  });

  test("that it is cancelled, where nothing in it can fail", async () => {
    const found = await findPaths(errand, { alongside: [waiting] });
    found.assertComplete();
    expect(found.paths.map(({ title, endsIn }) => [title, endsIn])).toEqual(
      expect.arrayContaining([
        ["start, child: GO", "back"],
        ["start, child cancelled", "lost"],
      ]),
    );
  });

  test("whatever its own child jobs do", async () => {
    const middle = flow("middle", { version: "1" }).state(
      "start",
      { isStart: true, to: ["completed", "failed"] },
      (ctx) =>
        ctx.actions.runBlueprint({
          blueprint: "waiting",
          transitions: { success: "completed", failure: "failed" },
        }),
    );
    const outer = flow("outer", { version: "1" }).state(
      "start",
      { isStart: true, to: ["completed", "failed"] },
      (ctx) =>
        ctx.actions.runBlueprint({
          blueprint: "middle",
          transitions: { success: "completed", failure: "failed" },
        }),
    );
    const found = await findPaths(outer, { alongside: [middle, waiting] });
    found.assertComplete();
    expect(found.paths.map(({ title, endsIn }) => [title, endsIn])).toEqual(
      expect.arrayContaining([
        ["start, job job: GO", "completed"],
        ["start, job cancelled", "failed"],
      ]),
    );
  });
});
