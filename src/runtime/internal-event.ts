// Which event types belong to XState and to flows: nobody outside may send them, and nobody is told of them.

/** @returns whether a client may never send an event of the type (design, law 9). */
export function isInternalEvent(type: string): boolean {
  return type.startsWith("xstate.") || type.startsWith("flow.");
}

/** @returns whether neither clients nor workers may send an event of the type: it is internal, or the wildcard. */
export function isReservedEvent(type: string): boolean {
  return isInternalEvent(type) || type === "*";
}
