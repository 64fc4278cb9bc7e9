// What there is to cover of a blueprint, states and transitions, and what a job's history has covered.
import type { AnyStateNode } from "xstate";
import { observeMicrosteps, type TakenTransition } from "../actor/observe.ts";
import { replay } from "../actor/replay.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import { labelText, transitionLabel } from "../blueprint/chart-label.ts";
import type { FlowMeta } from "../blueprint/compile.ts";
import { enteredWith, transitionsOf, type Transition } from "../blueprint/lint/definition.ts";
import { walk } from "../blueprint/walk.ts";
import type { RecordedJob } from "./recorded-job.ts";

/** A transition of a blueprint, as people know it. */
export interface ModelTransition {
  /** The source's id, the event, and the number among those of the same event. */
  readonly id: string;
  readonly source: string;
  readonly targets: readonly string[];
  /** `APPROVE [isLarge] / keep`. */
  readonly label: string;
}

export interface Model {
  /** Ids of the state nodes. */
  readonly states: ReadonlySet<string>;
  readonly transitions: ReadonlyMap<string, ModelTransition>;
}

export interface Covered {
  readonly states: ReadonlySet<string>;
  /** Their ids. */
  readonly transitions: ReadonlySet<string>;
}

const metaOf = ({ meta }: { readonly meta?: unknown }): FlowMeta =>
  (meta as FlowMeta | undefined) ?? {};

/**
 * All states but histories, and all transitions that do anything: those that only say that an event is ignored can't be
 * seen to be taken. Of a flow, what its author wrote.
 */
export function modelOf({ machine }: Blueprint): Model {
  const nodes = [...walk(machine)].filter((node) => !metaOf(node).hidden);
  const transitions = nodes.flatMap((node) =>
    transitionsOf(node)
      .filter((one) => !metaOf(one).hidden && (one.target?.length || one.actions.length > 0))
      .map((one) => described(node, one)),
  );
  const states = nodes.filter(({ type }) => type !== "history").map(({ id }) => id);
  return {
    states: new Set(states),
    transitions: new Map(transitions.map((one) => [one.id, one])),
  };
}

function described(node: AnyStateNode, transition: Transition): ModelTransition {
  const { label } = transitionLabel(node, transition);
  const said = metaOf(node).tasks === undefined ? labelText(label) : (transition.description ?? "");
  return {
    id: idOf(node, transition),
    source: node.id,
    targets: (transition.target ?? []).map(({ id }) => id),
    label: said === "" ? "(always)" : said,
  };
}

/** `order.open: APPROVE [isLarge] → order.paid`. */
export function transitionText({ source, label, targets }: ModelTransition): string {
  return `${source}: ${label} → ${targets.join(", ") || "(stays)"}`;
}

/** The same for the author's node and for the kernel's copy of it. */
function idOf(node: AnyStateNode, transition: Transition): string {
  const { eventType } = transition;
  const same = transitionsOf(node).filter((one) => one.eventType === eventType);
  return `${node.id} ${eventType} ${same.indexOf(transition)}`;
}

/**
 * What the steps of a job went through, eventless transitions and transient states included.
 *
 * @throws RuntimeError `replay.diverged` where the job did not run on this blueprint.
 */
export function coveredBy(blueprint: Blueprint, { jobId, steps }: RecordedJob): Covered {
  const { name, version, machine, fingerprint } = blueprint;
  const origin = { jobId, blueprint: name, version, shape: fingerprint.shape };
  const { microsteps } = observeMicrosteps(() => replay(machine, origin, steps));
  const states = new Set(enteredWith(machine.root).map(({ id }) => id));
  const transitions = new Set<string>();
  for (const { transitions: taken, nodes } of microsteps) {
    for (const { id } of nodes) states.add(id);
    for (const one of taken) {
      for (const id of shownAs(one)) transitions.add(id);
      for (const target of (one as Transition).target ?? [])
        for (const { id } of enteredWith(target)) states.add(id);
    }
  }
  return { states, transitions };
}

/** The ids of the transitions that one that was taken stands for: the machinery of a flow stands for its arrows. */
function shownAs(taken: TakenTransition): readonly string[] {
  const { source } = taken;
  const alike = taken as Transition;
  if (!metaOf(alike).hidden) return [idOf(source, alike)];
  const targets = (alike.target ?? []).map(({ id }) => id).join();
  return transitionsOf(source)
    .filter(
      (one) => !metaOf(one).hidden && (one.target ?? []).map(({ id }) => id).join() === targets,
    )
    .map((one) => idOf(source, one));
}
