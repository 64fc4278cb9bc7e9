// Layouts of charts: everything has a place, nothing covers anything, and beginnings are on top.
import { describe, expect, test } from "vitest";
import { layoutChart } from "../../../src/chart/layout.ts";
import type { Box, ChartLayout, PlacedNode } from "../../../src/chart/placed.ts";
import { hostile, layoutOf, review, single, video } from "./charts.ts";

const inside = (inner: Box, outer: Box): boolean =>
  inner.x >= outer.x &&
  inner.y >= outer.y &&
  inner.x + inner.width <= outer.x + outer.width &&
  inner.y + inner.height <= outer.y + outer.height;
const apart = (a: Box, b: Box): boolean =>
  a.x >= b.x + b.width || b.x >= a.x + a.width || a.y >= b.y + b.height || b.y >= a.y + a.height;

const nodeOf = (layout: ChartLayout, id: string): PlacedNode => {
  const found = layout.nodes.find(({ node }) => node.id === id);
  if (!found) throw new Error(`no node ${id}`);
  return found;
};

describe.each(Object.entries({ video, review, single, hostile }))(
  "the layout of %s",
  (_, drawn) => {
    test("puts every state inside its parent, apart from its siblings", async () => {
      const layout = await layoutOf(drawn);
      expect(layout.nodes.map(({ node }) => node)).toEqual(drawn.nodes);
      for (const one of layout.nodes) {
        if (one.node.parent !== undefined)
          expect(inside(one, nodeOf(layout, one.node.parent)), one.node.id).toBe(true);
        for (const other of layout.nodes)
          if (other !== one && other.node.parent === one.node.parent)
            expect(apart(one, other), `${one.node.id} and ${other.node.id}`).toBe(true);
      }
    });

    test("puts labels on no state and on no other label", async () => {
      const layout = await layoutOf(drawn);
      const labels = layout.routes.flatMap(({ label }) => label ?? []);
      const leaves = layout.nodes.filter(({ hasChildren }) => !hasChildren);
      for (const label of labels) {
        for (const other of labels) if (other !== label) expect(apart(label, other)).toBe(true);
        for (const leaf of leaves) expect(apart(label, leaf), leaf.node.id).toBe(true);
        expect(inside(label, { x: 0, y: 0, width: layout.width, height: layout.height })).toBe(
          true,
        );
      }
    });

    test("draws every arrow from its source to its target", async () => {
      const layout = await layoutOf(drawn);
      const drawnEdges = layout.routes.flatMap(({ edges }) => edges.map(({ id }) => id));
      expect(drawnEdges.toSorted()).toEqual(drawn.edges.map(({ id }) => id).toSorted());
      for (const { edges, points } of layout.routes) {
        const [from, to] = [nodeOf(layout, edges[0].source), nodeOf(layout, edges[0].target)];
        const near = (box: Box): Box => ({
          x: box.x - 2,
          y: box.y - 2,
          width: box.width + 4,
          height: box.height + 4,
        });
        const dot = { width: 0, height: 0 };
        expect(inside({ ...points[0]!, ...dot }, near(from)), edges[0].id).toBe(true);
        expect(inside({ ...points.at(-1)!, ...dot }, near(to)), edges[0].id).toBe(true);
      }
    });
  },
);

test("initial states are above all others of their region", async () => {
  const layout = await layoutOf(video);
  for (const { node } of layout.nodes) {
    if (node.initial === undefined) continue;
    const top = nodeOf(layout, node.initial).y;
    const siblings = layout.nodes.filter((other) => other.node.parent === node.id);
    expect(Math.min(...siblings.map(({ y }) => y))).toBe(top);
  }
});

test("transitions between the same two states share an arrow, a line of its label for each", async () => {
  const { routes } = await layoutOf(review);
  const shared = routes.find(({ edges }) => edges[0].target === "review.open.read");
  expect(shared?.edges).toHaveLength(2);
  expect(shared?.label?.lines).toEqual(["DONE", "SKIM"]);
});

test("the same chart always gets the same layout", async () => {
  expect(await layoutOf(review)).toEqual(await layoutChart(structuredClone(review)));
});
