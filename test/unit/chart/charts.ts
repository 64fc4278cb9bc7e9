// Machines that charts are tried on, from plain to nested.
import { createMachine, setup } from "xstate";
import { chart, type Chart } from "../../../src/blueprint/chart.ts";
import { layoutChart } from "../../../src/chart/layout.ts";
import type { ChartLayout } from "../../../src/chart/placed.ts";

const kit = setup({
  guards: { isLarge: () => true, canRetry: () => true },
  delays: { backoff: 5000 },
  actions: { count: () => {}, note: () => {} },
});

/** Hierarchy, two regions, retries, a way back from everywhere. */
export const video = chart(
  kit.createMachine({
    id: "video",
    initial: "queued",
    states: {
      queued: { on: { START: "processing", CANCEL: "cancelled" }, after: { 600_000: "expired" } },
      processing: {
        type: "parallel",
        on: { CANCEL: "cancelled", PAUSE: "paused" },
        onDone: "publishing",
        states: {
          media: {
            initial: "probing",
            states: {
              probing: { on: { PROBED: [{ guard: "isLarge", target: "splitting" }, "coding"] } },
              splitting: { on: { SPLIT: "coding" } },
              coding: {
                on: {
                  CODED: "done",
                  BROKEN: [
                    { guard: "canRetry", target: "waiting", actions: "count" },
                    "#video.failed",
                  ],
                },
              },
              waiting: { after: { backoff: "coding" } },
              done: { type: "final" },
            },
          },
          thumbnails: {
            initial: "rendering",
            states: {
              rendering: { on: { RENDERED: "done", SKIP: "skipped" } },
              skipped: { type: "final" },
              done: { type: "final" },
            },
          },
        },
      },
      paused: { on: { RESUME: "processing", CANCEL: "cancelled" } },
      publishing: { on: { PUBLISHED: { target: "done", actions: "note" }, BROKEN: "failed" } },
      failed: { on: { RETRY: { target: "queued", actions: "count" } } },
      expired: { type: "final" },
      cancelled: { type: "final" },
      done: { type: "final" },
    },
  }),
);

/** Transitions of every shape: to itself, to a child, to a history, from the root. */
export const review = chart(
  kit.createMachine({
    id: "review",
    initial: "draft",
    on: { ABORT: ".dropped", HELP: { actions: "note" } },
    states: {
      draft: { on: { SUBMIT: "open", RESET: { target: "draft", reenter: true } } },
      open: {
        initial: "reading",
        on: { BACK: "draft", REOPEN: ".reading", HOLD: "held" },
        states: {
          last: { type: "history", history: "deep" },
          reading: { on: { DONE: "read", SKIM: "read" } },
          read: { type: "final" },
        },
      },
      held: { on: { RESUME: "open.last", "*": "dropped" } },
      dropped: { type: "final" },
    },
  }),
);

export const single = chart(createMachine({ id: "single" }));

/** Names that would be code where a name is not taken for text. */
export const hostile = chart(
  createMachine({
    id: "hostile",
    initial: `</text><script>alert("1")</script>`,
    states: {
      [`</text><script>alert("1")</script>`]: {
        description: `"><img src=x>`,
        on: { [`&lt; ' " <b> -->`]: "a\0b\nc" },
      },
      "a\0b\nc": {},
    },
  }),
);

const layouts = new Map<Chart, Promise<ChartLayout>>();

/** The layout of a chart, made once for all tests of a file. */
export function layoutOf(drawn: Chart): Promise<ChartLayout> {
  const layout = layouts.get(drawn) ?? layoutChart(drawn);
  layouts.set(drawn, layout);
  return layout;
}
