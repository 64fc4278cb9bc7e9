// The name of a configuration: where a machine is, in one line.
import type { StateValue } from "xstate";

/**
 * The dotted paths of the active leaf states in document order, joined by `,` where regions are
 * parallel; "" for a machine without states.
 */
export function currentState(value: StateValue): string {
  const leaves: string[] = [];
  collectLeaves(value, "", leaves);
  return leaves.join(",");
}

function collectLeaves(value: StateValue, prefix: string, leaves: string[]): void {
  if (typeof value === "string") {
    leaves.push(prefix + value);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    const isLeaf = typeof inner !== "string" && Object.keys(inner).length === 0;
    if (isLeaf) leaves.push(prefix + key);
    else collectLeaves(inner, `${prefix}${key}.`, leaves);
  }
}
