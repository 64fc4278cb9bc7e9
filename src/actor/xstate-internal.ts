// The types of XState's inside that the kernel touches and the package does not export.
import type { AnyMachineSnapshot, AnyStateMachine } from "xstate";

export type AnyActorScope = Parameters<AnyStateMachine["getInitialSnapshot"]>[0];
export type StateNode = AnyStateMachine["root"];

/** A child as it stands in a snapshot: made by XState when it starts in this step, else a stub of ours. */
export interface ChildReference {
  readonly id: string;
  readonly src: unknown;
  readonly systemId: string | undefined;
  readonly _syncSnapshot: boolean | undefined;
  readonly options?: { readonly input?: unknown };
}

/** A snapshot's children; undefined where the machine names logic that it lacks. */
export type ChildReferences = Readonly<Record<string, ChildReference | undefined>>;

export function childrenOf(snapshot: AnyMachineSnapshot): ChildReferences {
  return snapshot.children as ChildReferences;
}

/** The parameters of the built-in actions `raise` and `sendTo`. */
export interface SendParams {
  readonly event: { readonly type: string };
  readonly id?: string | undefined;
  readonly delay?: number | undefined;
  /** Absent for `raise`. */
  readonly to?: unknown;
}
