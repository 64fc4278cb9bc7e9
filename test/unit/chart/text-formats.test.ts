// Charts as text: DOT for Graphviz, Mermaid for Markdown.
import { flow } from "avtomatika";
import { expect, test } from "vitest";
import { chart } from "../../../src/blueprint/chart.ts";
import { chartDot } from "../../../src/chart/dot.ts";
import { chartMermaid } from "../../../src/chart/mermaid.ts";
import { hostile, review, single, video } from "./charts.ts";

const echo = flow("test_flow", { version: "1" });
echo.state("start", { isStart: true, to: ["completed", "failed"] }, (ctx) => {
  ctx.actions.dispatchTask({
    type: "echo_task",
    transitions: { success: "completed", failure: "failed" },
  });
});
const drawnFlow = chart(echo.build().machine);

test("DOT of a flow reads as the original's does", () =>
  expect(chartDot(drawnFlow)).toBe(`// State Machine for test_flow
digraph {
	node [shape=box style=rounded]
	start -> completed [label="success"]
	start -> failed [label="failure"]
	start [label="start\\n⚙ echo_task"]
	completed [label=completed peripheries=2]
	failed [label=failed peripheries=2]
}
`));

test("DOT puts states with children into clusters, and names no two states alike", () => {
  const dot = chartDot(video);
  expect(dot).toContain('subgraph "cluster_video.processing"');
  expect(dot).toContain('publishing -> "video.done" [label="PUBLISHED / note"]');
  expect(dot).toContain('"video.processing.media.done" [label=done peripheries=2]');
});

test("DOT gives every state one label, and a history its own", () => {
  const dot = chartDot(review);
  expect(dot).toContain('\tlast [label="H*" shape=circle]\n');
  expect(dot.split("\n").filter((line) => line.split("label=").length > 2)).toEqual([]);
});

test("DOT quotes what is not a plain word", () => {
  const dot = chartDot(hostile);
  expect(dot).toContain('label="</text><script>alert(\\"1\\")</script>"');
  expect(chartDot(single)).toContain("single [label=single]");
});

test("Mermaid declares states before arrows, and each arrow where both its ends are", () => {
  expect(chartMermaid(review)).toBe(`stateDiagram-v2
  state "review" as s0_review {
    [*] --> s1_draft
    state "draft" as s1_draft
    state "open" as s2_open {
      [*] --> s4_open_reading
      state "H*" as s3_open_last
      state "reading" as s4_open_reading
      state "read" as s5_open_read
      s5_open_read --> [*]
      s4_open_reading --> s5_open_read: DONE
      s4_open_reading --> s5_open_read: SKIM
    }
    state "held" as s6_held
    state "dropped" as s7_dropped
    s7_dropped --> [*]
    s1_draft --> s2_open: SUBMIT
    s1_draft --> s1_draft: RESET
    s2_open --> s1_draft: BACK
    s2_open --> s4_open_reading: REOPEN
    s2_open --> s6_held: HOLD
    s6_held --> s3_open_last: RESUME
    s6_held --> s7_dropped: any other
  }
  s0_review --> s7_dropped: ABORT
`);
});

test("Mermaid separates the regions of a parallel state", () =>
  expect(chartMermaid(video)).toMatch(/state "media"[^]*\n {4}--\n {4}state "thumbnails"/));

test("Mermaid gets names that can't end a string or a line", () => {
  const mermaid = chartMermaid(hostile);
  expect(mermaid).not.toMatch(/<|"[^"\n]*"[^"\n]*"/);
  expect(mermaid.split("\n")).toHaveLength(6);
});
