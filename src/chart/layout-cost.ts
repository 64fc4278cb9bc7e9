// What makes one layout of a chart tidier than another, as a number; and the settings worth trying.
import type { LayoutOptions } from "elkjs/lib/elk-api.js";
import { cross, distance, legs, overlap, span } from "./geometry.ts";
import type { ChartLayout, PlacedRoute } from "./placed.ts";

const placements = ["NETWORK_SIMPLEX", "LINEAR_SEGMENTS"];
const seeds = ["1", "2", "3"];

/** Settings of the layout engine, in the order in which equals win. */
const variants: readonly LayoutOptions[] = placements.flatMap((placement) =>
  seeds.map((seed) => ({
    "elk.layered.nodePlacement.strategy": placement,
    "elk.layered.edgeLabels.centerLabelPlacementStrategy": "SPACE_EFFICIENT_LAYER",
    "elk.randomSeed": seed,
  })),
);

/** The time for one layout grows with the square of the arrows, so a crowded chart gets one try, in the quicker way. */
const crowdedFrom = 80;

export function layoutVariants(arrows: number): readonly LayoutOptions[] {
  return arrows < crowdedFrom ? variants : variants.slice(seeds.length, seeds.length + 1);
}

const crossingCost = 60;
const bendCost = 12;
const overlapCost = 2000;
const sizeCost = 1.5;

/** Lower is tidier: short arrows, few bends and crossings, a small picture, and nothing on top of a label. */
export function layoutCost(layout: ChartLayout): number {
  const { width, height, routes } = layout;
  const length = sum(routes, ({ points }) => sum(legs(points), ([a, b]) => distance(a, b)));
  const bends = sum(routes, ({ points }) => Math.max(0, points.length - 2));
  return (
    length +
    bends * bendCost +
    crossings(routes) * crossingCost +
    overlaps(layout) * overlapCost +
    (width + height) * sizeCost
  );
}

function overlaps({ routes, nodes }: ChartLayout): number {
  const labels = routes.flatMap(({ label }) => label ?? []);
  const leaves = nodes.filter(({ hasChildren }) => !hasChildren);
  const onLabels = pairs(labels).filter(([a, b]) => overlap(a, b)).length;
  const onLeaves = sum(labels, (label) => leaves.filter((leaf) => overlap(label, leaf)).length);
  const crossed = sum(labels, (label) => {
    const others = routes.filter((route) => route.label !== label);
    return others.filter(({ points }) => legs(points).some(([a, b]) => overlap(label, span(a, b))))
      .length;
  });
  return onLabels + onLeaves + crossed;
}

function crossings(routes: readonly PlacedRoute[]): number {
  return sum(pairs(routes), ([one, other]) =>
    sum(
      legs(one.points),
      ([a, b]) => legs(other.points).filter(([c, d]) => cross(a, b, c, d)).length,
    ),
  );
}

function pairs<T>(items: readonly T[]): (readonly [T, T])[] {
  return items.flatMap((one, index) =>
    items.slice(index + 1).map((other) => [one, other] as const),
  );
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
