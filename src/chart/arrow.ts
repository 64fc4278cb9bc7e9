// The two paths of an arrow: a line with rounded corners, and a head where it ends.
import type { Point } from "./placed.ts";

const cornerRadius = 8;
const headLength = 7;
const headHalfWidth = 3.5;

/** @returns SVG path data; empty for fewer than two points. */
export function arrow(points: readonly Point[]): { readonly line: string; readonly head: string } {
  const end = points.at(-1);
  const before = points.at(-2);
  if (!end || !before) return { line: "", head: "" };
  const neck = towards(end, before, headLength - 1);
  const side = {
    x: ((end.y - before.y) / distance(end, before)) * headHalfWidth,
    y: ((before.x - end.x) / distance(end, before)) * headHalfWidth,
  };
  const base = towards(end, before, headLength);
  return {
    line: roundedLine([...points.slice(0, -1), neck]),
    head: `M${at(end)}L${at({ x: base.x + side.x, y: base.y + side.y })}L${at({ x: base.x - side.x, y: base.y - side.y })}Z`,
  };
}

function roundedLine(points: readonly Point[]): string {
  const parts = points.map((point, index) => {
    const [before, after] = [points[index - 1], points[index + 1]];
    if (!before) return `M${at(point)}`;
    if (!after) return `L${at(point)}`;
    const radius = Math.min(cornerRadius, distance(before, point) / 2, distance(point, after) / 2);
    return `L${at(towards(point, before, radius))}Q${at(point)} ${at(towards(point, after, radius))}`;
  });
  return parts.join("");
}

/** The point `length` away from one point in the direction of another. */
function towards(from: Point, to: Point, length: number): Point {
  const whole = distance(from, to);
  if (whole === 0) return from;
  const share = length / whole;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

const distance = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y);
const round = (value: number): number => Math.round(value * 10) / 10;
const at = ({ x, y }: Point): string => `${round(x)},${round(y)}`;
