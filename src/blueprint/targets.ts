// Whether every state that a machine aims at or asks for by its id is one of its states: XState finds some only when a job comes there, or never.
import type { AnyStateMachine, AnyStateNode } from "xstate";
import { historyTargets, stateAt, statesAskedFor, transitionsOf } from "./lint/definition.ts";
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

/** Ids of states that guards ask for in vain, in words: at such a guard a job ends. */
export function stateInProblems(machine: AnyStateMachine): readonly string[] {
  return [...walk(machine)].flatMap((node) =>
    transitionsOf(node)
      .flatMap(({ guard }) => statesAskedFor(guard))
      .filter((id) => typeof id === "string" && id.startsWith("#") && !stateAt(node, id))
      .map((id) => `the state "${node.path.join(".")}" asks for ${String(id)}, which is no state`),
  );
}

function startsNowhere(node: AnyStateNode, known: ReadonlySet<unknown>): boolean {
  if (node.type !== "compound") return false;
  try {
    return node.initial.target.some((one) => !known.has(one));
  } catch {
    return true;
  }
}
