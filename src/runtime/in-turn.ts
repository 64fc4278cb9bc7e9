// Runs what decides inside a turn, before the commit: handlers of flows, and promises marked `inTurn`.
import { currentState } from "../actor/current-state.ts";
import { jsonOf } from "../actor/data.ts";
import { contextOf } from "../actor/unread-context.ts";
import { promiseScope } from "../blueprint/promise-scope.ts";
import type { Clock } from "../clock.ts";
import type { TurnTools } from "./turn.ts";

/** Its error code when a handler takes longer than it may. */
class HandlerTimeout extends Error {
  readonly code = "handler.timed_out";
}

/**
 * @param timeoutMs how long a handler may take; its signal is aborted then, and what it returns later is ignored
 */
export function createInTurnRunner(clock: Clock, timeoutMs: number): TurnTools["runInTurn"] {
  return async (kind, envelope, input, now) => {
    // Only promises are given a signal: for the many handlers none is made.
    const abort = kind.kind === "promise" ? new AbortController() : undefined;
    let expire: (error: Error) => void = () => {};
    const timeout = new Promise<never>((_, reject) => (expire = reject));
    const timer = clock.schedule(timeoutMs, () => {
      const error = new HandlerTimeout(`The handler did not decide within ${timeoutMs} ms.`);
      abort?.abort(error);
      expire(error);
    });
    try {
      const work =
        kind.kind === "handler"
          ? kind.handler({
              jobId: envelope.jobId,
              context: contextOf(envelope),
              state: currentState(envelope.value),
              now,
            })
          : Promise.resolve(kind.creator(promiseScope(input, abort!.signal)));
      return asStored(await Promise.race([work, timeout]));
    } finally {
      timer.cancel();
    }
  };
}

/**
 * A value as history will give it back, so that a replay steps with the very same one.
 *
 * @throws TypeError for what JSON would lose.
 */
export function asStored(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(jsonOf(value)) as unknown);
}
