// What the kernel has to know of an actor's logic, told by a mark on it.
import type { AnyStateMachine } from "xstate";

export interface ChildTraits {
  /** A job whose machine has left this child does not end before the child has. */
  readonly isAwaited?: true;
  /** Its input is a list, and it is done when there is a result for each item: its output is the list of those. */
  readonly gathers?: true;
}

/** Marks the logic. Registered, so that two copies of this package understand each other. */
export const childTraits = Symbol.for("avtomatika.child_traits");

/** The traits of the actor that the machine knows as `src`. */
export function traitsOf(machine: AnyStateMachine, src: string): ChildTraits {
  const actors = machine.implementations.actors as Readonly<Record<string, unknown>>;
  const logic = Object.hasOwn(actors, src) ? actors[src] : undefined;
  return (logic as { readonly [childTraits]?: ChildTraits } | undefined)?.[childTraits] ?? {};
}
