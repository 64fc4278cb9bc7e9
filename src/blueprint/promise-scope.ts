// What a `fromPromise` is given while it runs: its input and a signal. What XState gives besides has no meaning for a job that is stored.
import type { PromiseCreator } from "./actor-kind.ts";

type Scope = Parameters<PromiseCreator>[0];

/** Members that XState's types promise, and nobody can keep: the machine is not in memory while the promise runs. */
export const missingInPromise = ["emit", "self", "system"] as const;

/**
 * The argument of a promise's creator. Whoever takes `emit`, `self` or `system` from it fails, with what to do instead.
 *
 * @param signal aborted when the result is not wanted any more
 */
export function promiseScope(input: unknown, signal: AbortSignal): Scope {
  const scope: Scope = { input, signal };
  for (const name of missingInPromise)
    Object.defineProperty(scope, name, {
      get: () => {
        throw new TypeError(
          `A promise has no \`${name}\`, because its job is not in memory while it runs: return what is to be known and use emit() or sendTo() in onDone, or make it a task(), whose handler reports progress.`,
        );
      },
    });
  return scope;
}
