// Whether the process has been asked to end: by a signal, or by the end of the process that started it.

const signals = ["SIGTERM", "SIGINT"] as const;
let current: (() => void) | undefined;

/** One listener for good: Node would lose a signal that arrives while one takes the place of another. */
function listen(onSignal: () => void): void {
  if (!current) for (const signal of signals) process.on(signal, () => current?.());
  current = onSignal;
}

/** Let SIGTERM and SIGINT end the process at once, until `stopSignal()` is asked for: for what has nothing to bring to an end. */
export function endAtSignal(exitCode: number): void {
  listen(() => process.exit(exitCode));
}

/**
 * Take SIGTERM and SIGINT, from now on, as the wish to end cleanly.
 *
 * A process that was started with a channel to its parent takes the end of that channel so too: a parent that is
 * killed with -9 leaves no child behind.
 */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  listen(stop);
  process.once("disconnect", stop);
  // The parent may have gone before anybody could listen; that there was a channel can still be told.
  if (process.send !== undefined && !process.connected) stop();
  // Listening for the end of the channel must not be what keeps the process alive.
  process.channel?.unref();
  return stopping.signal;
}

/** Resolves once the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}
