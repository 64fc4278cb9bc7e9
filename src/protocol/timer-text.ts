// What a timer is called for people: XState names those of `after` by their delay and their state.

/** @param name of a timer or of its event: `xstate.after.patience.order.open` is `after patience in order.open`. */
export function timerText(name: string): string {
  const [, delay, state] = /^xstate\.after\.([^.]+)\.(.+)$/.exec(name) ?? [];
  if (delay === undefined) return name;
  return `after ${/^\d+$/.test(delay) ? `${delay} ms` : delay} in ${state}`;
}
