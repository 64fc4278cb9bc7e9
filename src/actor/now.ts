// The time of the step that runs, for guards, assigns and context factories.

/** Store time of the running step. A step is synchronous, so one variable can't be seen by another step. */
let current: number | undefined;

/**
 * The time at which the machine takes the current step, in milliseconds since 1970. It is store time,
 * recorded in the job's history, so a replay reads the same value. Use it in guards, assigns, delays,
 * inputs and context factories instead of `Date.now()`.
 *
 * @throws Error when no step runs, for example in a task's handler.
 */
export function stepNow(): number {
  if (current === undefined) throw new Error("stepNow() has a value only while a machine steps");
  return current;
}

/** Run the synchronous `body` with `stepNow()` giving `now`. */
export function atTime<T>(now: number, body: () => T): T {
  const outer = current;
  current = now;
  try {
    return body();
  } finally {
    current = outer;
  }
}
