// How long a task waits before its next attempt: exponential, capped, with full jitter in the upper half.
import type { RetryPolicy } from "../store/records.ts";

/**
 * The delay before the next attempt.
 *
 * @param failures attempts that have counted so far, this one included (1 or more)
 * @param random a number from 0 up to 1; the delay lies between half of the exponential value and all of it,
 *   so that tasks which failed together do not come back together
 * @returns milliseconds
 */
export function backoffMs(policy: RetryPolicy, failures: number, random: number): number {
  const full = Math.min(policy.maxMs, policy.initialMs * policy.factor ** (failures - 1));
  return Math.round(full / 2 + (full / 2) * random);
}
