// What a lint rule says about one place of a machine, and what it is given to say it.
import type { AnyStateMachine, AnyStateNode } from "xstate";

export const severities = ["error", "warning", "info"] as const;
/** `error`: broken under persistence, refused. `warning`: works, with a trap. `info`: good to know. */
export type Severity = (typeof severities)[number];

export interface Finding {
  /** Stable, such as `lint.unknown_delay`. */
  readonly code: `lint.${string}`;
  readonly severity: Severity;
  /** The state node's id, and the event where it is about a transition. */
  readonly where: string;
  /** What is wrong and what to do about it. */
  readonly message: string;
}

/** A finding with the state that the rule looked at. */
export interface PlacedFinding extends Finding {
  /** The dotted path of the state, as in a job's `current_state`; empty where it is about the whole machine. */
  readonly state: string;
}

/** A rule looks at one state node at a time; what belongs to the whole machine it looks at with the root. */
export type Rule = (node: AnyStateNode, machine: AnyStateMachine) => Iterable<Finding>;

/** Where a code is explained: a page of the documentation, and the heading on it. */
export function docsOf(code: string): string {
  return code.startsWith("lint.")
    ? `docs/lint.md#${code.replace(".", "")}`
    : "docs/errors.md#error-codes";
}
