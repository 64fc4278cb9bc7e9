// Sets of active state nodes: their value in document order, and whether they are legal at all.
import type { StateValue } from "xstate";
import type { StateNode } from "./xstate-internal.ts";

/**
 * The value of a configuration, its regions in document order, or undefined where it is illegal:
 * a compound state needs exactly one active child, a parallel one all of them, and nothing else may
 * be active. XState can reach others (transitions from one region into its sibling).
 */
export function readConfiguration(
  root: StateNode,
  nodes: readonly StateNode[],
): StateValue | undefined {
  const active = new Set(nodes);
  const reader = { active, seen: 0 };
  const value = readNode(root, reader);
  return reader.seen === active.size ? value : undefined;
}

function readNode(
  node: StateNode,
  reader: { readonly active: ReadonlySet<StateNode>; seen: number },
): StateValue | undefined {
  if (!reader.active.has(node)) return undefined;
  reader.seen++;
  switch (node.type) {
    case "compound": {
      let only: StateNode | undefined;
      for (const key in node.states) {
        const child = node.states[key]!;
        if (!reader.active.has(child)) continue;
        if (only !== undefined) return undefined;
        only = child;
      }
      if (only === undefined) return undefined;
      const inner = readNode(only, reader);
      if (inner === undefined) return undefined;
      return isLeaf(only) ? only.key : { [only.key]: inner };
    }
    case "parallel": {
      const value: Record<string, StateValue> = {};
      for (const key in node.states) {
        const child = node.states[key]!;
        if (child.type === "history") continue;
        const inner = readNode(child, reader);
        if (inner === undefined) return undefined;
        value[key] = inner;
      }
      return value;
    }
    case "atomic":
    case "final":
    case "history":
      return {};
  }
}

const isLeaf = (node: StateNode): boolean => node.type === "atomic" || node.type === "final";
