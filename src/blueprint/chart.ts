// A machine as a picture wants it: state nodes and labelled transitions, as plain JSON.
import type { AnyStateMachine, AnyStateNode } from "xstate";
import { actorKind } from "./actor-kind.ts";
import { transitionLabel, type ChartEdgeKind, type ChartLabel } from "./chart-label.ts";
import type { FlowMeta } from "./compile.ts";
import { historyTargets } from "./lint/definition.ts";

export interface Chart {
  /** Id of the machine's root node. */
  readonly id: string;
  /** In document order, parents before their children: the first is the root. */
  readonly nodes: readonly ChartNode[];
  readonly edges: readonly ChartEdge[];
}

export interface ChartNode {
  /** Id of the state node, as in a job's `active_states`. */
  readonly id: string;
  /** The name within its parent: what people read. */
  readonly key: string;
  readonly kind: "atomic" | "compound" | "parallel" | "final" | "history";
  readonly parent?: string;
  /** Id of the child that is entered first. */
  readonly initial?: string;
  readonly history?: "shallow" | "deep";
  readonly description?: string;
  /** What runs while the state is active: types of tasks, names of other actors. */
  readonly tasks: readonly string[];
  readonly tags: readonly string[];
  /** Transitions that leave no state: they only run actions. */
  readonly reactions: readonly ChartLabel[];
}

export interface ChartEdge {
  /** Stable for a machine: the id of the source, and the number of the transition there. */
  readonly id: string;
  readonly source: string;
  readonly target: string;
  readonly kind: ChartEdgeKind;
  readonly label: ChartLabel;
}

/**
 * Describe a machine as nodes and edges.
 *
 * The machine's own `definition` is not used: it leaves out eventless transitions and history targets.
 * Of a flow, only what its author wrote is shown: states, declared targets, dispatched tasks.
 */
export function chart(machine: AnyStateMachine): Chart {
  const nodes = withDescendants(machine.root).filter((node) => !flowMeta(node).hidden);
  return {
    id: machine.root.id,
    nodes: nodes.map((node) => chartNode(machine, node)),
    edges: nodes.flatMap(chartEdges),
  };
}

function withDescendants(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(withDescendants)];
}

function flowMeta({ meta }: { readonly meta?: unknown }): FlowMeta {
  return (meta as FlowMeta | undefined) ?? {};
}

/** The id under which a state is drawn: the machinery of a flow stands for the state it belongs to. */
export function drawnId(node: AnyStateNode): string {
  const { drawnAs } = flowMeta(node);
  return (drawnAs !== undefined && node.parent?.states[drawnAs]?.id) || node.id;
}

function chartNode(machine: AnyStateMachine, node: AnyStateNode): ChartNode {
  const initial = node.type === "compound" ? node.initial.target?.[0] : undefined;
  return {
    id: node.id,
    key: node.key,
    kind: node.type,
    ...(node.parent && { parent: node.parent.id }),
    ...(initial && { initial: drawnId(initial) }),
    ...(node.type === "history" && { history: node.history === "deep" ? "deep" : "shallow" }),
    ...(node.description && { description: node.description }),
    tasks: flowMeta(node).tasks ?? node.invoke.flatMap(({ src }) => taskName(machine, src) ?? []),
    tags: [...node.tags],
    reactions: transitionsOf(node)
      .filter(({ target, actions }) => !target?.length && actions.length > 0)
      .map((transition) => transitionLabel(node, transition).label),
  };
}

/** @returns undefined for a flow's handler: it is how the state decides, not work that anyone waits for. */
function taskName(machine: AnyStateMachine, src: unknown): string | undefined {
  const name = typeof src === "string" ? src : "inline";
  const kind = actorKind(machine, name);
  if (kind.kind === "handler") return undefined;
  return (kind.kind === "task" && kind.definition?.type) || name;
}

function chartEdges(node: AnyStateNode): ChartEdge[] {
  const isFlow = flowMeta(node).tasks !== undefined;
  const edges = transitionsOf(node).flatMap((transition) => {
    const said = isFlow ? flowLabel(transition) : transitionLabel(node, transition);
    return (transition.target ?? []).map((target) => ({ target: drawnId(target), ...said }));
  });
  return [...edges, ...historyDefaults(node)].map((edge, index) => ({
    id: `${node.id}:${index}`,
    source: node.id,
    ...edge,
  }));
}

type Transition = NonNullable<AnyStateNode["always"]>[number];

function transitionsOf(node: AnyStateNode): Transition[] {
  const all = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
  return all.filter((transition) => !flowMeta(transition).hidden);
}

/** The arrow of a declared target says by which outcomes of a task it is taken, where that is known. */
function flowLabel({ description = "" }: Transition): Pick<ChartEdge, "kind" | "label"> {
  return { kind: "done", label: { event: description, actions: [] } };
}

/** Where a history node leads while there is no history yet. */
function historyDefaults(node: AnyStateNode): Pick<ChartEdge, "target" | "kind" | "label">[] {
  if (node.type !== "history") return [];
  const label: ChartLabel = { event: "", actions: [] };
  return historyTargets(node).map(({ id }) => ({ target: id, kind: "history" as const, label }));
}
