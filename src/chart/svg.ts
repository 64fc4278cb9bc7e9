// A laid-out chart as SVG. States and arrows carry `data-state` and `data-edge`, so that a live picture only changes classes.
import {
  headPadding,
  labelLineHeight,
  lineHeight,
  nodeContent,
  tagGap,
  tagWidth,
  titleHeight,
  type NodeContent,
} from "./content.ts";
import { labelText } from "../blueprint/chart-label.ts";
import type { Box, ChartLayout, PlacedInitial, PlacedNode, PlacedRoute } from "./placed.ts";
import { arrow } from "./arrow.ts";
import { chartStyle, type ChartTheme } from "./svg-style.ts";

export interface SvgOptions {
  /** Ids of the states that are drawn lit. */
  readonly active?: readonly string[];
  /** `auto` follows the reader's system. */
  readonly theme?: ChartTheme;
}

/** Everything from the machine is text to this function: names are escaped wherever they stand. */
export function chartSvg(layout: ChartLayout, options: SvgOptions = {}): string {
  const { nodes, routes, initials } = layout;
  const active = new Set(options.active);
  const name = nodes[0]?.node.key ?? "";
  const [width, height] = [layout.width + 2 * margin, layout.height + 2 * margin];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="avtomatika-chart" role="img" aria-label="${escaped(`Statechart of ${name}`)}" viewBox="${-margin} ${-margin} ${width} ${height}" width="${width}" height="${height}">`,
    `<style>${chartStyle(options.theme ?? "auto")}</style>`,
    ...nodes.map((node) => stateSvg(node, active.has(node.node.id))),
    ...initials.map(initialSvg),
    ...routes.map(routeSvg),
    // Labels come last: an arrow that passes must not strike a word out.
    ...routes.map(labelSvg),
    "</svg>",
  ].join("\n");
}

const margin = 8;

function stateSvg(placed: PlacedNode, active: boolean): string {
  const { node, hasChildren } = placed;
  const content = nodeContent(node);
  const classes = [
    "state",
    node.kind,
    hasChildren ? "parent" : "leaf",
    ...(node.parent === undefined && hasChildren ? ["root"] : []),
    ...(active ? ["active"] : []),
  ];
  const shapes = node.kind === "history" ? historyShapes(placed) : boxShapes(placed);
  const texts =
    node.kind === "history"
      ? [text("title", center(placed), middle(placed) + 4.5, node.history === "deep" ? "H*" : "H")]
      : hasChildren
        ? headTexts(placed, content)
        : leafTexts(placed, content);
  const tooltip = [node.key, node.description].filter(Boolean).join(" – ");
  return [
    `<g class="${classes.join(" ")}" data-state="${escaped(node.id)}">`,
    `<title>${escaped(tooltip)}</title>`,
    ...shapes,
    ...texts,
    "</g>",
  ].join("");
}

function boxShapes({ node, hasChildren, ...box }: PlacedNode): string[] {
  const radius = hasChildren ? 12 : 9;
  const shapes = [rect("box", box, radius)];
  if (node.kind !== "final") return shapes;
  const inset = 3.5;
  const inner = {
    x: box.x + inset,
    y: box.y + inset,
    width: box.width - 2 * inset,
    height: box.height - 2 * inset,
  };
  return [...shapes, rect("inner", inner, radius - 2.5)];
}

function historyShapes(box: Box): string[] {
  return [
    `<circle class="box" cx="${round(center(box))}" cy="${round(middle(box))}" r="${round(box.width / 2)}"/>`,
  ];
}

/** A state with children: its title stands at the top left, its lines below. */
function headTexts({ x, y }: Box, { title, titleWidth, tag, lines }: NodeContent): string[] {
  const left = x + headPadding;
  const tagX = left + titleWidth + tagGap;
  const tagBox = { x: tagX, y: y + 11, width: tagWidth, height: 18 };
  return [
    text("title", left, y + 24.5, title),
    ...(tag ? [rect("tag", tagBox, 9), text("tag-name", tagX + tagWidth / 2, y + 23.5, tag)] : []),
    ...lines.map((line, index) =>
      text(line.kind, left, y + titleHeight + index * lineHeight + 4, line.text),
    ),
  ];
}

function leafTexts(box: Box, { title, lines }: NodeContent): string[] {
  const first = lines.length > 0 ? box.y + 23 : middle(box) + 4.5;
  return [
    text("title", center(box), first, title),
    ...lines.map((line, index) =>
      text(line.kind, center(box), first + 17 + index * lineHeight, line.text),
    ),
  ];
}

function initialSvg({ dot, points, state }: PlacedInitial): string {
  const { line, head } = arrow(points);
  return [
    `<g class="initial" data-initial="${escaped(state)}">`,
    `<circle cx="${round(center(dot))}" cy="${round(middle(dot))}" r="${round(dot.width / 2)}"/>`,
    `<path class="line" d="${line}"/><path class="head" d="${head}"/></g>`,
  ].join("");
}

function routeSvg({ edges, points }: PlacedRoute): string {
  const { line, head } = arrow(points);
  return `<g class="route ${edges[0].kind}" ${ends(edges)}><path class="line" d="${line}"/><path class="head" d="${head}"/></g>`;
}

function labelSvg({ edges, label }: PlacedRoute): string {
  if (!label) return "";
  const lines = label.lines.map((line, index) =>
    text("event", center(label), label.y + 13 + index * labelLineHeight, line),
  );
  const tooltip = edges.map((edge) => labelText(edge.label)).join("\n");
  return `<g class="label ${edges[0].kind}" ${ends(edges)}><title>${escaped(tooltip)}</title>${rect("pill", label, 9)}${lines.join("")}</g>`;
}

function ends([{ id, source, target }]: PlacedRoute["edges"]): string {
  return `data-edge="${escaped(id)}" data-source="${escaped(source)}" data-target="${escaped(target)}"`;
}

function rect(name: string, { x, y, width, height }: Box, radius: number): string {
  return `<rect class="${name}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="${radius}"/>`;
}

function text(name: string, x: number, y: number, words: string): string {
  return `<text class="${name}" x="${round(x)}" y="${round(y)}">${escaped(words)}</text>`;
}

const center = ({ x, width }: Box): number => x + width / 2;
const middle = ({ y, height }: Box): number => y + height / 2;
const round = (value: number): number => Math.round(value * 10) / 10;

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** XML has no way to write most control characters or halves of surrogate pairs. */
// oxlint-disable-next-line no-control-regex
const unwritable = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\p{Surrogate}]/gu;

function escaped(words: string): string {
  return words
    .replaceAll(unwritable, "\ufffd")
    .replaceAll(/[&<>"']/g, (char) => entities[char] ?? char);
}
