// What a running job depends on of its machine: states, what they invoke, where their transitions lead. As data, and as lines.
import type { AnyStateMachine, AnyStateNode } from "xstate";
import { actorKind } from "./actor-kind.ts";
import { declaredName, walk } from "./walk.ts";

/** One state of a machine. Plain JSON. */
export interface StateShape {
  readonly id: string;
  /** `atomic`, `final`, `parallel`, `deep history`, `compound, begins in order.open` … */
  readonly kind: string;
  readonly invokes: readonly {
    readonly id: string;
    /** `charge (task charge_card)` */
    readonly actor: string;
  }[];
  /** In document order. */
  readonly transitions: readonly {
    /** As XState calls it; `(always)` for eventless ones. */
    readonly event: string;
    /** `order.paid`, `(stays)` … */
    readonly leads: string;
  }[];
}

/** Every state, parents first, in document order. */
export function readShape(machine: AnyStateMachine): readonly StateShape[] {
  return [...walk(machine)].map((node) => ({
    id: node.id,
    kind: nodeKind(node),
    invokes: node.invoke.map(({ id, src }) => ({ id, actor: actorName(machine, src) })),
    transitions: [...node.transitions, ["(always)", node.always ?? []] as const].flatMap(
      ([event, list]) =>
        list.map(({ target, reenter }) => {
          const where = target?.map(({ id }) => id).join(", ") ?? "(stays)";
          return { event, leads: `${where}${reenter ? " (re-enters)" : ""}` };
        }),
    ),
  }));
}

/** The shape in lines that are hashed: the same lines, the same shape. */
export function shapeLines(shape: readonly StateShape[]): readonly string[] {
  return shape.flatMap(({ id, kind, invokes, transitions }) => [
    `${id}: ${kind}`,
    ...invokes.map((one) => `${id}: invokes ${one.actor} as ${one.id}`),
    ...transitions.map(({ event, leads }) => `${id}: ${event} → ${leads}`),
  ]);
}

function nodeKind({ type, history, initial }: AnyStateNode): string {
  if (type === "history") return `${history || "shallow"} history`;
  if (type !== "compound") return type;
  return `compound, begins in ${initial.target.map(({ id }) => id).join(", ")}`;
}

function actorName(machine: AnyStateMachine, src: unknown): string {
  const name = declaredName(src);
  if (name === undefined) return "(inline)";
  const kind = actorKind(machine, name);
  if (kind.kind === "task" && kind.definition) return `${name} (task ${kind.definition.type})`;
  if (kind.kind === "job" && kind.definition) return `${name} (job ${kind.definition.blueprint})`;
  return name;
}
