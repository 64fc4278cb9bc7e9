// Jobs with contexts so large that a turn leaves them unread until it needs them: whoever sees them sees all of them.
import { expect, test } from "vitest";
import { setup } from "xstate";
import { blueprint } from "../../../src/blueprint/blueprint.ts";
import { expectReplayed } from "../../support/job-blueprints.ts";
import { oneState, startFlow } from "../../support/flow-world.ts";
import { openWorld } from "../../support/runtime-world.ts";

const pages = Array.from({ length: 100 }, (_, page) => ({ page, text: "x".repeat(100) }));

test("named actions are given the whole context, after a turn that left it alone", async () => {
  const given: unknown[] = [];
  const reader = blueprint("reader", {
    version: "1",
    machine: setup({
      actions: { note: ({ context }) => void given.push(context) },
    }).createMachine({
      id: "reader",
      context: () => ({ pages }),
      initial: "open",
      states: { open: { on: { NOTE: { actions: "note" }, END: "over" } }, over: { type: "final" } },
      output: ({ context }) => (context as { pages: unknown[] }).pages.length,
    }),
  });
  const { runtime, store, clock } = await openWorld([reader]);
  const { jobId } = await runtime.jobs.start({ blueprint: "reader", input: {} });
  await Promise.all([1, 2, 3].map(() => runtime.jobs.send(jobId, { type: "NOTE" })));
  await clock.advance(0);
  expect(given).toEqual([{ pages }, { pages }, { pages }]);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ data: { pages } });
  await runtime.jobs.send(jobId, { type: "END" });
  expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "finished", output: 100 });
  await expectReplayed(store, reader, jobId);
});

test("a flow knows what it was started with, whom it asks, and what its task gave", async () => {
  const seen: unknown[] = [];
  const reader = oneState((ctx) => {
    seen.push(ctx.initialData);
    ctx.actions.awaitHumanApproval({ transitions: { yes: "completed", no: "failed" } });
  });
  const { runtime, store, jobId, clock } = await startFlow([reader], { pages });
  expect(seen).toEqual([{ pages }]);
  expect(await runtime.jobs.send(jobId, { type: "NOTHING" })).toMatchObject({ outcome: "ignored" });
  await clock.advance(1000);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ status: "waiting_for_human" });
  await runtime.jobs.approve(jobId, "yes");
  expect(await runtime.jobs.get(jobId)).toMatchObject({
    status: "finished",
    initialData: { pages },
  });
  await expectReplayed(store, reader, jobId);
});
