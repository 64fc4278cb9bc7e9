// Time as a value: the real clock for servers, and the port that lets tests move time by hand.

export type TimerHandle = { readonly cancel: () => void };

export interface Clock {
  /** Wall time in milliseconds since 1970. It may jump: use it for what people read, never for durations. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. */
  monotonic(): number;
  /** Calls `run` once after `delayMs`. Delays of any length are allowed (40 days included). */
  schedule(delayMs: number, run: () => void): TimerHandle;
}

/** The longest delay that a Node timer takes; longer ones would fire at once. */
const nodeTimerMsMax = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, run) {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      timer = setTimeout(
        () => (leftMs > nodeTimerMsMax ? arm(leftMs - nodeTimerMsMax) : run()),
        Math.max(0, Math.min(leftMs, nodeTimerMsMax)),
      );
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
