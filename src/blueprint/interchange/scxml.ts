// A machine as SCXML, for tools that speak the standard. Names stand for code: conditions and actions of ours are not ECMAScript.
import type { AnyStateMachine, AnyStateNode } from "xstate";
import {
  canBeDone,
  historyTargets,
  isBuiltIn,
  nameOf,
  stateAt,
  type BuiltIn,
  type Transition,
} from "../lint/definition.ts";
import { walk } from "../walk.ts";

const namespace = "http://www.w3.org/2005/07/scxml";
/** Actions that only this machine has are elements of this namespace, as the standard allows. */
const ownNamespace = "urn:avtomatika:scxml";

export function scxmlOf(machine: AnyStateMachine): string {
  const { root } = machine;
  giveIds(machine);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    tag("scxml", {
      xmlns: namespace,
      "xmlns:av": ownNamespace,
      version: "1.0",
      datamodel: "null",
      name: root.id,
      initial: idOf(root),
    }).open,
    ...stateLines(root, "  "),
    ...(isLeftWhenDone(root) ? [`  ${tag("final", { id: endOf(root) }).empty}`] : []),
    "</scxml>",
    "",
  ].join("\n");
}

/** A machine that is but a final state ends as that, directly in the document. */
const isLeftWhenDone = (root: AnyStateNode): boolean => root.type !== "final" && canBeDone(root);

function stateLines(node: AnyStateNode, indent: string): string[] {
  const inner = `${indent}  `;
  const attributes = { id: idOf(node), initial: initialOf(node) };
  if (node.type === "history") {
    const { open, close } = tag("history", {
      id: attributes.id,
      type: node.history === "deep" ? "deep" : "shallow",
    });
    const target = defaultOf(node);
    return [
      `${indent}${open}`,
      ...(target === undefined ? [] : [`${inner}${tag("transition", { target }).empty}`]),
      `${indent}${close}`,
    ];
  }
  const name = { atomic: "state", compound: "state", parallel: "parallel", final: "final" }[
    node.type
  ];
  const { open, close, empty } = tag(name, attributes);
  const ends = !node.parent && isLeftWhenDone(node);
  const end = { event: `done.state.${attributes.id}`, target: endOf(node) };
  const lines = [
    ...blockLines("onentry", node.entry, inner),
    ...blockLines("onexit", node.exit, inner),
    ...node.invoke.map(({ id, src }) => {
      const about = { id, type: ownNamespace, src: typeof src === "string" ? src : "(inline)" };
      return `${inner}${tag("invoke", about).empty}`;
    }),
    // Only a final state directly in <scxml> ends it, and the machine itself is a state in there.
    ...(ends ? [`${inner}${tag("transition", end).empty}`] : []),
    ...[...[...node.transitions.values()].flat(), ...(node.always ?? [])].flatMap((transition) =>
      transitionLines(node, transition as Transition, inner),
    ),
    ...Object.values(node.states).flatMap((child) => stateLines(child as AnyStateNode, inner)),
  ];
  return lines.length === 0
    ? [`${indent}${empty}`]
    : [`${indent}${open}`, ...lines, `${indent}${close}`];
}

const xmlIds = new WeakMap<AnyStateNode, string>();
const idOf = (node: AnyStateNode): string => xmlIds.get(node)!;
/** By its root, the id of what is entered when a machine is done. */
const endIds = new WeakMap<AnyStateNode, string>();
const endOf = (root: AnyStateNode): string => endIds.get(root)!;

/** Ids of XML are stricter than those of XState; what two states would then share is numbered. */
function giveIds(machine: AnyStateMachine): void {
  const taken = new Set<string>();
  const free = (wanted: string): string => {
    const plain = wanted.replaceAll(/[^\w.-]/g, "_").replace(/^(?![A-Za-z_])/, "_");
    let id = plain;
    for (let n = 2; taken.has(id); n++) id = `${plain}-${n}`;
    taken.add(id);
    return id;
  };
  for (const node of walk(machine)) xmlIds.set(node, free(node.id));
  endIds.set(machine.root, free(`${machine.root.id}-done`));
}

/** The `initial` of a compound state; where actions belong to it, they are lost only to this picture of it. */
function initialOf(node: AnyStateNode): string | undefined {
  return node.type === "compound" ? node.initial.target.map(idOf).join(" ") : undefined;
}

function defaultOf(node: AnyStateNode): string | undefined {
  const named = historyTargets(node);
  const { type, states } = node.parent!;
  const regions = Object.values(states as Readonly<Record<string, AnyStateNode>>).filter(
    (one) => type === "parallel" && one.type !== "history",
  );
  const places = named.length > 0 ? named : regions;
  return places.length > 0 ? places.map(idOf).join(" ") : initialOf(node.parent!);
}

function transitionLines(node: AnyStateNode, transition: Transition, indent: string): string[] {
  const { target = [], guard, eventType, reenter, actions } = transition;
  const goesInside =
    target.length > 0 && target.every((one) => one !== node && isInside(one, node));
  const { open, close, empty } = tag("transition", {
    event: eventType === "" ? undefined : eventOf(eventType),
    cond: guard === undefined ? undefined : conditionOf(guard, node.machine.root),
    target: target.length > 0 ? target.map(idOf).join(" ") : undefined,
    type: goesInside && !reenter ? "internal" : undefined,
  });
  const lines = actions.flatMap((action) => actionLine(action, `${indent}  `));
  return lines.length === 0
    ? [`${indent}${empty}`]
    : [`${indent}${open}`, ...lines, `${indent}${close}`];
}

const isInside = (node: AnyStateNode, outer: AnyStateNode): boolean =>
  node === outer || (node.parent !== undefined && isInside(node.parent, outer));

/** XState's events under the names that the standard has for them. */
function eventOf(type: string): string {
  return type
    .replace(/^xstate\.done\.actor\./, "done.invoke.")
    .replace(/^xstate\.done\.state\./, "done.state.")
    .replace(/^xstate\.error\.actor\./, "error.invoke.")
    .replace(/^xstate\./, "");
}

function conditionOf(guard: unknown, root: AnyStateNode): string {
  const {
    check,
    guards = [],
    stateValue,
  } = guard as {
    readonly check?: { readonly name: string };
    readonly guards?: readonly unknown[];
    readonly stateValue?: unknown;
  };
  const parts = guards.map((one) => conditionOf(one, root));
  switch (typeof guard === "function" ? check?.name : undefined) {
    case "checkAnd":
      return `(${parts.join(" && ")})`;
    case "checkOr":
      return `(${parts.join(" || ")})`;
    case "checkNot":
      return `!${parts.join()}`;
    case "checkStateIn":
      return placesOf(root, stateValue)
        .map((id) => `In(${JSON.stringify(id)})`)
        .join(" && ");
    case undefined:
    default:
      return called(guard);
  }
}

/** The ids of the innermost states that `stateIn()` asks for, by an id, a path or a value. */
function placesOf(from: AnyStateNode, asked: unknown): readonly string[] {
  if (typeof asked === "string") {
    const state = stateAt(from, asked);
    return [state ? idOf(state) : asked];
  }
  return Object.entries(asked as object).flatMap(([key, inner]) => {
    const state = stateAt(from, key);
    const isLast = !state || Object.keys(inner as object).length === 0;
    return isLast ? [state ? idOf(state) : key] : placesOf(state, inner);
  });
}

/** A name, with its params where it has some. */
function called(value: unknown): string {
  const params =
    typeof value === "object" && value !== null && "params" in value ? value.params : undefined;
  const given =
    params === undefined || typeof params === "function" ? "" : `(${JSON.stringify(params)})`;
  return `${nameOf(value) ?? "(inline)"}${given}`;
}

function blockLines(name: string, actions: readonly unknown[], indent: string): string[] {
  const lines = actions.flatMap((action) => actionLine(action, `${indent}  `));
  return lines.length === 0 ? [] : [`${indent}<${name}>`, ...lines, `${indent}</${name}>`];
}

function actionLine(action: unknown, indent: string): string[] {
  if (!isBuiltIn(action)) return [`${indent}${tag("av:action", { name: called(action) }).empty}`];
  return [`${indent}${builtInElement(action)}`];
}

function builtInElement(action: BuiltIn): string {
  const { type, event, id, delay, sendId, to } = action;
  const name = typeof event === "function" ? "(made)" : eventOf(nameOf(event) ?? "(made)");
  const place =
    typeof to === "string" ? { target: `#_${to.replace(/^#_/, "")}` } : { targetexpr: "(made)" };
  const wait =
    typeof delay === "number"
      ? { delay: `${delay}ms` }
      : { delayexpr: delay === undefined ? undefined : (nameOf(delay) ?? "(inline)") };
  switch (type) {
    case "xstate.raise":
      return delay === undefined
        ? tag("raise", { event: name }).empty
        : tag("send", { event: name, id: idText(id), ...wait }).empty;
    case "xstate.sendTo":
      return tag("send", { event: name, ...place, id: idText(id), ...wait }).empty;
    case "xstate.cancel":
      return tag("cancel", { sendid: idText(sendId) }).empty;
    case "xstate.log":
      return tag("log", {
        expr: typeof action.value === "string" ? JSON.stringify(action.value) : "(made)",
      }).empty;
    default:
      return tag("av:action", { name: type.replace("xstate.", "") }).empty;
  }
}

/** Timers of `after` are named after the event that they send. */
const idText = (id: unknown): string | undefined =>
  id === undefined ? undefined : typeof id === "string" ? eventOf(id) : "(made)";

function tag(name: string, attributes: Readonly<Record<string, string | undefined>>) {
  const written = Object.entries(attributes)
    .flatMap(([key, value]) => (value === undefined ? [] : [` ${key}="${escaped(value)}"`]))
    .join("");
  return { open: `<${name}${written}>`, close: `</${name}>`, empty: `<${name}${written}/>` };
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};
/** Characters that XML has no way to say become spaces, and so do line ends in attributes. */
const escaped = (text: string): string =>
  text
    .replaceAll(/[&<>"]/g, (char) => entities[char]!)
    .replaceAll(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, " ");
