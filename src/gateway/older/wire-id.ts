// How an attempt is named to a worker of the older dialect, which knows task ids and no attempts.
import type { Attempt } from "../../runtime/worker-pool.ts";

/**
 * The first attempt bears the task's id; later ones add `@` and their number. So a late result of one attempt is never
 * taken for that of the next, although both may come from workers that share one id.
 */
export function wireIdOf({ taskId, attempt }: Attempt): string {
  return attempt === 1 ? taskId : `${taskId}@${attempt}`;
}

export function attemptOfWireId(wireId: string): Attempt {
  const [, taskId, attempt] = /^(.*)@([2-9]|[1-9]\d{1,8})$/.exec(wireId) ?? [];
  return taskId === undefined
    ? { taskId: wireId, attempt: 1 }
    : { taskId, attempt: Number(attempt) };
}
