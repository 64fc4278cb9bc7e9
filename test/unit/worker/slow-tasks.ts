// Handlers of a worker process that a test ends by signals.
import { defineTask } from "avtomatika/worker";

/** Takes until it is told to stop, or as long as its params say. */
export const slow = defineTask<{ readonly ms: number }>(
  "slow",
  ({ params, progress }) =>
    new Promise((resolve) => {
      progress(0, "running");
      setTimeout(() => resolve({ done: true }), params.ms);
    }),
);
