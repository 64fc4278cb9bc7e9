// Promises of native machines as tasks: their start is committed first, and this node runs them under a lease.
import type { Blueprint } from "../blueprint/blueprint.ts";
import type { NewTask } from "../store/records.ts";

/** The queue of the promises of one blueprint: only nodes that have that very version take from it. */
export const localQueue = ({ name, version }: Pick<Blueprint, "name" | "version">): string =>
  `local:${name}@${version}`;

/** What a local task's params hold. */
export interface LocalParams {
  readonly src: string;
  readonly input: unknown;
}

/** A promise that rejects is not tried again: that is for its `onError`. One whose node was lost is, after a pause. */
const retry = { maxAttempts: 1, initialMs: 1000, factor: 2, maxMs: 60_000 };

export function localTask(
  queue: string,
  src: string,
  input: unknown,
): Pick<NewTask, "type" | "queue" | "params" | "priority" | "retry"> {
  const params: LocalParams = { src, input };
  return { type: queue, queue, params, priority: 5, retry };
}
