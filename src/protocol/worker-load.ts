// How busy a worker's process is, as its heartbeats say it: for people, not for the choice of who gets a task.
import { z } from "zod";

export const WorkerLoad = z.object({
  /** The share of the machine's processors that it has used since its last heartbeat, 0 to 1. */
  cpu: z.number().nonnegative().optional(),
  memory_bytes: z.number().nonnegative().optional(),
  /** The longest that its event loop was late since its last heartbeat. */
  loop_lag_ms: z.number().nonnegative().optional(),
});
export type WorkerLoad = z.infer<typeof WorkerLoad>;
