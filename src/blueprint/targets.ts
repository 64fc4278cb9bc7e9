// Whether every state that a machine aims at is one of its states: XState finds some only when a job comes there, or never.
import type { AnyStateMachine, AnyStateNode } from "xstate";
import { historyTargets, transitionsOf } from "./lint/definition.ts";
import { walk } from "./walk.ts";

/** Aims that lead nowhere, in words. */
export function targetProblems(machine: AnyStateMachine): readonly string[] {
  const nodes = [...walk(machine)];
  const known = new Set<unknown>(nodes);
  return nodes.flatMap((node) => {
    const name = node.path.join(".") || machine.id;
    const { initial } = node.config as { readonly initial?: unknown };
    const begins = startsNowhere(node, known)
      ? [`the state "${name}" begins in ${JSON.stringify(initial)}, which is no state in it`]
      : [];
    const leads = transitionsOf(node).flatMap(({ target = [], eventType }) =>
      target.every((one) => known.has(one))
        ? []
        : [`the state "${name}" on "${eventType}" leads to what is no state`],
    );
    const { target } = node.config as { readonly target?: string | readonly string[] };
    const named = node.type === "history" && target !== undefined ? [target].flat() : [];
    const remembers =
      historyTargets(node).length === named.length
        ? []
        : [`the history "${name}" leads to ${named.join(", ")}, which is no state`];
    return [...begins, ...leads, ...remembers];
  });
}

function startsNowhere(node: AnyStateNode, known: ReadonlySet<unknown>): boolean {
  if (node.type !== "compound") return false;
  try {
    return node.initial.target.some((one) => !known.has(one));
  } catch {
    return true;
  }
}
