// Which transitions lead back towards the start: drawn upwards, so that initial states stay on top.
import type { Chart, ChartEdge, ChartNode } from "../blueprint/chart.ts";

/**
 * Tell forward from backward transitions.
 *
 * In every region the states are visited depth first from the initial one. A transition leads back where it
 * goes to a state on the way to its own source, seen in the innermost region that holds both ends. What is
 * left without these has no cycle.
 *
 * @returns whether an edge leads back.
 */
export function backEdges(chart: Chart): (edge: ChartEdge) => boolean {
  const paths = nodePaths(chart);
  const hops = chart.edges.flatMap((edge) => hopOf(edge, paths) ?? []);
  const back = new Set(
    chart.nodes.flatMap((region) => {
      const children = chart.nodes.filter(({ parent }) => parent === region.id);
      return backHops(region, children, hops).map(hopKey);
    }),
  );
  return (edge) => {
    const hop = hopOf(edge, paths);
    return hop !== undefined && back.has(hopKey(hop));
  };
}

/** A transition seen from the innermost region that holds both ends: from one child to another. */
interface Hop {
  readonly from: string;
  readonly to: string;
}

const hopKey = ({ from, to }: Hop): string => JSON.stringify([from, to]);

/** @returns undefined for a transition to itself, to an ancestor or to a descendant. */
function hopOf({ source, target }: ChartEdge, paths: NodePaths): Hop | undefined {
  const [sources = [], targets = []] = [paths.get(source), paths.get(target)];
  const fork = sources.findIndex((id, depth) => id !== targets[depth]);
  const [from, to] = [sources[fork], targets[fork]];
  return from === undefined || to === undefined ? undefined : { from, to };
}

type NodePaths = ReadonlyMap<string, readonly string[]>;

/** From the root to the node itself. Parents come before their children. */
function nodePaths({ nodes }: Chart): NodePaths {
  const paths = new Map<string, readonly string[]>();
  for (const { id, parent } of nodes)
    paths.set(id, [...((parent !== undefined && paths.get(parent)) || []), id]);
  return paths;
}

function backHops(
  { initial }: ChartNode,
  children: readonly ChartNode[],
  hops: readonly Hop[],
): readonly Hop[] {
  const back: Hop[] = [];
  const stage = new Map<string, "open" | "closed">();
  const visit = (state: string): void => {
    stage.set(state, "open");
    for (const hop of hops.filter(({ from }) => from === state)) {
      if (stage.get(hop.to) === "open") back.push(hop);
      else if (!stage.has(hop.to)) visit(hop.to);
    }
    stage.set(state, "closed");
  };
  const starts = [...(initial === undefined ? [] : [initial]), ...children.map(({ id }) => id)];
  for (const start of starts) if (!stage.has(start)) visit(start);
  return back;
}
