// A chart as DOT, for Graphviz and for readers of the older API.
import { labelText } from "../blueprint/chart-label.ts";
import type { Chart, ChartNode } from "../blueprint/chart.ts";

/** States with children become clusters; every name that is not a plain word is quoted. */
export function chartDot(chart: Chart): string {
  const [root] = chart.nodes;
  const names = dotNames(chart);
  const name = (id: string): string => dotId(names.get(id) ?? id);
  const children = (id: string) => chart.nodes.filter(({ parent }) => parent === id);

  const node = (state: ChartNode, indent: string): string[] => {
    const inner = children(state.id);
    const label = dotId(title(state));
    if (inner.length === 0) return [`${indent}${name(state.id)} [label=${label}${shape(state)}]`];
    return [
      `${indent}subgraph ${dotId(`cluster_${state.id}`)} {`,
      `${indent}\tlabel=${label} style=${state.kind === "parallel" ? quoted("rounded,dashed") : "rounded"}`,
      // An arrow of DOT cannot end at a cluster, so it ends at a point inside.
      `${indent}\t${name(state.id)} [shape=point style=invis]`,
      ...inner.flatMap((child) => node(child, `${indent}\t`)),
      `${indent}}`,
    ];
  };

  const nested = chart.nodes.some(
    ({ parent, id }) => parent !== undefined && children(id).length > 0,
  );
  const rootHasEdges = chart.edges.some(({ source }) => source === root?.id);
  const top = root && !nested && !rootHasEdges ? children(root.id) : chart.nodes.slice(0, 1);
  return [
    `// State Machine for ${commented(root?.key ?? "")}`,
    "digraph {",
    "\tnode [shape=box style=rounded]",
    ...chart.edges.map(({ source, target, label }) => {
      const text = labelText(label);
      return `\t${name(source)} -> ${name(target)}${text === "" ? "" : ` [label=${quoted(text)}]`}`;
    }),
    ...(top.length > 0 ? top : chart.nodes).flatMap((state) => node(state, "\t")),
    "}",
    "",
  ].join("\n");
}

function title({ key, kind, history, tasks }: ChartNode): string {
  if (kind === "history") return history === "deep" ? "H*" : "H";
  return [key, ...tasks.map((task) => `⚙ ${task}`)].join("\n");
}

function shape({ kind }: ChartNode): string {
  if (kind === "final") return " peripheries=2";
  if (kind === "history") return " shape=circle";
  return "";
}

/** Names that read well: the bare key where nothing else is called so. */
function dotNames({ nodes }: Chart): ReadonlyMap<string, string> {
  const isAlone = (node: ChartNode): boolean =>
    nodes.every((other) => other === node || (other.key !== node.key && other.id !== node.key));
  return new Map(nodes.map((node) => [node.id, isAlone(node) ? node.key : node.id]));
}

const keywords = /^(node|edge|graph|digraph|subgraph|strict)$/i;

function quoted(text: string): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll(/\r?\n/g, "\\n");
  return `"${escaped}"`;
}

/** A name as DOT takes it: a plain word needs no quotes. */
function dotId(text: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) && !keywords.test(text) ? text : quoted(text);
}

const commented = (text: string): string => text.replaceAll(/[\r\n]+/g, " ");
