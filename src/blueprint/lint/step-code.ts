// The author's functions that run inside a step, each with its place, and what their sources say.
import type { AnyStateMachine, AnyStateNode } from "xstate";
import { actionsOf, builtInsOf, guardsIn, placeOf, transitionsOf } from "./definition.ts";

export interface StepCode {
  readonly where: string;
  /** What it is for. Conditions decide which way a job goes, changes make its context; events leave it. */
  readonly role: "guard" | "assign" | "event" | "input" | "output" | "delay" | "context" | "params";
  /** A function, or an object that has functions as members. */
  readonly code: unknown;
}

/** The code at the node; with the root, that which the whole machine has by names. */
export function stepCodeOf(node: AnyStateNode, machine: AnyStateMachine): readonly StepCode[] {
  const guards = transitionsOf(node).flatMap((transition) =>
    guardsIn(transition.guard).flatMap((guard): StepCode[] => {
      const where = placeOf(node, transition);
      return [
        { where, role: "guard", code: guard },
        { where, role: "params", code: paramsOf(guard) },
      ];
    }),
  );
  const params = actionsOf(node).map(({ where, action }): StepCode => ({
    where,
    role: "params",
    code: paramsOf(action),
  }));
  const builtIns = builtInsOf(node, machine).flatMap(({ where, builtIn }): StepCode[] => {
    const { assignment, event, to, id, delay, input, collect, value } = builtIn;
    return [
      { where, role: "assign", code: assignment },
      { where, role: "event", code: [event, to, value, collect] },
      { where, role: "params", code: [id, input] },
      { where, role: "delay", code: delay },
    ];
  });
  const inputs = node.invoke.map(({ id, input }): StepCode => ({
    where: `${node.id} invoke ${id}`,
    role: "input",
    code: input,
  }));
  const output: StepCode = { where: `${node.id} output`, role: "output", code: node.output };
  const all = [...guards, ...params, ...builtIns, ...inputs, output];
  const found = node.parent ? all : [...all, ...namedCode(node, machine)];
  return found.filter(({ code }) => sourceOf(code) !== "");
}

function namedCode(root: AnyStateNode, machine: AnyStateMachine): readonly StepCode[] {
  const { guards, delays } = machine.implementations;
  return [
    ...Object.entries(guards).map(([name, code]): StepCode => ({
      where: `guard "${name}"`,
      role: "guard",
      code,
    })),
    ...Object.entries(delays).map(([name, code]): StepCode => ({
      where: `delay "${name}"`,
      role: "delay",
      code,
    })),
    { where: `${root.id} context`, role: "context", code: machine.config.context },
  ];
}

function paramsOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "params" in value
    ? value.params
    : undefined;
}

/** The text of a function, or of every function in an object or list of them. */
export function sourceOf(value: unknown): string {
  return functionsIn(value).map(String).join("\n");
}

/**
 * Functions of XState's own, such as guards that combine others, carry what the author gave and are none of his.
 *
 * @param around what the value is a part of, which is not looked at again
 */
export function functionsIn(
  value: unknown,
  around: readonly unknown[] = [],
): readonly ((...args: never) => unknown)[] {
  if (typeof value === "function")
    return "resolve" in value || "check" in value ? [] : [value as (...args: never) => unknown];
  if (typeof value !== "object" || value === null || around.includes(value)) return [];
  return Object.values(value).flatMap((inner) => functionsIn(inner, [...around, value]));
}
