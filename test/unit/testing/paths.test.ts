// Paths that cover a blueprint: found in the real runtime, gone again one by one, and honest about what they miss.
import { blueprint, flow, inTurn, task } from "avtomatika";
import { fail, findPaths, reply } from "avtomatika/testing";
import { describe, expect, test } from "vitest";
import { assign, fromPromise, raise, setup } from "xstate";
import { z } from "zod";

const score = task("score", {
  input: z.object({ text: z.string() }),
  output: z.object({ points: z.number().min(0).max(100) }),
  progress: z.object({ seen: z.boolean() }),
});

/** Everything that a path can go through: guards, outputs, failure, progress, timers, promises, raised events, regions. */
const essay = (limit: number) =>
  blueprint("essay", {
    version: "1",
    input: z.object({ text: z.string(), isDraft: z.boolean() }),
    machine: setup({
      types: {
        input: {} as { text: string; isDraft: boolean },
        context: {} as { text: string; isDraft: boolean; points: number },
        events: {} as
          { type: "SUBMIT" } | { type: "GRADE"; grade: "pass" | "fail" } | { type: "DECIDED" },
      },
      actors: {
        score,
        lookUp: inTurn(fromPromise(async () => "known")),
        publish: fromPromise(async () => {
          throw new Error("a path never runs it");
        }),
      },
      guards: {
        isDraft: ({ context }) => context.isDraft,
        isGood: ({ context }) => context.points > limit,
        passes: ({ event }) => event.type === "GRADE" && event.grade === "pass",
      },
      delays: { patience: 1000, week: 7 * 24 * 3600 * 1000 },
    }).createMachine({
      id: "essay",
      context: ({ input }) => ({ ...input, points: 0 }),
      initial: "deciding",
      states: {
        deciding: { always: [{ guard: "isDraft", target: "draft" }, { target: "lookingUp" }] },
        draft: { on: { SUBMIT: "lookingUp" }, after: { week: "dropped" } },
        lookingUp: {
          invoke: { id: "lookUp", src: "lookUp", onDone: "scoring", onError: "dropped" },
        },
        scoring: {
          invoke: {
            id: "score",
            src: "score",
            input: ({ context: { text } }) => ({ text }),
            onSnapshot: { actions: assign({ points: 0 }) },
            onDone: {
              target: "scored",
              actions: assign({ points: ({ event }) => event.output.points }),
            },
            onError: "dropped",
          },
          after: { patience: "dropped" },
        },
        scored: {
          type: "parallel",
          states: {
            grade: {
              initial: "open",
              states: {
                open: {
                  on: {
                    GRADE: [
                      { guard: "passes", target: "passed", actions: raise({ type: "DECIDED" }) },
                      { target: "#essay.dropped" },
                    ],
                  },
                },
                passed: { type: "final" },
              },
            },
            clerk: {
              initial: "waiting",
              states: {
                waiting: { on: { DECIDED: "told" } },
                told: { type: "final" },
              },
            },
          },
          onDone: [{ guard: "isGood", target: "publishing" }, { target: "kept" }],
        },
        publishing: {
          invoke: { id: "publish", src: "publish", onDone: "published", onError: "kept" },
        },
        published: { type: "final" },
        kept: { type: "final" },
        dropped: { type: "final" },
      },
    }),
  });

describe("paths of a machine", () => {
  test("cover all of it, by values that its schemas allow", async () => {
    const paths = await findPaths(essay(50), {
      events: { GRADE: [{ grade: "pass" }, { grade: "fail" }] },
    });
    expect(paths.uncovered).toEqual([]);
    expect(paths.unreached).toEqual([]);
    paths.assertComplete();
    const titles = paths.paths.map(({ title }) => title);
    expect(titles).toContainEqual(expect.stringMatching(/score done, GRADE, publish done$/));
    expect(titles).toContainEqual(expect.stringMatching(/score PERMANENT_ERROR$/));
    expect(titles).toContainEqual(expect.stringMatching(/score progress/));
    expect(titles).toContainEqual("start, time passes");
  });

  test("are gone again as they were found, each from its start", async () => {
    const { paths } = await findPaths(essay(50));
    for (const path of paths) {
      const { job, world } = await path.run();
      expect(job.state).toBe(path.endsIn);
      await world.close();
    }
    expect(paths.length).toBeGreaterThan(5);
  });

  test("tell what no example leads to", async () => {
    const paths = await findPaths(essay(100), { events: { GRADE: [{ grade: "pass" }] } });
    expect(paths.uncovered.map(({ source, label }) => `${source}: ${label}`)).toEqual([
      "essay.scored: all done [isGood]",
      "essay.scored.grade.open: GRADE",
      "essay.publishing: done",
      "essay.publishing: error",
    ]);
    expect(() => paths.assertComplete()).toThrow(
      /essay\.scored: all done \[isGood\] → essay\.publishing/,
    );
    paths.assertComplete({
      except: [
        "essay.scored: all done [isGood] → essay.publishing",
        "essay.scored.grade.open: GRADE → essay.dropped",
        "essay.publishing: done → essay.published",
        "essay.publishing: error → essay.kept",
      ],
    });
  });

  test("use the outcomes that they are given", async () => {
    const { paths, uncovered } = await findPaths(essay(50), {
      inputs: [{ text: "x", isDraft: false }],
      outcomes: { score: [reply({ points: 7 }), fail("INVALID_INPUT_ERROR")] },
    });
    expect(uncovered.map(({ source }) => source)).toContain("essay.draft");
    expect(paths.map(({ title }) => title)).toContain("start, score INVALID_INPUT_ERROR");
  });

  test("end at a limit, and say so", async () => {
    const paths = await findPaths(essay(50), { runsMax: 3 });
    expect(paths).toMatchObject({ runs: 3, truncated: true });
    expect(() => paths.assertComplete()).toThrow(/A limit ended the search/);
  });
});

describe("paths of a flow", () => {
  const parcel = flow("parcel", { version: "1" })
    .state("start", { isStart: true, to: ["sent", "returned", "failed", "held"] }, (ctx) => {
      if (ctx.initialData["hold"]) return ctx.actions.transitionTo("held");
      ctx.actions.dispatchTask({
        type: "ship",
        transitions: { success: "sent", refused: "returned", failure: "failed" },
      });
    })
    .state("sent", { to: ["completed"] }, (ctx) => ctx.actions.transitionTo("completed"))
    .state("returned", { isEnd: true })
    .state("held", { isEnd: true }, (ctx) => {
      ctx.stateHistory["held"] = true;
    });

  test("go through every declared status, failure, and every arrow", async () => {
    const paths = await findPaths(parcel, { inputs: [{}, { hold: true }] });
    paths.assertComplete();
    const ends = paths.paths.map(({ title, endsIn }) => [title, endsIn]);
    expect(ends).toContainEqual(["start, task refused", "returned"]);
    expect(ends).toContainEqual(["start, task PERMANENT_ERROR", "failed"]);
    expect(ends).toContainEqual(["start", "held"]);
  });

  test("tell of an arrow that no handler goes", async () => {
    const paths = await findPaths(parcel, { inputs: [{}] });
    expect(() => paths.assertComplete()).toThrow(/parcel\.start: [^\n]* → parcel\.held/);
  });
});
