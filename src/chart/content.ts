// What is written in a state's box and on an arrow, and how much room that takes.
import { labelText } from "../blueprint/chart-label.ts";
import type { ChartEdge, ChartNode } from "../blueprint/chart.ts";
import { shorten, textWidth } from "./text-size.ts";

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface NodeLine {
  readonly kind: "task" | "reaction";
  readonly text: string;
}

/** The texts of a box: a title, and lines below it. */
export interface NodeContent {
  readonly title: string;
  readonly titleWidth: number;
  readonly tag?: "parallel";
  readonly lines: readonly NodeLine[];
  /** Of the box of a leaf; of the head of a state with children. */
  readonly size: Size;
}

export const titleSize = 13;
export const lineSize = 11;
export const lineHeight = 16;
export const titleHeight = 38;
export const headPadding = 16;
export const tagWidth = 54;
export const tagGap = 10;
export const historySize = 28;
export const labelLineHeight = 15;
const labelPadding = 7;
/** How much wider a bold text is. */
const boldness = 1.05;
const leafWidthMin = 84;
const charsMax = 44;
const linesMax = 6;

export function nodeContent(node: ChartNode): NodeContent {
  const title = shorten(node.key, charsMax);
  const titleWidth = textWidth(title, titleSize) * boldness;
  const tag = node.kind === "parallel" ? ("parallel" as const) : undefined;
  const lines = nodeLines(node);
  const textWidths = [
    titleWidth + (tag ? tagGap + tagWidth : 0),
    ...lines.map(({ text }) => textWidth(text, lineSize)),
  ];
  const width = Math.max(leafWidthMin, ...textWidths.map((each) => each + 2 * headPadding));
  const height = titleHeight + lines.length * lineHeight;
  const size =
    node.kind === "history"
      ? { width: historySize, height: historySize }
      : { width: Math.ceil(width), height };
  return { title, titleWidth, ...(tag && { tag }), lines, size };
}

function nodeLines({ tasks, reactions }: ChartNode): NodeLine[] {
  const lines: NodeLine[] = [
    ...tasks.map((task) => ({ kind: "task" as const, text: `⚙ ${task}` })),
    ...reactions.map((label) => ({ kind: "reaction" as const, text: labelText(label) })),
  ].map(({ kind, text }) => ({ kind, text: shorten(text, charsMax) }));
  if (lines.length <= linesMax) return lines;
  const more = lines.length - (linesMax - 1);
  return [...lines.slice(0, linesMax - 1), { kind: "reaction", text: `and ${more} more` }];
}

/** The lines of a label: one for each transition between the same two states. */
export function routeLines(edges: readonly ChartEdge[]): readonly string[] {
  const lines = edges.map(({ label }) => shorten(labelText(label), charsMax));
  return [...new Set(lines.filter((line) => line !== ""))];
}

export function labelSize(lines: readonly string[]): Size {
  const widest = Math.max(...lines.map((line) => textWidth(line, lineSize)));
  return {
    width: Math.ceil(widest) + 2 * labelPadding,
    height: lines.length * labelLineHeight + 4,
  };
}
