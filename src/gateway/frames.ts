// Tasks as frames, and what frames say of attempts: the two directions of a session.
import type { AttemptRef, TaskAssign, TaskResult, WelcomeMore } from "../protocol/worker-frames.ts";
import { refsPerFrameMax } from "../protocol/worker-limits.ts";
import type { WorkerLoad } from "../protocol/worker-load.ts";
import type { AttemptOutcome, LostAttempt, Welcome as Decision } from "../runtime/runtime.ts";
import type { Attempt, StoredTask } from "../runtime/worker-pool.ts";
import type { WorkerUsage } from "../runtime/worker-view.ts";

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
    ...(task.checkpoint !== undefined && { checkpoint: task.checkpoint }),
  };
}

/** The decision about what a worker holds, on as many pages as it needs. */
export function decisionPages({
  keep,
  drop,
  want,
}: Decision): readonly Pick<WelcomeMore, "keep" | "drop" | "want" | "more">[] {
  const pages = Math.max(1, Math.ceil((keep.length + drop.length + want.length) / refsPerFrameMax));
  return Array.from({ length: pages }, (_, page) => {
    // One long list of all three, of which each page has a part.
    let from = page * refsPerFrameMax;
    let to = from + refsPerFrameMax;
    const part = <One>(list: readonly One[]): One[] => {
      const taken = list.slice(Math.max(0, from), Math.max(0, to));
      from -= list.length;
      to -= list.length;
      return taken;
    };
    return {
      keep: part(keep).map(refOf),
      drop: part(drop).map(lostRefOf),
      want: part(want).map(refOf),
      more: page < pages - 1,
    };
  });
}

export function attemptOf({ task_id, attempt }: AttemptRef): Attempt {
  return { taskId: task_id, attempt };
}

export function refOf({ taskId, attempt }: Attempt): AttemptRef {
  return { task_id: taskId, attempt };
}

export function lostRefOf(lost: LostAttempt): AttemptRef & Pick<LostAttempt, "reason"> {
  return { ...refOf(lost), reason: lost.reason };
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

export function usageOf({ cpu, memory_bytes, loop_lag_ms }: WorkerLoad): WorkerUsage {
  return {
    ...(cpu !== undefined && { cpu }),
    ...(memory_bytes !== undefined && { memoryBytes: memory_bytes }),
    ...(loop_lag_ms !== undefined && { loopLagMs: loop_lag_ms }),
  };
}
