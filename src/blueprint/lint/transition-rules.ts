// Rules about transitions and states: what XState cannot do, or does in a way that no snapshot can hold.
import type { AnyStateNode } from "xstate";
import { walk } from "../walk.ts";
import {
  commonAncestor,
  enteredWith,
  guardsIn,
  isBuiltIn,
  nameOf,
  placeOf,
  transitionsOf,
  withAncestors,
} from "./definition.ts";
import type { Rule } from "./finding.ts";

/** XState throws when it comes to such a guard, and the job ends there. */
export const unknownGuard: Rule = function* (node, machine) {
  for (const transition of transitionsOf(node))
    for (const guard of guardsIn(transition.guard)) {
      const name = nameOf(guard);
      if (name !== undefined && !Object.hasOwn(machine.implementations.guards, name))
        yield {
          code: "lint.unknown_guard",
          severity: "error",
          where: placeOf(node, transition),
          message: `Guard "${name}" is not declared: add it to setup({ guards }).`,
        };
    }
};

/** XState then exits too little or enters too much: no snapshot describes the result. */
export const crossRegionTarget: Rule = function* (node) {
  for (const transition of transitionsOf(node))
    for (const target of transition.target ?? []) {
      const common = commonAncestor(node, target);
      if (common.type === "parallel" && common !== node && common !== target)
        yield {
          code: "lint.cross_region_target",
          severity: "error",
          where: placeOf(node, transition),
          message: `The transition leads from one parallel region into another (${target.id}): send an event that the other region takes, as in raise().`,
        };
    }
};

/** The parent is not left, so its history is that of another visit. */
export const historyFromInside: Rule = function* (node) {
  for (const transition of transitionsOf(node))
    for (const target of transition.target ?? [])
      if (target.type === "history" && withAncestors(node).includes(target.parent!))
        yield {
          code: "lint.history_from_inside",
          severity: "error",
          where: placeOf(node, transition),
          message: `${target.id} is the history of a state that this transition does not leave: aim at the state itself, or go to the history from outside.`,
        };
};

/** A dot separates the names of a path, in XState and in `current_state`. */
export const dottedKey: Rule = function* (node) {
  if (node.parent && node.key.includes("."))
    yield {
      code: "lint.dotted_key",
      severity: "error",
      where: node.id,
      message: `"${node.key}" has a dot, which stands between a state and the one in it: use another name.`,
    };
};

/** Names that XState gives to its own events; they change from version to version. */
export const internalEvent: Rule = function* (node) {
  for (const event of Object.keys((node.config.on ?? {}) as object)) {
    if (!event.startsWith("xstate.")) continue;
    const ofChild = /^xstate\.(done|error)\.actor\.|^xstate\.snapshot\./.test(event);
    yield {
      code: "lint.internal_event",
      severity: ofChild ? "warning" : "error",
      where: `${node.id} on ${event}`,
      message: ofChild
        ? "The name of this event is XState's own: prefer invoke with onDone, onError and onSnapshot."
        : "Events named xstate.* are XState's own, and no job is sent one: use after, onDone or an event of yours.",
    };
  }
};

/** The step would never end. */
export const eventlessLoop: Rule = function* (node) {
  const [first] = node.always ?? [];
  if (!first || first.guard !== undefined) return;
  const where = placeOf(node, first);
  if (!first.target?.length) {
    if (first.actions.some((action: unknown) => assigns(node, action)))
      yield {
        code: "lint.eventless_loop",
        severity: "error",
        where,
        message:
          "This eventless transition changes the context and stays, so it is taken for ever: give it a guard or a target.",
      };
    return;
  }
  if (comesBack(node))
    yield {
      code: "lint.eventless_loop",
      severity: "error",
      where,
      message:
        "Eventless transitions without a guard lead back here, so the step never ends: give one of them a guard.",
    };
};

function assigns(node: AnyStateNode, action: unknown): boolean {
  const name = nameOf(action);
  const found: unknown = name === undefined ? action : node.machine.implementations.actions[name];
  return isBuiltIn(found) && found.type === "xstate.assign";
}

/** Whether the transitions that nothing can hold back lead from the node to itself. */
function comesBack(start: AnyStateNode): boolean {
  const seen = new Set<AnyStateNode>();
  const open = [start];
  for (let node = open.pop(); node; node = open.pop()) {
    const [first] = node.always ?? [];
    if (!first || first.guard !== undefined) continue;
    for (const entered of (first.target ?? []).flatMap(enteredWith)) {
      if (entered === start) return true;
      if (seen.has(entered)) continue;
      seen.add(entered);
      open.push(entered);
    }
  }
  return false;
}

/** No transition leads there. */
export const unreachableState: Rule = function* (node, machine) {
  if (node.parent) return;
  const reached = reachable(node);
  for (const one of walk(machine))
    if (one.type !== "history" && !reached.has(one) && reached.has(one.parent!))
      yield {
        code: "lint.unreachable_state",
        severity: "warning",
        where: one.id,
        message: "No transition leads to this state: add one, or remove the state.",
      };
};

function reachable(root: AnyStateNode): ReadonlySet<AnyStateNode> {
  const reached = new Set<AnyStateNode>();
  const open: AnyStateNode[] = [root];
  for (let node = open.pop(); node; node = open.pop())
    for (const entered of [...enteredWith(node), ...withAncestors(node)]) {
      if (reached.has(entered)) continue;
      reached.add(entered);
      open.push(entered, ...transitionsOf(entered).flatMap(({ target }) => [...(target ?? [])]));
    }
  return reached;
}
