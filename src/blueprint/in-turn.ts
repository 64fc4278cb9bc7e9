// Marks promise logic that runs inside the turn of its job, before the commit.
import type { PromiseActorLogic } from "xstate";

/** Marks the logic. Registered, so that two copies of this package understand each other. */
export const inTurnMark = Symbol.for("avtomatika.in_turn");

/**
 * Let an invoked `fromPromise` run inside the turn: no task, no lease, no second commit.
 *
 * The price: it runs before the commit, at least once, and also for a turn that loses to another one.
 * So it may only read and decide; what has effects on the outside world is a plain `fromPromise` or a
 * `task`, both of which start after their commit.
 */
export function inTurn<Output, Input>(
  logic: PromiseActorLogic<Output, Input>,
): PromiseActorLogic<Output, Input> {
  return Object.assign({ ...logic }, { [inTurnMark]: true });
}
