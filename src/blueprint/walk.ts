// Every state node of a machine, parents first, in document order.
import type { AnyStateMachine, AnyStateNode } from "xstate";

export function* walk(machine: AnyStateMachine): Generator<AnyStateNode> {
  yield* below(machine.root);
}

function* below(node: AnyStateNode): Generator<AnyStateNode> {
  yield node;
  for (const child of Object.values(node.states)) yield* below(child);
}
