// Waiting for a condition, instead of for a time that is hoped to be long enough.

export interface Patience {
  /** How long to keep trying, in milliseconds. */
  readonly timeoutMs?: number;
  /** How long to pause between two tries, in milliseconds. */
  readonly intervalMs?: number;
}

/**
 * Call `check` until it neither throws nor returns false or undefined.
 *
 * @returns what `check` returned.
 * @throws the last error of `check`, or one that says that the condition was never met.
 */
export async function eventually<Result>(
  check: () => Result | Promise<Result>,
  { timeoutMs = 5000, intervalMs = 5 }: Patience = {},
): Promise<Exclude<Awaited<Result>, false | undefined>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let failure: unknown;
    try {
      const result = await check();
      if (result !== false && result !== undefined)
        return result as Exclude<Awaited<Result>, false | undefined>;
      failure = new Error(`The condition was not met within ${timeoutMs} ms: ${check.toString()}`);
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) throw failure;
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
