// What stands on an arrow of a chart: the event as a person would say it, the guard, the actions.
import type { AnyStateNode } from "xstate";

export type ChartEdgeKind =
  "event" | "done" | "error" | "snapshot" | "after" | "always" | "history";

export interface ChartLabel {
  /** `SUBMIT`, `after 10 min`, `done`, `error`, `all done`; empty for eventless transitions. */
  readonly event: string;
  readonly guard?: string;
  /** Named actions. Inline functions have no name to show. */
  readonly actions: readonly string[];
}

interface Transition {
  readonly eventType: string;
  readonly guard?: unknown;
  readonly actions: readonly unknown[];
}

export function transitionLabel(
  node: AnyStateNode,
  transition: Transition,
): { readonly kind: ChartEdgeKind; readonly label: ChartLabel } {
  const { kind, event } = eventLabel(node, transition.eventType);
  const guard = transition.guard === undefined ? undefined : guardLabel(transition.guard);
  const actions = transition.actions.flatMap((action) => actionName(action) ?? []);
  return { kind, label: { event, ...(guard !== undefined && { guard }), actions } };
}

/** A label on one line: `EVENT [guard] / action, action`. */
export function labelText({ event, guard, actions }: ChartLabel): string {
  const parts = [
    event,
    guard === undefined ? "" : `[${guard}]`,
    actions.length > 0 ? `/ ${actions.join(", ")}` : "",
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** What XState calls its own events, and how each is said. */
function eventLabel(node: AnyStateNode, type: string): { kind: ChartEdgeKind; event: string } {
  const rest = (prefix: string) =>
    type.startsWith(prefix) ? type.slice(prefix.length) : undefined;
  /** The child is named only where the state has several. */
  const ofChild = (word: string, id: string) =>
    node.invoke.length > 1 ? `${childName(node, id)} ${word}` : word;

  const done = rest("xstate.done.actor.");
  if (done !== undefined) return { kind: "done", event: ofChild("done", done) };
  const error = rest("xstate.error.actor.");
  if (error !== undefined) return { kind: "error", event: ofChild("error", error) };
  const snapshot = rest("xstate.snapshot.");
  if (snapshot !== undefined) return { kind: "snapshot", event: ofChild("update", snapshot) };
  if (rest("xstate.done.state.") !== undefined)
    return { kind: "done", event: node.type === "parallel" ? "all done" : "done" };
  const after = rest("xstate.after.");
  if (after !== undefined) {
    const delay = after.slice(0, -(node.id.length + 1));
    return {
      kind: "after",
      event: `after ${/^\d+$/.test(delay) ? duration(Number(delay)) : delay}`,
    };
  }
  if (type === "") return { kind: "always", event: "" };
  return { kind: "event", event: type === "*" ? "any other" : type };
}

/** Ids that XState makes up (`0.machine.state`) say less than the actor's name. */
function childName(node: AnyStateNode, id: string): string {
  const src: unknown = node.invoke.find((each) => each.id === id)?.src;
  return /^\d+\./.test(id) && typeof src === "string" ? src : id;
}

const units = [
  { ms: 86_400_000, name: "d" },
  { ms: 3_600_000, name: "h" },
  { ms: 60_000, name: "min" },
  { ms: 1000, name: "s" },
  { ms: 1, name: "ms" },
] as const;

/** A duration as people write it, exactly: `90 s` becomes `1 min 30 s`. */
export function duration(durationMs: number): string {
  const parts: string[] = [];
  let left = durationMs;
  for (const { ms, name } of units) {
    const count = Math.floor(left / ms);
    if (count > 0) parts.push(`${count} ${name}`);
    left -= count * ms;
  }
  return parts.join(" ") || "0 s";
}

/** A guard by its name; `and`, `or` and `not` are spelled out. */
function guardLabel(guard: unknown): string {
  const name = namedType(guard);
  if (name !== undefined) return name;
  if (typeof guard !== "function") return "guard";
  const { guards, check } = guard as {
    readonly guards?: readonly unknown[];
    readonly check?: unknown;
  };
  const word = typeof check === "function" ? check.name : "";
  if (guards && word === "checkNot") return `not ${guards.map(guardLabel).join(", ")}`;
  if (guards && word === "checkAnd") return guards.map(guardLabel).join(" and ");
  if (guards && word === "checkOr") return guards.map(guardLabel).join(" or ");
  // A function written in place is called after the property that holds it.
  return guard.name === "" || guard.name === "guard" || guard.name === "check" ? "…" : guard.name;
}

const unnamed = new Set(["", "actions", "fn"]);

function actionName(action: unknown): string | undefined {
  const name =
    namedType(action) ?? (typeof action === "function" ? functionName(action) : undefined);
  return name === undefined || unnamed.has(name) || name.startsWith("xstate.") ? undefined : name;
}

/** XState's own action creators (`assign`, `raise` …) carry their kind in `type`. */
function functionName(action: object): string | undefined {
  const { type, name } = action as { readonly type?: unknown; readonly name?: unknown };
  return typeof type === "string" ? type : typeof name === "string" ? name : undefined;
}

function namedType(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return undefined;
  const { type } = value as { readonly type?: unknown };
  return typeof type === "string" ? type : undefined;
}
