// Rules about transitions: what XState cannot do, or does in a way that no snapshot can hold.
import type { AnyStateNode } from "xstate";
import {
  commonAncestor,
  enteredWith,
  guardsIn,
  isBuiltIn,
  nameOf,
  placeOf,
  stateAt,
  statesAskedFor,
  transitionsOf,
  withAncestors,
  type Transition,
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

/** By its id XState finds no such state and throws, at which the job ends; by its value it is never in it. */
export const unknownStateIn: Rule = function* (node, machine) {
  const named = node.parent ? [] : Object.entries(machine.implementations.guards);
  const guards = [
    ...transitionsOf(node).map((one) => ({
      where: placeOf(node, one),
      guard: one.guard as unknown,
    })),
    ...named.map(([name, guard]) => ({ where: `guard "${name}"`, guard: guard as unknown })),
  ];
  for (const { where, guard } of guards)
    for (const asked of statesAskedFor(guard)) {
      if (isSomewhere(machine.root, asked)) continue;
      const isId = typeof asked === "string" && asked.startsWith("#");
      yield {
        code: "lint.unknown_state_in",
        severity: isId ? "error" : "warning",
        where,
        message: `stateIn(${JSON.stringify(asked)}) names no state of the machine, so ${isId ? "the job ends where it is asked" : "it never holds"}: name one by "#" and its id, or by its value.`,
      };
    }
};

function isSomewhere(from: AnyStateNode, asked: unknown): boolean {
  if (typeof asked === "string") return stateAt(from, asked) !== undefined;
  return Object.entries(asked ?? {}).every(([key, inner]) => {
    const child = stateAt(from, key);
    return child !== undefined && isSomewhere(child, inner);
  });
}

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

/** Charts, exports and the fingerprint of a shape know guards by their names. */
export const inlineGuard: Rule = function* (node) {
  for (const transition of transitionsOf(node))
    if (guardsIn(transition.guard).some((guard) => typeof guard === "function"))
      yield {
        code: "lint.inline_guard",
        severity: "info",
        where: placeOf(node, transition),
        message:
          "A guard without a name is not on charts, and cannot be exported: name it in setup({ guards }).",
      };
};

/** XState takes the first that may be taken. */
export const shadowedTransition: Rule = function* (node) {
  const lists = [...node.transitions.values(), node.always ?? []] as (readonly Transition[])[];
  for (const list of lists) {
    const open = list.findIndex(({ guard }) => guard === undefined);
    const shadowed = open < 0 ? undefined : list[open + 1];
    if (shadowed)
      yield {
        code: "lint.shadowed_transition",
        severity: "warning",
        where: placeOf(node, shadowed),
        message:
          "A transition before this one has no guard, so this one is never taken: put the one without a guard last.",
      };
  }
};
