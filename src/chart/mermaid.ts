// A chart as a Mermaid state diagram, for Markdown.
import { labelText } from "../blueprint/chart-label.ts";
import type { Chart, ChartEdge, ChartNode } from "../blueprint/chart.ts";

/** States come first, and every transition stands in the innermost state that holds both ends: Mermaid draws an end where it first reads of it. */
export function chartMermaid(chart: Chart): string {
  const names = new Map(chart.nodes.map(({ id }, index) => [id, mermaidName(id, index, chart)]));
  const name = (id: string): string => names.get(id) ?? "";
  const children = (id: string) => chart.nodes.filter(({ parent }) => parent === id);
  const homes = new Map(chart.edges.map((edge) => [edge, innermost(chart, edge)]));

  const inside = (state: ChartNode, indent: string): string[] => [
    ...(state.initial === undefined ? [] : [`${indent}[*] --> ${name(state.initial)}`]),
    ...children(state.id).flatMap((child, index) => [
      ...(state.kind === "parallel" && index > 0 ? [`${indent}--`] : []),
      ...node(child, indent),
    ]),
    ...chart.edges
      .filter((edge) => homes.get(edge) === state.id)
      .map(({ source, target, label }) => {
        const text = escaped(labelText(label));
        return `${indent}${name(source)} --> ${name(target)}${text === "" ? "" : `: ${text}`}`;
      }),
  ];

  const node = (state: ChartNode, indent: string): string[] => {
    const declared = `${indent}state "${escaped(title(state))}" as ${name(state.id)}`;
    if (children(state.id).length > 0)
      return [`${declared} {`, ...inside(state, `${indent}  `), `${indent}}`];
    const end = state.kind === "final" ? [`${indent}${name(state.id)} --> [*]`] : [];
    return [declared, ...end];
  };

  const [root] = chart.nodes;
  if (!root) return "stateDiagram-v2\n";
  // A root with transitions of its own needs a box for them to start from, and so do parallel regions.
  const needsBox =
    root.kind !== "compound" ||
    chart.edges.some(({ source, target }) => source === root.id || target === root.id);
  const body = needsBox ? node(root, "  ") : inside(root, "  ");
  const loose = needsBox ? chart.edges.filter((edge) => homes.get(edge) === undefined) : [];
  const outer = loose.map(
    ({ source, target, label }) =>
      `  ${name(source)} --> ${name(target)}: ${escaped(labelText(label))}`,
  );
  return ["stateDiagram-v2", ...body, ...outer, ""].join("\n");
}

function title({ key, kind, history, tasks }: ChartNode): string {
  if (kind === "history") return history === "deep" ? "H*" : "H";
  return [key, ...tasks.map((task) => `⚙ ${task}`)].join(" ");
}

/** Words that mean something else to Mermaid never stand alone, because the number is always there. */
function mermaidName(id: string, index: number, { id: root }: Chart): string {
  const path = id.startsWith(`${root}.`) ? id.slice(root.length + 1) : id;
  return `s${index}_${path.replaceAll(/[^A-Za-z0-9]/g, "_")}`;
}

/** @returns the innermost state that properly holds both ends; undefined for the root's own. */
function innermost({ nodes }: Chart, { source, target }: ChartEdge): string | undefined {
  const parents = new Map(nodes.map(({ id, parent }) => [id, parent]));
  const holders = (id: string): string[] => {
    const parent = parents.get(id);
    return parent === undefined ? [] : [parent, ...holders(parent)];
  };
  const around = new Set(holders(target));
  return holders(source).find((id) => around.has(id));
}

/** Mermaid writes what its grammar would read as entities, with `#` for `&`. */
function escaped(text: string): string {
  return text
    .replaceAll(/[#;"<>&:{}\\]/g, (char) => `#${char.codePointAt(0)};`)
    .replaceAll(/\s+/g, " ");
}
