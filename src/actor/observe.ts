// Which transitions a step takes, for those who ask: XState tells of every microstep, and nobody else needs to know.
import type { StateNode } from "./xstate-internal.ts";

/** What XState's inspection tells of a microstep; of its other events it tells other things. */
export interface InspectedMicrostep {
  readonly type: string;
  readonly snapshot?: { readonly _nodes?: readonly StateNode[] };
  readonly _transitions?: readonly TakenTransition[];
}

/** A transition of the prepared machine, which has the same ids as the author's. */
export interface TakenTransition {
  readonly source: StateNode;
  readonly eventType: string;
}

/** One microstep of a step: the transitions that were taken together, and the states that were active after them. */
export interface Microstep {
  readonly transitions: readonly TakenTransition[];
  readonly nodes: readonly StateNode[];
}

/** A step is synchronous, so one variable can't be seen by another step. */
let noted: Microstep[] | undefined;

/** Run the synchronous `body`, and give the microsteps that machines took in it. */
export function observeMicrosteps<T>(body: () => T): {
  readonly result: T;
  readonly microsteps: readonly Microstep[];
} {
  const outer = noted;
  const microsteps: Microstep[] = (noted = []);
  try {
    return { result: body(), microsteps };
  } finally {
    noted = outer;
  }
}

/** The events that invocations start by, for those who ask: a step can start the same child by several. */
let notedStarts: Map<string, { readonly type: string }> | undefined;

/** Run the synchronous `body`, and give the events by which states started what they invoke, by the ids of the children. */
export function observeStarts<T>(body: () => T): {
  readonly result: T;
  readonly events: ReadonlyMap<string, { readonly type: string }>;
} {
  const outer = notedStarts;
  const events = (notedStarts = new Map<string, { readonly type: string }>());
  try {
    return { result: body(), events };
  } finally {
    notedStarts = outer;
  }
}

/** A state starts what it invokes. */
export function noteStart(child: string, event: unknown): void {
  notedStarts?.set(child, event as { readonly type: string });
}

export function note({ type, snapshot, _transitions }: InspectedMicrostep): void {
  if (noted === undefined || type !== "@xstate.microstep") return;
  noted.push({ transitions: _transitions ?? [], nodes: snapshot?._nodes ?? [] });
}
