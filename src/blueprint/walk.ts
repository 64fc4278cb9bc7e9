// Walks a machine: every state node, parents first, in document order, and the names of what they invoke.
import type { AnyStateMachine, AnyStateNode } from "xstate";

export function* walk(machine: AnyStateMachine): Generator<AnyStateNode> {
  yield* below(machine.root);
}

function* below(node: AnyStateNode): Generator<AnyStateNode> {
  yield node;
  for (const child of Object.values(node.states)) yield* below(child);
}

/** The name by which an invoked actor is declared; undefined for logic in place of a name. */
export function declaredName(src: unknown): string | undefined {
  return typeof src === "string" && !src.startsWith("xstate.invoke.") ? src : undefined;
}
