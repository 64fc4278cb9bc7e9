// Rules about states: whether a job can come to them, leave them, and end.
import type { AnyStateNode } from "xstate";
import { walk } from "../walk.ts";
import {
  canBeDone,
  enteredWith,
  transitionsOf,
  withAncestors,
  type Transition,
} from "./definition.ts";
import type { Rule } from "./finding.ts";

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

/** `#order.paid` is the state `paid` in the state `order`. */
export const dottedId: Rule = function* (node) {
  const { id } = node.config as { readonly id?: string };
  if (id?.includes("."))
    yield {
      code: "lint.dotted_key",
      severity: "error",
      where: node.id,
      message: `The id "${id}" has a dot, which stands between a state and the one in it: use another one.`,
    };
};

/** History is stored by ids, and XState finds only the last state of an id. */
export const sharedStateId: Rule = function* (node, machine) {
  const other = [...walk(machine)].find((one) => one.order < node.order && one.id === node.id);
  if (other)
    yield {
      code: "lint.shared_state_id",
      severity: "error",
      where: node.id,
      message: `The states "${pathOf(other)}" and "${pathOf(node)}" have one id, so a job could come back to the wrong one: give each its own.`,
    };
};

const pathOf = ({ path, key }: AnyStateNode): string => path.join(".") || key;

/** XState calls it `(machine)`, as every other one without an id. */
export const missingMachineId: Rule = function* (node, machine) {
  if (!node.parent && machine.config.id === undefined)
    yield {
      code: "lint.missing_machine_id",
      severity: "info",
      where: node.id,
      message:
        "The machine has no id, so its states are told apart from no other machine's: give it the blueprint's name.",
    };
};

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

/** A job that comes there stays there. */
export const deadEnd: Rule = function* (node) {
  const isFinal = node.type === "final";
  if (!isFinal && node.type !== "atomic") return;
  if (withAncestors(node).some(canDoAnything) || (isFinal && isDoneForSomebody(node))) return;
  const regions = withAncestors(node).filter(({ parent }) => parent?.type === "parallel");
  if (regions.some(({ parent }) => isLeftFromInside(parent!))) return;
  yield {
    code: "lint.dead_end",
    severity: "warning",
    where: node.id,
    message: isFinal
      ? `This state ends ${node.parent!.id}, which leads nowhere, so a job stays in it for ever: say with onDone there what follows.`
      : 'Nothing leads out of this state, and it is not final, so a job stays in it for ever: add a transition, or type: "final".',
  };
};

/** It takes an event, a timer or an outcome, and does something about it. */
function canDoAnything(node: AnyStateNode): boolean {
  return transitionsOf(node).some(
    (transition) =>
      // That all regions are done is no way out for a region that never is.
      !(isOnDone(transition) && node.type === "parallel") && doesAnything(transition),
  );
}

/** That the state around it is done ends the job, or is taken there; or it waits for regions that go on. */
function isDoneForSomebody({ parent }: AnyStateNode): boolean {
  const around = parent?.parent;
  if (!parent || !around || transitionsOf(parent).some((one) => isOnDone(one) && doesAnything(one)))
    return true;
  return around.type === "parallel" && (!canBeDone(around) || isDoneForSomebody(parent));
}

const isOnDone = ({ eventType }: Transition): boolean => eventType.startsWith("xstate.done.state.");

const doesAnything = ({ target, actions }: Transition): boolean =>
  Boolean(target?.length) || actions.length > 0;

/** A transition of any of its regions leads out of all of them. */
function isLeftFromInside(parallel: AnyStateNode): boolean {
  return [...below(parallel)].some((node) =>
    transitionsOf(node).some(({ target }) =>
      target?.some((one) => !withAncestors(one).includes(parallel)),
    ),
  );
}

function* below(node: AnyStateNode): Generator<AnyStateNode> {
  for (const child of Object.values(node.states)) {
    yield child;
    yield* below(child);
  }
}

/** Jobs of such a blueprint end only when somebody cancels them. */
export const noEnd: Rule = function* (node) {
  if (node.parent || canBeDone(node)) return;
  yield {
    code: "lint.no_end",
    severity: "info",
    where: node.id,
    message:
      'No state of the machine is the end of a job, so its jobs run until they are cancelled: mark the last state with type: "final".',
  };
};

/** `onDone` is taken when a final state in it is entered. */
export const doneWithoutFinal: Rule = function* (node) {
  const { onDone } = node.config as { readonly onDone?: unknown };
  if (onDone === undefined || !node.parent || canBeDone(node)) return;
  yield {
    code: "lint.done_without_final",
    severity: "warning",
    where: `${node.id} on done`,
    message:
      node.type === "parallel"
        ? 'A region of this state has no final state, so its onDone is never taken: give each region one with type: "final".'
        : 'No state directly in this one is final, so its onDone is never taken: mark one with type: "final".',
  };
};
