// XState's own actions and guards between their two forms: functions that carry members, and JSON with the same members.
import {
  and,
  cancel,
  emit,
  log,
  not,
  or,
  raise,
  sendTo,
  spawnChild,
  stateIn,
  stopChild,
  type StateValue,
} from "xstate";
import { isBuiltIn } from "../lint/definition.ts";
import type { Action, Guard } from "./document.ts";
import { nameValue, originOf } from "./value-name.ts";

/** An action of a document as a machine takes it. */
export function actionFrom(action: Action): unknown {
  if (typeof action === "string") return action;
  if (!isOwn(action)) return action;
  switch (action.type) {
    case "xstate.raise":
      return raise(action.event, sendOptions(action));
    case "xstate.sendTo":
      return sendTo(action.to, action.event, sendOptions(action));
    case "xstate.cancel":
      return cancel(action.sendId);
    case "xstate.emit":
      return emit(action.event as never);
    case "xstate.log":
      return log(writtenValue(action.value), action.label);
    case "xstate.spawnChild": {
      const { src, id, systemId, input } = action;
      const options = {
        id,
        ...(systemId !== undefined && { systemId }),
        ...(input !== undefined && { input }),
      };
      return spawnChild(src as never, options as never);
    }
    case "xstate.stopChild":
      return stopChild(action.actorRef);
  }
}

type OwnAction = Extract<Action, { readonly type: `xstate.${string}` }>;
const isOwn = (action: Exclude<Action, string>): action is OwnAction =>
  action.type.startsWith("xstate.");

function sendOptions({ id, delay }: { readonly id?: unknown; readonly delay?: unknown }) {
  return { ...(id !== undefined && { id }), ...(delay !== undefined && { delay }) } as object;
}

/** A value that is not text is given by a function, which an export knows again. */
function writtenValue(value: unknown): string | (() => unknown) {
  return typeof value === "string" ? value : nameValue({ output: value }, () => value);
}

/** The members that each of XState's own actions has in a document. */
const members: Readonly<Record<string, readonly string[]>> = {
  "xstate.raise": ["event", "id", "delay"],
  "xstate.sendTo": ["to", "event", "id", "delay"],
  "xstate.cancel": ["sendId"],
  "xstate.emit": ["event"],
  "xstate.log": ["value", "label"],
  "xstate.spawnChild": ["src", "id", "systemId", "input"],
  "xstate.stopChild": ["actorRef"],
};

/** An action of a machine as JSON, with whatever functions it has left in it; undefined for one without such a form. */
export function actionAsJson(action: unknown): unknown {
  if (typeof action !== "function") return action;
  if (!isBuiltIn(action) || !members[action.type]) return undefined;
  const given = members[action.type]!.flatMap((member): [string, unknown][] => {
    const value = (action as unknown as Readonly<Record<string, unknown>>)[member];
    const origin = originOf(value);
    if (origin && "output" in origin) return [[member, origin.output]];
    return value === undefined ? [] : [[member, value]];
  });
  return { type: action.type, ...Object.fromEntries(given) };
}

/** A guard of a document as a machine takes it. */
export function guardFrom(guard: Guard): unknown {
  if (typeof guard === "string") return guard;
  if ("state" in guard) return stateIn(guard.state as StateValue);
  if (!("guards" in guard)) return guard;
  const guards = guard.guards.map(guardFrom) as never[];
  switch (guard.type) {
    case "xstate.and":
      return and(guards);
    case "xstate.or":
      return or(guards);
    case "xstate.not":
      return not(guards[0]!);
  }
}

const guardTypes: Readonly<Record<string, string>> = {
  checkAnd: "xstate.and",
  checkOr: "xstate.or",
  checkNot: "xstate.not",
};

/** A guard of a machine as JSON; undefined for one without such a form. */
export function guardAsJson(guard: unknown): unknown {
  if (typeof guard !== "function") return guard;
  const { check, guards, stateValue } = guard as {
    readonly check?: { readonly name: string };
    readonly guards?: readonly unknown[];
    readonly stateValue?: unknown;
  };
  if (check?.name === "checkStateIn") return { type: "xstate.stateIn", state: stateValue };
  const type = guardTypes[check?.name ?? ""];
  return type === undefined ? undefined : { type, guards: guards?.map(guardAsJson) };
}
