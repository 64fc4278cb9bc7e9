// Rules about time: states that are left at once, wait for ever, or lose their timers when they change.
import type { AnyStateMachine, AnyStateNode } from "xstate";
import type { FlowMeta } from "../compile.ts";
import { allBuiltIns, isBuiltIn, nameOf, withAncestors, writtenEvent } from "./definition.ts";
import type { Rule } from "./finding.ts";

const afterOf = (config: { readonly after?: unknown }): readonly string[] =>
  Object.keys((config.after ?? {}) as object);
const isNumber = (text: string): boolean => text.trim() !== "" && !Number.isNaN(Number(text));

/** XState takes an unknown delay for none, and leaves the state at once. */
export const afterDelay: Rule = function* (node, machine) {
  for (const delay of afterOf(node.config)) {
    const where = `${node.id} after ${delay}`;
    if (isNumber(delay))
      yield {
        code: "lint.numeric_after",
        severity: "info",
        where,
        message: `The number is part of the timer's name, so changing it leaves running jobs without one: name the delay in setup({ delays }).`,
      };
    else if (!Object.hasOwn(machine.implementations.delays, delay))
      yield {
        code: "lint.unknown_delay",
        severity: "error",
        where,
        message: `Delay "${delay}" is not declared, so the state would be left at once: add it to setup({ delays }).`,
      };
  }
};

/** Nobody says what becomes of a job for which nobody comes. */
export const waitWithoutTimeout: Rule = function* (node, machine) {
  const { asksWithoutTimeout } = (node.meta ?? {}) as FlowMeta;
  if (asksWithoutTimeout)
    yield {
      code: "lint.wait_without_timeout",
      severity: "warning",
      where: node.id,
      message:
        "This state asks a person, and waits for ever where nobody comes: give awaitHumanApproval() a `timeoutMs`, and a transition for `timeout`.",
    };
  if (node.type !== "atomic" || !waitsForOutside(node, machine)) return;
  const isHuman = withAncestors(node).some(({ tags }) => tags.includes("human"));
  yield {
    code: "lint.wait_without_timeout",
    severity: isHuman ? "warning" : "info",
    where: node.id,
    message: isHuman
      ? "This state waits for a person, and for ever where nobody comes: say with `after` what happens then."
      : "This state waits for events from outside, and for ever where none comes: say with `after` what happens then.",
  };
};

/** Whether only a client can move the job on, and no clock, task or other part of the machine does. */
function waitsForOutside(node: AnyStateNode, machine: AnyStateMachine): boolean {
  const around = withAncestors(node);
  const moves = around.some(
    (one) =>
      one.invoke.length > 0 ||
      one.always !== undefined ||
      afterOf(one.config).length > 0 ||
      setsSomethingOff(one, machine),
  );
  if (moves) return false;
  const own = new Set(allBuiltIns(machine).flatMap((one) => writtenEvent(one) ?? []));
  const events = around.flatMap((one) => [...one.transitions.keys()] as string[]);
  return (
    events.some((type) => !type.startsWith("xstate.")) && !events.some((type) => own.has(type))
  );
}

/** Its entry sets a timer or spawns a child. */
function setsSomethingOff(node: AnyStateNode, machine: AnyStateMachine): boolean {
  return node.entry.some((action: unknown) => {
    const name = nameOf(action);
    const found: unknown =
      typeof action === "function" || name === undefined
        ? action
        : machine.implementations.actions[name];
    if (!isBuiltIn(found)) return false;
    return found.delay !== undefined || /spawnChild|enqueueActions/.test(found.type);
  });
}
