// Code that runs around every task handler: for timing, tracing, secrets, and whatever all tasks of a worker share.
import type { TaskContext } from "./task.ts";

/**
 * Runs around a task handler. Call `next` once for the task handler (and the middleware registered later) to run; what is
 * returned or thrown here is what the task ends with.
 */
export type Middleware = (context: TaskContext, next: () => Promise<unknown>) => unknown;

/** Run a task handler with middleware around it, the first registered outermost. */
export async function around(
  middleware: readonly Middleware[],
  context: TaskContext,
  handler: () => unknown,
): Promise<unknown> {
  const run = async (index: number): Promise<unknown> => {
    const layer = middleware[index];
    if (!layer) return await handler();
    let called = false;
    return await layer(context, () => {
      if (called) throw new Error("A middleware called next() twice for one task.");
      called = true;
      return run(index + 1);
    });
  };
  return run(0);
}
