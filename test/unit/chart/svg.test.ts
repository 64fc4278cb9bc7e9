// The SVG of a chart: names are text, and everything that changes live can be found.
import { expect, test } from "vitest";
import { chartSvg } from "../../../src/chart/svg.ts";
import { hostile, layoutOf, review, video } from "./charts.ts";

test("marks states and arrows, so that a live picture only changes classes", async () => {
  const svg = chartSvg(await layoutOf(video));
  for (const { id } of video.nodes) expect(svg).toContain(`data-state="${id}"`);
  expect(svg).toContain(`data-source="video.queued" data-target="video.processing"`);
  expect(svg).not.toMatch(/class="[^"]*\bactive\b/);
});

test("lights the active states, and those only", async () => {
  const svg = chartSvg(await layoutOf(video), { active: ["video.paused"] });
  const lit = [...svg.matchAll(/class="[^"]*\bactive\b[^"]*" data-state="([^"]*)"/g)];
  expect(lit.map(([, id]) => id)).toEqual(["video.paused"]);
});

test("shows the kinds of states", async () => {
  const layout = await layoutOf(review);
  const svg = chartSvg(layout);
  expect(svg).toMatch(/class="state history leaf"[^>]*data-state="review.open.last"/);
  expect(svg).toContain(">H*</text>");
  expect(svg).toMatch(/class="state final leaf".*?class="inner"/);
  expect(chartSvg(await layoutOf(video))).toContain(">parallel</text>");
});

test("writes names as text, whatever they are", async () => {
  const svg = chartSvg(await layoutOf(hostile));
  expect(svg).not.toContain("<script");
  expect(svg).not.toContain("<img");
  expect(svg).not.toContain("<b>");
  expect(svg).not.toContain("\0");
  expect(svg).toContain("&lt;/text&gt;&lt;script&gt;");
  const tags = [...svg.matchAll(/<\/?([a-z]+)/g)].map(([, name]) => name);
  expect(new Set(tags)).toEqual(
    new Set(["svg", "style", "g", "title", "rect", "text", "circle", "path"]),
  );
});

test("follows the reader's system unless told otherwise", async () => {
  const layout = await layoutOf(review);
  expect(chartSvg(layout)).toContain("prefers-color-scheme");
  expect(chartSvg(layout, { theme: "dark" })).not.toContain("prefers-color-scheme");
});

test("its stylesheet touches nothing outside the picture", async () => {
  const [, style = ""] = /<style>([^]*)<\/style>/.exec(chartSvg(await layoutOf(review))) ?? [];
  const selectors = [...style.replace(/^@media.*$/m, "").matchAll(/^([^{\n]+)\{/gm)]
    .flatMap(([, list = ""]) => list.split(","))
    .filter((selector) => !selector.startsWith(".avtomatika-chart"));
  expect(style).not.toBe("");
  expect(selectors).toEqual([]);
});
