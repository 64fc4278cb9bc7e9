// Takes out bends that the layout engine leaves: an arrow may meet a box anywhere along its side.
import { cross, legs, overlap, span } from "./geometry.ts";
import type { Box, ChartLayout, PlacedNode, PlacedRoute, Point } from "./placed.ts";

/** From the corner of a box to the nearest arrow. */
const cornerDistance = 16;
/** Between two arrows that run side by side. */
const arrowDistance = 11;
/** From an arrow to a label that is not its own. */
const labelDistance = 3;
/** The farthest from its arrow that a label stands. */
const ownLabelDistance = 12;

/** The layout with straighter arrows, wherever that brings an arrow no nearer to anything than before. */
export function straightened(layout: ChartLayout): ChartLayout {
  const routes = [...layout.routes];
  const nodes = new Map(layout.nodes.map((placed) => [placed.node.id, placed]));
  for (const [index, { edges }] of routes.entries()) {
    const others = routes.filter((_, each) => each !== index);
    const attempt = (end: "source" | "target"): void => {
      const route = routes[index];
      const box = nodes.get(edges[0][end]);
      const straight = route && box && slide(route, box, end);
      if (straight && conflicts(straight, others, layout) <= conflicts(route, others, layout))
        routes[index] = straight;
    };
    attempt("target");
    attempt("source");
  }
  return { ...layout, routes };
}

/**
 * Slide the last leg of an arrow along the side of the box that it meets, towards the leg before the last bend.
 *
 * @returns undefined where the arrow does not end with a vertical, a horizontal and a vertical leg.
 */
function slide(route: PlacedRoute, box: PlacedNode, end: "source" | "target") {
  const points = end === "target" ? route.points : route.points.toReversed();
  const [before, bend, corner, tip] = points.slice(-4);
  if (!before || !bend || !corner || !tip) return undefined;
  if (before.x !== bend.x || bend.y !== corner.y || corner.x !== tip.x) return undefined;
  const least = box.x + cornerDistance;
  const most = box.x + box.width - cornerDistance;
  const x = Math.min(Math.max(bend.x, least), most);
  if (least > most || Math.abs(x - bend.x) >= Math.abs(tip.x - bend.x)) return undefined;
  const kept = points.slice(0, -3);
  const slid =
    x === bend.x
      ? [...kept, { x, y: tip.y }]
      : [...kept, bend, { x, y: corner.y }, { x, y: tip.y }];
  return {
    ...route,
    points: end === "target" ? slid : slid.toReversed(),
    ...(route.label && { label: withLeg(route.label, corner, tip, x - tip.x) }),
  };
}

/** A label that stands beside the leg moves with it. */
function withLeg<Label extends Box>(label: Label, corner: Point, tip: Point, dx: number): Label {
  const leg = span(corner, tip);
  const near = { ...leg, x: leg.x - ownLabelDistance, width: 2 * ownLabelDistance };
  return overlap(label, near) ? { ...label, x: label.x + dx } : label;
}

/** How many things an arrow or its label crosses, covers or comes too near to. */
function conflicts(
  route: PlacedRoute,
  others: readonly PlacedRoute[],
  layout: ChartLayout,
): number {
  const mine = legs(route.points).map(([a, b]) => span(a, b));
  const arrows = [...others, ...layout.initials].map(({ points }) => points);
  const theirs = arrows.flatMap((points) => legs(points).map(([a, b]) => span(a, b)));
  const labels = others.flatMap(({ label }) => label ?? []);
  const { label } = route;
  const count = (boxes: readonly Box[], test: (box: Box) => boolean) => boxes.filter(test).length;
  const onMine = (box: Box, room: number) => count(mine, (leg) => overlap(grown(leg, room), box));
  const crossings = legs(route.points).flatMap(([a, b]) =>
    arrows.flatMap((points) => legs(points).filter(([c, d]) => cross(a, b, c, d))),
  );
  let total = crossings.length;
  for (const node of layout.nodes) total += onMine(node, 0);
  for (const other of labels) total += onMine(other, labelDistance);
  for (const leg of theirs) total += count(mine, (one) => areTooNear(one, leg));
  if (!label) return total;
  const leaves = layout.nodes.filter(({ hasChildren }) => !hasChildren);
  const frame = { x: 0, y: 0, width: layout.width, height: layout.height };
  return (
    total +
    count([...labels, ...leaves], (box) => overlap(grown(label, labelDistance), box)) +
    count(theirs, (leg) => overlap(label, grown(leg, labelDistance))) +
    (overlap(frame, label) ? 0 : 1)
  );
}

/** Whether two legs run side by side. */
function areTooNear(one: Box, other: Box): boolean {
  const bothVertical = one.width === 0 && other.width === 0;
  const bothHorizontal = one.height === 0 && other.height === 0;
  return (bothVertical || bothHorizontal) && overlap(grown(one, arrowDistance), other);
}

const grown = ({ x, y, width, height }: Box, by: number): Box => ({
  x: x - by,
  y: y - by,
  width: width + 2 * by,
  height: height + 2 * by,
});
