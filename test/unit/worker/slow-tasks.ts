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

/** Leaves something running that nobody ends. */
export const lingering = defineTask("lingering", async ({ progress }) => {
  progress(0, "running");
  setInterval(() => undefined, 1_000);
  return { done: true };
});
