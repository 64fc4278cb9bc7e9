// Rules about what becomes of work: whether anything follows from its end, and whether there is any use in starting it.
import { transitionsOf, withAncestors, type Transition } from "./definition.ts";
import type { Rule } from "./finding.ts";

const failure = "xstate.error.actor.";

/** A job in a state that only failures lead out of waits for ever where the work ends well. */
export const missingOnDone: Rule = function* (node) {
  if (node.invoke.length === 0) return;
  const leads = withAncestors(node).flatMap(transitionsOf).filter(doesAnything);
  if (leads.length === 0 || !leads.every(({ eventType }) => eventType.startsWith(failure))) return;
  for (const { id } of node.invoke)
    yield {
      code: "lint.missing_on_done",
      severity: "warning",
      where: `${node.id} invoke ${id}`,
      message: `Only failures lead out of this state, so a job stays in it for ever where "${id}" ends well: say where that leads with onDone.`,
    };
};

const doesAnything = ({ target, actions }: Transition): boolean =>
  (target?.length ?? 0) > 0 || actions.length > 0;

/** The job is over there: nothing is waited for, and nothing is taken. */
export const workInFinal: Rule = function* (node) {
  if (node.type !== "final" || node.parent?.parent) return;
  const does = [
    ...node.invoke.map(({ id }) => `invoke ${id}`),
    ...transitionsOf(node).map(({ eventType }) => `on ${eventType === "" ? "always" : eventType}`),
  ];
  for (const what of does)
    yield {
      code: "lint.work_in_final",
      severity: "warning",
      where: `${node.id} ${what}`,
      message:
        "The job ends where it comes to this state, so nothing follows from this: move it into a state before the end.",
    };
};
