// Telling forward from backward transitions.
import { expect, test } from "vitest";
import { createMachine } from "xstate";
import { chart } from "../../../src/blueprint/chart.ts";
import { backEdges } from "../../../src/chart/back-edges.ts";
import { review, video } from "./charts.ts";

const backOf = (drawn: typeof video): string[] => {
  const isBack = backEdges(drawn);
  return drawn.edges.filter(isBack).map(({ label, target }) => `${label.event} > ${target}`);
};

test("transitions to where the job has come from lead back", () =>
  expect(backOf(video)).toEqual([
    "after backoff > video.processing.media.coding",
    "RESUME > video.processing",
    "RETRY > video.queued",
  ]));

test("transitions to itself, to a child and from the root do not", () =>
  expect(backOf(review)).toEqual(["BACK > review.draft", "RESUME > review.open.last"]));

test("an end that many states lead to stays below all of them", () => {
  const states = Object.fromEntries(
    [0, 1, 2, 3].map((n) => [`s${n}`, { on: { FAIL: "end", NEXT: n < 3 ? `s${n + 1}` : "end" } }]),
  );
  const line = createMachine({ id: "m", initial: "s0", states: { ...states, end: {} } });
  expect(backOf(chart(line))).toEqual([]);
});
