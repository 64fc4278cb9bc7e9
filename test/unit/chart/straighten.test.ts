// Straightening arrows: towards fewer bends, and never into anything.
import { expect, test } from "vitest";
import type { ChartEdge, ChartNode } from "../../../src/blueprint/chart.ts";
import type { ChartLayout, PlacedRoute, Point } from "../../../src/chart/placed.ts";
import { straightened } from "../../../src/chart/straighten.ts";

const state = (id: string, x: number, y: number, width: number) => {
  const node: ChartNode = { id, key: id, kind: "atomic", tasks: [], tags: [], reactions: [] };
  return { node, hasChildren: false, x, y, width, height: 40 };
};

const points = (...pairs: [number, number][]): Point[] => pairs.map(([x, y]) => ({ x, y }));

function route(source: string, target: string, path: Point[]): PlacedRoute {
  const label = { event: "", actions: [] };
  const edge: ChartEdge = { id: `${source}>${target}`, source, target, kind: "event", label };
  return { edges: [edge], points: path };
}

// Narrow enough to leave an arrow just one place.
const above = state("above", 94, 0, 32);
const below = state("below", 0, 200, 200);
const bent = points([110, 40], [110, 100], [20, 100], [20, 200]);

const layoutWith = (...routes: PlacedRoute[]): ChartLayout => ({
  width: 300,
  height: 300,
  nodes: [above, below],
  routes,
  initials: [],
});

test("an arrow runs straight into a box that is wide enough", () => {
  const { routes } = straightened(layoutWith(route("above", "below", bent)));
  expect(routes[0]?.points).toEqual(points([110, 40], [110, 200]));
});

test("an arrow out of a wide box is straightened at its beginning", () => {
  const up = route("below", "above", bent.toReversed());
  const { routes } = straightened(layoutWith(up));
  expect(routes[0]?.points).toEqual(points([110, 200], [110, 40]));
});

test("the label beside the leg that moves goes with it", () => {
  const label = { x: 24, y: 140, width: 30, height: 19, lines: ["GO"] };
  const { routes } = straightened(layoutWith({ ...route("above", "below", bent), label }));
  expect(routes[0]?.label).toEqual({ ...label, x: 114 });
});

test("an arrow keeps its bends where the straight way is taken", () => {
  const other = route("above", "below", points([150, 150], [116, 150], [116, 200]));
  const { routes } = straightened(layoutWith(route("above", "below", bent), other));
  expect(routes[0]?.points).toEqual(bent);
});

test("an arrow keeps its distance from the corners of a box", () => {
  const narrow = state("narrow", 0, 200, 100);
  const layout = { ...layoutWith(route("above", "narrow", bent)), nodes: [above, narrow] };
  expect(straightened(layout).routes[0]?.points).toEqual(
    points([110, 40], [110, 100], [84, 100], [84, 200]),
  );
});
