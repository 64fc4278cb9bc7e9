// How a worker's tasks have ended, as a number from 0 to 1: measured here, whatever the worker says of itself.
import type { AttemptOutcome } from "../runtime.ts";

/** Outcomes that were counted, each weighing half as much after `halfLifeMs`. */
export interface Outcomes {
  readonly good: number;
  readonly all: number;
  /** When the weights were right, by a clock that only goes forward, in milliseconds. */
  readonly at: number;
}

const halfLifeMs = 3_600_000;
/** Everybody begins with this many good outcomes: one failure does not ruin a newcomer. */
const trust = 5;

export const noOutcomes: Outcomes = { good: 0, all: 0, at: 0 };

/** The outcomes with one more outcome. */
export function noted(outcomes: Outcomes, isGood: boolean, now: number): Outcomes {
  const { good, all } = decayed(outcomes, now);
  return { good: good + (isGood ? 1 : 0), all: all + 1, at: now };
}

/** Above 0, and 1 for who never failed; rounded to four digits. */
export function reputationOf(outcomes: Outcomes, now: number): number {
  const { good, all } = decayed(outcomes, now);
  return Math.round(((good + trust) / (all + trust)) * 10_000) / 10_000;
}

function decayed({ good, all, at }: Outcomes, now: number): Outcomes {
  const weight = 0.5 ** (Math.max(0, now - at) / halfLifeMs);
  return { good: good * weight, all: all * weight, at: now };
}

/** Whether an outcome speaks for its worker; undefined where it says nothing of it. */
export function toItsCredit(
  outcome: AttemptOutcome,
  code: string | undefined,
): boolean | undefined {
  switch (outcome.outcome) {
    case "ok":
      return code === undefined;
    case "error":
      return outcome.error.code === "INVALID_INPUT_ERROR" ? undefined : false;
    case "cancelled":
      return undefined;
  }
}
