// Rules about actions: what is lost or runs unlike its author expects when a job outlives its process.
import { actorKind } from "../actor-kind.ts";
import { actionsOf, builtInsOf, isBuiltIn, nameOf } from "./definition.ts";
import type { Rule } from "./finding.ts";

/** A function has no name to be kept under, so it cannot wait in the outbox. */
export const inlineAction: Rule = function* (node) {
  for (const { where, action } of actionsOf(node))
    if (typeof action === "function" && !isBuiltIn(action))
      yield {
        code: "lint.inline_action",
        severity: "warning",
        where,
        message:
          "An inline action runs at most once, and is lost with its process: name it in setup({ actions }), or make it a task.",
      };
};

/** A name without code does nothing, every time. */
export const unimplementedAction: Rule = function* (node, machine) {
  for (const { where, action } of actionsOf(node)) {
    const name = nameOf(action);
    if (name !== undefined && !Object.hasOwn(machine.implementations.actions, name))
      yield {
        code: "lint.unimplemented_action",
        severity: "warning",
        where,
        message: `Action "${name}" has no code, so nothing happens: add it to setup({ actions }).`,
      };
  }
};

/** XState keeps all such children under one key, and each takes the place of the one before. */
export const spawnWithoutId: Rule = function* (node, machine) {
  for (const { where, builtIn } of builtInsOf(node, machine))
    if (builtIn.type === "xstate.spawnChild" && builtIn.id === undefined)
      yield {
        code: "lint.spawn_without_id",
        severity: "error",
        where,
        message:
          "spawnChild without an id keeps only the last such child: give it one, as in spawnChild(src, { id }).",
      };
};

/** Only a name can be found again after a restart. */
export const spawnedActor: Rule = function* (node, machine) {
  for (const { where, builtIn } of builtInsOf(node, machine)) {
    if (builtIn.type !== "xstate.spawnChild") continue;
    if (typeof builtIn.src !== "string") {
      yield {
        code: "lint.inline_actor",
        severity: "error",
        where,
        message:
          "spawnChild with inline logic cannot be restored: put the logic into setup({ actors }) and name it.",
      };
      continue;
    }
    const kind = actorKind(machine, builtIn.src);
    if (kind.kind !== "unsupported") continue;
    const isKnown = Object.hasOwn(machine.implementations.actors as object, builtIn.src);
    yield {
      code: isKnown ? "lint.unsupported_actor" : "lint.unknown_actor",
      severity: "error",
      where,
      message: kind.why,
    };
  }
};
