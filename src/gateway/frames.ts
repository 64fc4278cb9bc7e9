// Tasks as frames, and what frames say of attempts: the two directions of a session.
import type { TaskAssign, TaskResult } from "../protocol/worker-frames.ts";
import type { AttemptOutcome } from "../runtime/runtime.ts";
import type { StoredTask } from "../runtime/worker-pool.ts";

/** What a worker is told of a task that it has the lease of. */
export function taskFrame(task: StoredTask, leaseMs: number): TaskAssign {
  return {
    type: "task",
    task_id: task.taskId,
    attempt: task.attempt,
    job_id: task.jobId,
    task_type: task.type,
    params: task.params,
    priority: task.priority,
    lease_ms: leaseMs,
    ...(task.runTimeoutMs !== undefined && { run_timeout_ms: task.runTimeoutMs }),
    attempts_max: task.retry.maxAttempts,
  };
}

/** How an attempt ended, by the frame of its worker. */
export function outcomeOf(frame: TaskResult): AttemptOutcome {
  switch (frame.outcome) {
    case "ok":
      return { outcome: "ok", output: frame.output, status: frame.status };
    case "error": {
      const { code, message, details, retry_after_ms } = frame.error;
      return {
        outcome: "error",
        error: { code, message, ...(details !== undefined && { details }) },
        ...(retry_after_ms !== undefined && { retryAfterMs: retry_after_ms }),
      };
    }
    case "cancelled":
      return { outcome: "cancelled" };
  }
}
