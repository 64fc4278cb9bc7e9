// Rules about events that a machine sends: to whom, when, and whether that ever ends.
import type { AnyStateMachine } from "xstate";
import { walk } from "../walk.ts";
import { allBuiltIns, builtInsOf, type BuiltIn } from "./definition.ts";
import type { Rule } from "./finding.ts";
import { sourceOf } from "./step-code.ts";

/** XState takes an unknown delay for none, and sends at once. */
export const sendDelay: Rule = function* (node, machine) {
  for (const { where, builtIn } of builtInsOf(node, machine)) {
    if (builtIn.type !== "xstate.raise" && builtIn.type !== "xstate.sendTo") continue;
    const { delay, id } = builtIn;
    if (isTimerOfAfter(builtIn)) continue;
    if (typeof delay === "string" && !Object.hasOwn(machine.implementations.delays, delay))
      yield {
        code: "lint.unknown_delay",
        severity: "error",
        where,
        message: `Delay "${delay}" is not declared, so the event would be sent at once: add it to setup({ delays }).`,
      };
    else if (delay !== undefined && id === undefined)
      yield {
        code: "lint.delayed_send_without_id",
        severity: "info",
        where,
        message:
          "A delayed event without an id cannot be cancelled: give it one, as in raise(event, { delay, id }).",
      };
  }
};

/** XState turns `after` into a raise on entry; the rule about `after` speaks for it. */
const isTimerOfAfter = ({ id }: BuiltIn): boolean =>
  typeof id === "string" && id.startsWith("xstate.after.");

/** XState throws when it is to send to a child that it does not have. */
export const unknownSendTarget: Rule = function* (node, machine) {
  const children = childIds(machine);
  if (!children) return;
  for (const { where, builtIn } of builtInsOf(node, machine)) {
    if (builtIn.type !== "xstate.sendTo" || typeof builtIn.to !== "string") continue;
    const name = builtIn.to.replace(/^#_/, "");
    if (name === "internal" || name === "parent" || children.has(name)) continue;
    yield {
      code: "lint.unknown_send_target",
      severity: "error",
      where,
      message: `No invocation and no spawned child has the id "${name}", so sending to it ends the job: use the id that invoke or spawnChild gives.`,
    };
  }
};

/** The ids of all children that the machine can have; undefined where some are made at run time. */
function childIds(machine: AnyStateMachine): ReadonlySet<string> | undefined {
  const invoked = [...walk(machine)].flatMap(({ invoke }) => invoke.map(({ id }) => id));
  const builtIns = allBuiltIns(machine);
  const spawned = builtIns.flatMap(({ type, id }) => (type === "xstate.spawnChild" ? [id] : []));
  const isOpen =
    spawned.some((id) => typeof id === "function") ||
    builtIns.some((one) => /\bspawn/.test(sourceOf([one.assignment, one.collect]))) ||
    /\bspawn\b/.test(sourceOf(machine.config.context));
  return isOpen ? undefined : new Set([...invoked, ...spawned.map(String)]);
}

/** An actor that has gone is undefined there, and XState then sends the event to the job itself. */
export const sendToSystem: Rule = function* (node, machine) {
  for (const { where, builtIn } of builtInsOf(node, machine))
    if (builtIn.type === "xstate.sendTo" && /\bsystem\b[^;]*\.get\(/.test(sourceOf(builtIn.to)))
      yield {
        code: "lint.send_to_system",
        severity: "warning",
        where,
        message:
          "system.get() gives undefined once the actor is gone, and the event then goes to the job itself: send to the child by its id.",
      };
};

/** Only a child job has a parent. */
export const sendParent: Rule = function* (node, machine) {
  for (const { where, builtIn } of builtInsOf(node, machine)) {
    if (builtIn.type !== "xstate.sendTo") continue;
    const isToParent = builtIn.to === "#_parent" || /\b_parent\b/.test(sourceOf(builtIn.to));
    if (isToParent)
      yield {
        code: "lint.send_parent",
        severity: "info",
        where,
        message:
          "A job that no other job has started has no parent, and ends in an error here: start it only as a child, or use emit().",
      };
  }
};

/** Whoever cancels it cancels all of them. */
export const sharedSendId: Rule = function* (node, machine) {
  if (node.parent) return;
  const seen = new Set<unknown>();
  for (const one of walk(machine))
    for (const { where, builtIn } of builtInsOf(one, machine)) {
      if (!isDelayedSend(builtIn) || typeof builtIn.id !== "string") continue;
      if (seen.has(builtIn.id))
        yield {
          code: "lint.shared_send_id",
          severity: "info",
          where,
          message: `Another delayed event has the id "${builtIn.id}", too: cancel() takes back both. Give each its own where that is not meant.`,
        };
      seen.add(builtIn.id);
    }
};

/** Nothing is taken back. */
export const unknownCancel: Rule = function* (node, machine) {
  const ids = allBuiltIns(machine)
    .filter(isDelayedSend)
    .map(({ id }) => id);
  if (ids.some((id) => typeof id === "function")) return;
  for (const { where, builtIn } of builtInsOf(node, machine)) {
    const { type, sendId } = builtIn;
    if (type !== "xstate.cancel" || typeof sendId !== "string") continue;
    if (sendId.startsWith("xstate.after.") || ids.includes(sendId)) continue;
    yield {
      code: "lint.unknown_cancel",
      severity: "warning",
      where,
      message: `No delayed event has the id "${sendId}", so nothing is cancelled: give it to the raise() or sendTo() that is meant.`,
    };
  }
};

const isDelayedSend = (builtIn: BuiltIn): boolean =>
  (builtIn.type === "xstate.raise" || builtIn.type === "xstate.sendTo") &&
  builtIn.delay !== undefined &&
  !isTimerOfAfter(builtIn);
