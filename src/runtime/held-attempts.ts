// Whose an attempt is: by its lease in the store, and by what became of extending it.
import { holderOf, type StoredTask } from "../store/records.ts";
import type { Attempt } from "../store/store.ts";
import type { LostAttempt } from "./runtime.ts";
import type { WorkerSession } from "./worker-pool.ts";

/** Whether a result may come from this session: it has the lease, or was the last to have it. */
export function holdsLease(task: StoredTask, { holder }: WorkerSession): boolean {
  return (holderOf(task) ?? holder) === holder;
}

/** Those of the attempts whose leases could not be extended. */
export function lostAttempts(
  asked: readonly Attempt[],
  results: readonly ("kept" | "fenced" | "unknown")[],
): LostAttempt[] {
  return asked.flatMap(({ taskId, attempt }, index) => {
    const reason = results[index];
    return reason === "fenced" || reason === "unknown" ? [{ taskId, attempt, reason }] : [];
  });
}
