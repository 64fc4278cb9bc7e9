// The wishes of a supervisor or a person at a terminal that the process end: SIGTERM and SIGINT.

/**
 * Hear of each wish, with its number from 0.
 *
 * @returns what stops listening.
 */
export function onEndSignals(heard: (nth: number) => void): () => void {
  let count = 0;
  const onSignal = (): void => heard(count++);
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  return () => {
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
  };
}
