// A chart as the layout engine takes it: boxes in boxes, and arrows that all run downwards.
import type { ElkExtendedEdge, ElkNode, LayoutOptions } from "elkjs/lib/elk-api.js";
import type { Chart, ChartEdge, ChartNode } from "../blueprint/chart.ts";
import { labelSize, nodeContent, routeLines } from "./content.ts";
import { backEdges } from "./back-edges.ts";

/** One arrow: a transition, or several between the same two states. */
export interface Route {
  readonly id: string;
  readonly edges: readonly [ChartEdge, ...ChartEdge[]];
  readonly lines: readonly string[];
  /**
   * The engine was given it upside down. Its own breaking of cycles puts initial states anywhere,
   * and its options against that fail on nested graphs, so it is given no cycles.
   */
  readonly reversed: boolean;
}

/** Ids of the engine's elements that are not state nodes; a state's id cannot begin so. */
export const initialDotId = (state: string): string => `\0dot:${state}`;
export const initialEdgeId = (state: string): string => `\0initial:${state}`;
export const initialDotSize = 10;

export function chartRoutes(chart: Chart): readonly Route[] {
  const isBack = backEdges(chart);
  const byEnds = new Map<string, [ChartEdge, ...ChartEdge[]]>();
  for (const edge of chart.edges) {
    const ends = JSON.stringify([edge.source, edge.target]);
    const same = byEnds.get(ends);
    if (same) same.push(edge);
    else byEnds.set(ends, [edge]);
  }
  return [...byEnds.values()].map((edges) => ({
    id: edges[0].id,
    edges,
    lines: routeLines(edges),
    reversed: isBack(edges[0]),
  }));
}

/** @param options Of the whole graph; they win over the usual ones. */
export function elkGraph(chart: Chart, routes: readonly Route[], options: LayoutOptions): ElkNode {
  const [root] = chart.nodes;
  if (!root) throw new Error("A chart has at least its root node.");
  return {
    id: "\0graph",
    layoutOptions: { ...graphOptions, ...options },
    children: [elkNode(chart, root, options)],
    edges: [...routes.map(elkEdge), ...chart.nodes.flatMap(initialEdge)],
  };
}

const graphOptions: LayoutOptions = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.json.edgeCoords": "ROOT",
  "elk.json.shapeCoords": "ROOT",
  "elk.padding": "[top=2,left=2,bottom=2,right=2]",
};

const spacing: LayoutOptions = {
  "elk.spacing.nodeNode": "26",
  "elk.layered.spacing.nodeNodeBetweenLayers": "30",
  "elk.spacing.edgeEdge": "12",
  "elk.spacing.edgeNode": "16",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "10",
  "elk.layered.spacing.edgeNodeBetweenLayers": "14",
  "elk.spacing.edgeLabel": "4",
  "elk.spacing.labelLabel": "6",
};

function elkNode(chart: Chart, node: ChartNode, options: LayoutOptions): ElkNode {
  const children = chart.nodes.filter(({ parent }) => parent === node.id);
  const { size } = nodeContent(node);
  if (children.length === 0) return { id: node.id, ...size };
  const dot = { width: initialDotSize, height: initialDotSize };
  return {
    id: node.id,
    layoutOptions: {
      ...spacing,
      ...options,
      "elk.padding": `[top=${size.height + 4},left=18,bottom=18,right=18]`,
      "elk.nodeSize.constraints": "MINIMUM_SIZE",
      "elk.nodeSize.minimum": `(${size.width},${size.height})`,
    },
    children: [
      ...(node.initial === undefined
        ? []
        : [{ id: initialDotId(node.initial), ...dot, layoutOptions: firstLayer }]),
      ...children.map((child) => elkNode(chart, child, options)),
    ],
  };
}

const firstLayer: LayoutOptions = { "elk.layered.layering.layerConstraint": "FIRST" };

function elkEdge({ id, edges: [edge], lines, reversed }: Route): ElkExtendedEdge {
  const [from, to] = reversed ? [edge.target, edge.source] : [edge.source, edge.target];
  const label = { text: id, ...labelSize(lines.length > 0 ? lines : [""]) };
  return { id, sources: [from], targets: [to], labels: lines.length > 0 ? [label] : [] };
}

function initialEdge({ initial }: ChartNode): ElkExtendedEdge[] {
  if (initial === undefined) return [];
  return [{ id: initialEdgeId(initial), sources: [initialDotId(initial)], targets: [initial] }];
}
