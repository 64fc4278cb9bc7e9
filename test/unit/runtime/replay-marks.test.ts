// A history that is read page by page is replayed once, and told as if it were replayed from the beginning each time.
import { describe, expect, test } from "vitest";
import { assign, setup } from "xstate";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { openWorld } from "../../support/runtime-world.ts";

/** How many steps machines have made of the event ADD, for whomever. */
let made = 0;
const counter = blueprint("counter", {
  version: "1",
  machine: setup({
    types: { context: {} as { sum: number }, events: {} as { type: "ADD"; n: number } },
  }).createMachine({
    id: "counter",
    context: () => ({ sum: 0 }),
    initial: "on",
    states: {
      on: {
        on: {
          ADD: {
            actions: assign({
              sum: ({ context, event }) => {
                made++;
                return context.sum + event.n;
              },
            }),
          },
        },
      },
    },
  }),
});

async function counted(events: number) {
  const world = await openWorld([counter]);
  const { jobs, past } = world.runtime;
  const { jobId } = await jobs.start({ blueprint: "counter", input: {} });
  const add = async (count: number, n = 1) => {
    for (let index = 0; index < count; index++) await jobs.send(jobId, { type: "ADD", n });
  };
  await add(events);
  made = 0;
  /** Every page, each asked for by its own. */
  const pages = async (limit: number) => {
    const revisions: number[] = [];
    for (;;) {
      const page = await past.steps(jobId, revisions.at(-1) ?? 0, limit);
      if (page.length === 0) return revisions;
      revisions.push(...page.map(({ revision }) => revision));
    }
  };
  return { ...world, jobId, past, add, pages };
}
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe("a history in pages", () => {
  test("takes each step once, in however many pages", async () => {
    const { pages, past, jobId } = await counted(99);
    expect(await pages(10)).toEqual(upTo(100));
    expect(made).toBe(99);
    const page = await past.steps(jobId, 60, 10);
    expect(page.map(({ revision }) => revision)).toEqual(upTo(70).slice(60));
    expect(made).toBe(99 + 10);
  });

  test("goes on where a moment was told, and tells moments from there", async () => {
    const { past, jobId } = await counted(99);
    expect(await past.at(jobId, 50)).toMatchObject({ data: { sum: 49 }, previousState: "on" });
    expect(await past.at(jobId, 51)).toMatchObject({ data: { sum: 50 }, previousState: "on" });
    expect(made).toBe(50);
    expect(await past.at(jobId, 51)).toMatchObject({ data: { sum: 50 } });
    expect(made).toBe(51);
    expect(await past.at(jobId, 1)).toMatchObject({ data: { sum: 0 }, previousState: "" });
  });

  test("tells what came since", async () => {
    const { pages, past, jobId, add } = await counted(9);
    expect(await pages(5)).toEqual(upTo(10));
    await add(5);
    made = 0;
    expect(await past.at(jobId, 15)).toMatchObject({ data: { sum: 14 } });
    expect(made).toBe(5);
  });

  test("of two jobs at once mixes nothing up", async () => {
    const { past, jobId, runtime } = await counted(9);
    const { jobId: other } = await runtime.jobs.start({ blueprint: "counter", input: {} });
    for (let n = 0; n < 9; n++) await runtime.jobs.send(other, { type: "ADD", n: 100 });
    for (let revision = 1; revision <= 10; revision++) {
      const [one, two] = await Promise.all([past.at(jobId, revision), past.at(other, revision)]);
      expect([one.data, two.data]).toEqual([{ sum: revision - 1 }, { sum: 100 * (revision - 1) }]);
    }
  });

  test("forgets what a store that went back in time has lost", async () => {
    const { past, jobId, store, clock, add } = await counted(4);
    const before = store.snapshot();
    await add(10);
    expect(await past.at(jobId, 12)).toMatchObject({ data: { sum: 11 } });
    store.rewind(before);
    await clock.advance(2000);
    await add(10, 100);
    const [, last] = await past.steps(jobId, 11, 2);
    expect(last).toMatchObject({ revision: 13 });
    expect(await past.at(jobId, 13)).toMatchObject({ data: { sum: 4 + 8 * 100 } });
  });
});
