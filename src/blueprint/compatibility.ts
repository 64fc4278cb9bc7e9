// Whether a blueprint could take over a job of another version as it stands, and if not, why: in sentences.
import type { AnyStateNode, StateValue } from "xstate";
import type { Blueprint } from "./blueprint.ts";
import { transitionsOf } from "./lint/definition.ts";
import { workOf, type Standing } from "./standing.ts";
import { walk } from "./walk.ts";

export interface Incompatibility {
  readonly code:
    | "state_gone"
    | "state_has_states"
    | "state_has_no_states"
    | "region_added"
    | "actor_gone"
    | "invoke_changed"
    | "invoke_gone"
    | "invoke_added"
    | "timer_gone"
    | "delay_added"
    | "history_gone"
    | "target_gone";
  /** The dotted path of the state that it is about; empty for the job as a whole. */
  readonly state: string;
  readonly message: string;
}

/** Empty where the blueprint can take the job over as it is. Whether its code wants another context nobody can tell. */
export function incompatibilities(
  blueprint: Blueprint,
  standing: Standing,
): readonly Incompatibility[] {
  const { active, found } = followValue(blueprint.machine.root, standing.value);
  return [
    ...found,
    ...ofChildren(blueprint, standing, active),
    ...ofTimers(standing, active),
    ...ofHistory(blueprint, standing),
    ...ofTargets(blueprint, standing, active),
  ];
}

/** The state nodes that a value names, as far as there are any. */
function followValue(root: AnyStateNode, value: StateValue) {
  const active: AnyStateNode[] = [];
  const found: Incompatibility[] = [];
  follow(root, value);
  return { active, found };

  function follow(node: AnyStateNode, below: StateValue): void {
    active.push(node);
    const keys = typeof below === "string" ? [below] : Object.keys(below);
    const state = pathOf(node);
    const tell = (code: Incompatibility["code"], message: string): void =>
      void found.push({ code, state, message });
    const named = state === "" ? "The machine" : `State "${state}"`;
    switch (node.type) {
      case "parallel":
        for (const [key, region] of Object.entries(node.states))
          if (region.type !== "history" && !keys.includes(key))
            tell("region_added", `${named} has a new region "${key}", which would never begin.`);
        break;
      case "compound":
        if (keys.length === 0)
          tell("state_has_states", `${named} has states inside by now, and the job is in none.`);
        if (keys.length > 1)
          tell("state_gone", `${named} has no regions any more, and the job is in several.`);
        break;
      case "atomic":
      case "final":
      case "history":
        if (keys.length > 0) {
          tell("state_has_no_states", `${named} has no states inside any more.`);
          return;
        }
    }
    for (const key of keys) {
      const child = node.states[key];
      const path = [...node.path, key].join(".");
      if (child) follow(child, typeof below === "string" ? {} : below[key]!);
      else found.push({ code: "state_gone", state: path, message: `State "${path}" is gone.` });
    }
  }
}

function* ofChildren(
  blueprint: Blueprint,
  { children }: Standing,
  active: readonly AnyStateNode[],
): Generator<Incompatibility> {
  const wanted = new Map(
    active.flatMap((node) => node.invoke.map((one) => [one.id, { node, src: one.src }] as const)),
  );
  for (const { id, src, settled, invoked, work } of children) {
    const place = wanted.get(id);
    wanted.delete(id);
    if (settled) continue;
    const is = place && typeof place.src === "string" ? place.src : src;
    const state = place ? pathOf(place.node) : "";
    if (!Object.hasOwn(blueprint.machine.implementations.actors as object, is))
      yield {
        code: "actor_gone",
        state,
        message: `Child "${id}" runs "${src}", and the machine has no actor of that name any more.`,
      };
    else if (place ? is !== src || differs(work, workOf(blueprint, is)) : false)
      yield {
        code: "invoke_changed",
        state,
        message: `Child "${id}" runs ${work ?? src}, and state "${state}" invokes ${workOf(blueprint, is)} as that by now.`,
      };
    else if (!place && invoked !== false && !takesEndOf(id, active))
      yield {
        code: "invoke_gone",
        state,
        message: `Child "${id}" runs, and no active state invokes it any more.`,
      };
  }
  for (const [id, { node }] of wanted)
    yield {
      code: "invoke_added",
      state: pathOf(node),
      message: `State "${pathOf(node)}" invokes "${id}" by now, which does not run.`,
    };
}

/** The work of a job whose version is not there is not known, and taken for the same. */
const differs = (was: string | undefined, is: string): boolean => was !== undefined && was !== is;

function takesEndOf(id: string, active: readonly AnyStateNode[]): boolean {
  return active.some(({ transitions }) => transitions.has(`xstate.done.actor.${id}`));
}

function* ofTimers(
  { timers, delays }: Standing,
  active: readonly AnyStateNode[],
): Generator<Incompatibility> {
  const waited = new Map(
    active.flatMap((node) => node.after.map(({ eventType }) => [eventType, node] as const)),
  );
  for (const timer of timers)
    if (!waited.has(timer))
      yield {
        code: "timer_gone",
        state: "",
        message: `A timer for ${delayName(timer)} runs, and no active state waits for it any more.`,
      };
  const known = new Set([...timers, ...(delays ?? [])]);
  for (const [type, node] of waited)
    if (!known.has(type))
      yield {
        code: "delay_added",
        state: pathOf(node),
        message: `State "${pathOf(node)}" waits for ${delayName(type, node)} by now, which has not begun.`,
      };
}

function* ofHistory(
  { machine }: Blueprint,
  { history = {} }: Standing,
): Generator<Incompatibility> {
  const ids = new Set([...walk(machine)].map(({ id }) => id));
  for (const [id, states] of Object.entries(history))
    for (const gone of [id, ...states].filter((one) => !ids.has(one)))
      yield {
        code: "history_gone",
        state: "",
        message: `The job remembers "${gone}" for its return to "${id}", and that is gone.`,
      };
}

function* ofTargets(
  blueprint: Blueprint,
  { leadsTo = [] }: Standing,
  active: readonly AnyStateNode[],
): Generator<Incompatibility> {
  if (blueprint.style !== "flow") return;
  const leaf = active.at(-1)!;
  const targets = new Set(transitionsOf(leaf).flatMap(({ guard }) => flowTarget(guard) ?? []));
  for (const target of leadsTo)
    if (!targets.has(target))
      yield {
        code: "target_gone",
        state: pathOf(leaf),
        message: `What the job waits for leads to "${target}", and state "${pathOf(leaf)}" does not lead there any more.`,
      };
}

function flowTarget(guard: unknown): string | undefined {
  const { params } = (guard ?? {}) as { readonly params?: { readonly target?: unknown } };
  return typeof params?.target === "string" ? params.target : undefined;
}

const pathOf = ({ path }: AnyStateNode): string => path.join(".");

function delayName(eventType: string, node?: AnyStateNode): string {
  const name = eventType.slice("xstate.after.".length);
  const end = `.${node?.id ?? ""}`;
  return `the delay "${node && name.endsWith(end) ? name.slice(0, -end.length) : name}"`;
}
