// The rule about events that are raised in a circle: a step in which each event raises the next never ends.
import type { AnyStateMachine, AnyStateNode } from "xstate";
import {
  commonAncestor,
  enteredWith,
  isBuiltIn,
  nameOf,
  placeOf,
  transitionsOf,
  withAncestors,
  writtenEvent,
  type Transition,
} from "./definition.ts";
import type { Rule } from "./finding.ts";

/** The step would never end: an event raises itself again, at once or by way of other states. */
export const raiseLoop: Rule = function* (node, machine) {
  for (const transition of transitionsOf(node)) {
    if (transition.guard !== undefined) continue;
    const { eventType } = transition;
    const where = placeOf(node, transition);
    if (raisesItself(node, transition, machine))
      yield {
        code: "lint.raise_loop",
        severity: "error",
        where,
        message: `Taking "${eventType}" raises it again, so the step never ends: add a guard, or a delay.`,
      };
    else if (node.type === "atomic" && comesBack(node, eventType, machine))
      yield {
        code: "lint.raise_loop",
        severity: "error",
        where,
        message: `Taking "${eventType}" raises events that lead back here with "${eventType}" again, so the step never ends: add a guard, or a delay.`,
      };
  }
};

function raisesItself(
  node: AnyStateNode,
  transition: Transition,
  machine: AnyStateMachine,
): boolean {
  const { target, reenter, actions, eventType } = transition;
  const stays = !target?.length || target.some((one) => withAncestors(one).includes(node));
  if (!stays) return false;
  const entersAgain = target?.includes(node) === true && reenter;
  const all = [...actions, ...(entersAgain ? node.entry : [])];
  return all.some((action) => raisedBy(action, machine)?.includes(eventType) ?? false);
}

/** A job between two events of one step. */
interface Moment {
  readonly leaf: AnyStateNode;
  /** Raised, and not taken yet. */
  readonly queue: readonly string[];
}

/** The most events of one step that are followed. */
const eventsMax = 100;

/** Whether the event, taken in a state, leads back to the same state with the same events raised. */
function comesBack(start: AnyStateNode, event: string, machine: AnyStateMachine): boolean {
  let moment: Moment | undefined = { leaf: start, queue: [event] };
  for (let count = 0; count < eventsMax; count++) {
    moment = next(moment, machine);
    if (!moment || moment.queue.length === 0) return false;
    if (moment.leaf === start && moment.queue.length === 1 && moment.queue[0] === event)
      return true;
  }
  return false;
}

/** Undefined where it takes more than the definition to tell: a guard, a wildcard, parallel regions, code. */
function next({ leaf, queue }: Moment, machine: AnyStateMachine): Moment | undefined {
  const [event = "", ...others] = queue;
  for (const node of withAncestors(leaf)) {
    if (node.type === "parallel" || node.always?.length) return undefined;
    const [first]: readonly Transition[] = node.transitions.get(event) ?? [];
    if (first) return first.guard === undefined ? taken(leaf, first, others, machine) : undefined;
    if ([...node.transitions.keys()].some((one) => one.endsWith("*"))) return undefined;
  }
  return { leaf, queue: others };
}

function taken(
  leaf: AnyStateNode,
  { source, target = [], reenter, actions }: Transition,
  queue: readonly string[],
  machine: AnyStateMachine,
): Moment | undefined {
  const [goal, ...more] = target;
  if (more.length > 0) return undefined;
  const isInside = goal !== undefined && !reenter && withAncestors(goal).includes(source);
  const domain = isInside ? source : goal && domainOf(source, goal);
  const exited = goal ? below(leaf, domain) : [];
  const entered = goal ? [...below(goal, domain).slice(1).toReversed(), ...enteredWith(goal)] : [];
  const nodes = goal === source && isInside ? entered.slice(1) : entered;
  const last = nodes.at(-1) ?? leaf;
  if (last.type !== "atomic" || nodes.some(({ type }) => type !== "atomic" && type !== "compound"))
    return undefined;
  const performed: readonly unknown[] = [
    ...exited.flatMap(({ exit }) => exit),
    ...actions,
    ...nodes.flatMap((node) => [
      ...node.entry,
      ...(node.type === "compound" ? node.initial.actions : []),
    ]),
  ];
  const raised: string[] = [];
  for (const action of performed) {
    const events = raisedBy(action, machine);
    if (!events) return undefined;
    raised.push(...events);
  }
  return { leaf: last, queue: [...queue, ...raised] };
}

/** The lowest state around both that is neither; undefined outside of the root. */
function domainOf(source: AnyStateNode, goal: AnyStateNode): AnyStateNode | undefined {
  const common = commonAncestor(source, goal);
  return common === source || common === goal ? common.parent : common;
}

/** The node and what is above it, up to a state that is not counted. */
function below(node: AnyStateNode, top: AnyStateNode | undefined): readonly AnyStateNode[] {
  const all = withAncestors(node);
  const end = top ? all.indexOf(top) : -1;
  return end < 0 ? all : all.slice(0, end);
}

/** The events that an action raises at once; undefined where only running it tells. */
function raisedBy(action: unknown, machine: AnyStateMachine): readonly string[] | undefined {
  const name = typeof action === "function" ? undefined : nameOf(action);
  const found: unknown = name === undefined ? action : machine.implementations.actions[name];
  if (!isBuiltIn(found)) return [];
  if (found.type === "xstate.enqueueActions") return undefined;
  if (found.type !== "xstate.raise" || found.delay !== undefined) return [];
  const event = writtenEvent(found);
  return event === undefined ? undefined : [event];
}
