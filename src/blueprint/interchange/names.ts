// The names that a document uses, each with where, and whether code is registered under them.
import { RuntimeError } from "../../errors.ts";
import type { Action, BlueprintDocument, Guard, StateDocument } from "./document.ts";

/** Kinds of things that documents name and modules implement. */
export const nameKinds = ["actors", "actions", "guards", "delays", "values"] as const;
export type NameKind = (typeof nameKinds)[number];

export interface UsedName {
  readonly kind: NameKind;
  readonly name: string;
  /** Such as `machine.states.open.invoke.src`. */
  readonly path: string;
}

/** What a document names, in its order. */
export function namesIn({ machine }: BlueprintDocument): readonly UsedName[] {
  const { contextFrom } = machine;
  return [
    ...(contextFrom === undefined
      ? []
      : [{ kind: "values" as const, name: contextFrom, path: "machine.contextFrom" }]),
    ...inState(machine, "machine"),
  ];
}

/**
 * Refuse a document that names what is not registered.
 *
 * @throws RuntimeError `interchange.unregistered` that lists each name with its path.
 */
export function refuseUnregistered(
  document: BlueprintDocument,
  registered: Readonly<Partial<Record<NameKind, object>>>,
): void {
  const missing = namesIn(document).filter(
    ({ kind, name }) => !Object.hasOwn(registered[kind] ?? {}, name),
  );
  if (missing.length === 0) return;
  const spelt = missing.map(({ kind, name, path }) => `${path}: ${kind} has no "${name}"`);
  throw new RuntimeError(
    "interchange.unregistered",
    `Blueprint "${document.name}" names what nobody implements. ${spelt.join("; ")}.`,
    { blueprint: document.name, missing },
  );
}

function inState(state: StateDocument, path: string): UsedName[] {
  const { entry, exit, on = {}, after = {}, always, onDone, invoke, initial, outputFrom } = state;
  const lists = [
    ...Object.entries(on).map(([event, list]) => [`on.${event}`, list] as const),
    ...Object.entries(after).map(([delay, list]) => [`after.${delay}`, list] as const),
    ["always", always] as const,
    ["onDone", onDone] as const,
  ];
  const invokes = invoke === undefined ? [] : [invoke].flat();
  return [
    ...inActions(entry, `${path}.entry`),
    ...inActions(exit, `${path}.exit`),
    ...(typeof initial === "object" ? inActions(initial.actions, `${path}.initial.actions`) : []),
    ...Object.keys(after).flatMap((delay) => inAfter(delay, `${path}.after.${delay}`)),
    ...lists.flatMap(([where, list]) => inTransitions(list, `${path}.${where}`)),
    ...invokes.flatMap((one, index) =>
      inInvoke(one, Array.isArray(invoke) ? `${path}.invoke.${index}` : `${path}.invoke`),
    ),
    ...(outputFrom === undefined ? [] : [named("values", outputFrom, `${path}.outputFrom`)]),
    ...Object.entries(state.states ?? {}).flatMap(([key, child]) =>
      inState(child, `${path}.states.${key}`),
    ),
  ];
}

const named = (kind: NameKind, name: string, path: string): UsedName => ({ kind, name, path });

type Invoke = Extract<NonNullable<StateDocument["invoke"]>, { readonly src: string }>;
function inInvoke(invoke: Invoke, path: string): UsedName[] {
  const { src, inputFrom, onDone, onError, onSnapshot } = invoke;
  return [
    named("actors", src, `${path}.src`),
    ...(inputFrom === undefined ? [] : [named("values", inputFrom, `${path}.inputFrom`)]),
    ...inTransitions(onDone, `${path}.onDone`),
    ...inTransitions(onError, `${path}.onError`),
    ...inTransitions(onSnapshot, `${path}.onSnapshot`),
  ];
}

type Transitions = StateDocument["always"];
function inTransitions(list: Transitions, path: string): UsedName[] {
  if (list === undefined) return [];
  return [list].flat().flatMap((one, index) => {
    if (typeof one === "string") return [];
    const at = Array.isArray(list) ? `${path}.${index}` : path;
    return [...inGuard(one.guard, `${at}.guard`), ...inActions(one.actions, `${at}.actions`)];
  });
}

function inGuard(guard: Guard | undefined, path: string): UsedName[] {
  if (guard === undefined) return [];
  if (typeof guard === "string") return [named("guards", guard, path)];
  if ("guards" in guard)
    return guard.guards.flatMap((part, index) => inGuard(part, `${path}.guards.${index}`));
  return guard.type.startsWith("xstate.") ? [] : [named("guards", guard.type, path)];
}

function inActions(actions: Action | readonly Action[] | undefined, path: string): UsedName[] {
  if (actions === undefined) return [];
  return [actions].flat().flatMap((action: Action, index) => {
    const at = Array.isArray(actions) ? `${path}.${index}` : path;
    if (typeof action === "string") return [named("actions", action, at)];
    if (!action.type.startsWith("xstate.")) return [named("actions", action.type, at)];
    return [
      ...("src" in action ? [named("actors", action.src, `${at}.src`)] : []),
      ...("delay" in action && typeof action.delay === "string"
        ? [named("delays", action.delay, `${at}.delay`)]
        : []),
    ];
  });
}

/** A key of `after` is the number that XState reads it as, whereas any text at an action is a name. */
function inAfter(delay: string, path: string): UsedName[] {
  return Number.isNaN(Number(delay)) ? [named("delays", delay, path)] : [];
}
