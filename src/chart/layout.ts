// Where everything of a chart goes: the engine's best answer, turned back into states and transitions.
import type { ElkExtendedEdge, ElkNode } from "elkjs/lib/elk-api.js";
import type { Chart } from "../blueprint/chart.ts";
import { elkLayout } from "./elk.ts";
import { chartRoutes, elkGraph, initialDotId, initialEdgeId, type Route } from "./graph.ts";
import { layoutCost, layoutVariants } from "./layout-cost.ts";
import { straightened } from "./straighten.ts";
import type { Box, ChartLayout, PlacedRoute, Point } from "./placed.ts";

/**
 * Lay a chart out, top to bottom. The same chart always gets the same layout.
 *
 * No one setting of the engine is best for all charts, so several are tried and the tidiest result is kept.
 */
export async function layoutChart(chart: Chart): Promise<ChartLayout> {
  const routes = chartRoutes(chart);
  const graphs = layoutVariants(routes.length).map((options) => elkGraph(chart, routes, options));
  const layouts = (await elkLayout(graphs)).flatMap((graph) =>
    graph ? [straightened(placed(chart, routes, graph))] : [],
  );
  const [first, ...others] = layouts.map((layout) => ({ layout, cost: layoutCost(layout) }));
  if (!first) throw new Error(`The chart of "${chart.id}" cannot be laid out.`);
  return others.reduce((best, each) => (each.cost < best.cost ? each : best), first).layout;
}

function placed(chart: Chart, routes: readonly Route[], graph: ElkNode): ChartLayout {
  const boxes = new Map(allNodes(graph).map((node) => [node.id, boxOf(node)]));
  const edges = new Map((graph.edges ?? []).map((edge) => [edge.id, edge]));
  const parents = new Set(chart.nodes.map(({ parent }) => parent));
  const boxFor = (id: string): Box => boxes.get(id) ?? { x: 0, y: 0, width: 0, height: 0 };
  return {
    width: Math.ceil(graph.width ?? 0),
    height: Math.ceil(graph.height ?? 0),
    nodes: chart.nodes.map((node) => ({
      node,
      hasChildren: parents.has(node.id),
      ...boxFor(node.id),
    })),
    routes: routes.map((route) => placedRoute(route, edges.get(route.id))),
    initials: chart.nodes.flatMap(({ initial: state }) =>
      state === undefined
        ? []
        : {
            state,
            dot: boxFor(initialDotId(state)),
            points: pointsOf(edges.get(initialEdgeId(state))),
          },
    ),
  };
}

function placedRoute(
  { edges, lines, reversed }: Route,
  edge: ElkExtendedEdge | undefined,
): PlacedRoute {
  const points = pointsOf(edge);
  const label = edge?.labels?.[0];
  return {
    edges,
    points: reversed ? points.toReversed() : points,
    ...(label && { label: { ...boxOf(label), lines } }),
  };
}

function allNodes(node: ElkNode): ElkNode[] {
  return [node, ...(node.children ?? []).flatMap(allNodes)];
}

function boxOf({ x = 0, y = 0, width = 0, height = 0 }: Partial<Box>): Box {
  return { x, y, width, height };
}

function pointsOf(edge: ElkExtendedEdge | undefined): Point[] {
  const section = edge?.sections?.[0];
  return section ? [section.startPoint, ...(section.bendPoints ?? []), section.endPoint] : [];
}
