// The rule about events that are raised in a circle: a step in which each event raises the next never ends.
import type { AnyStateMachine } from "xstate";
import { allBuiltIns, placeOf } from "./definition.ts";
import type { Rule } from "./finding.ts";
import { endlessSteps, raisesAtOnce, type EndlessStep } from "./step-model.ts";

const known = new WeakMap<AnyStateMachine, readonly EndlessStep[]>();

/** The step would never end: an event raises itself again, at once or by way of other states. */
export const raiseLoop: Rule = function* (node, machine) {
  for (const { id, eventType } of endlessOf(machine))
    if (id === node.id)
      yield {
        code: "lint.raise_loop",
        severity: "error",
        where: placeOf(node, { eventType }),
        message: `Taking "${eventType}" raises events that lead back here with "${eventType}" again, so the step never ends: add a guard, or a delay.`,
      };
};

function endlessOf(machine: AnyStateMachine): readonly EndlessStep[] {
  let found = known.get(machine);
  if (!found) {
    found = allBuiltIns(machine).some(raisesAtOnce) ? endlessSteps(machine) : [];
    known.set(machine, found);
  }
  return found;
}
