// A task as a worker is given it, with no job behind it.
import { randomUUID } from "node:crypto";
import type { StoredTask } from "../runtime/worker-pool.ts";

/** @returns the first attempt of a task with ids of its own; nothing of it is stored */
export function bareTask(type: string, params: unknown): StoredTask {
  const jobId = `0_${randomUUID().replaceAll("-", "")}`;
  const now = Date.now();
  return {
    taskId: `${jobId}:test.1.0`,
    jobId,
    child: "task",
    type,
    queue: type,
    params,
    priority: 5,
    retry: { maxAttempts: 1, initialMs: 0, factor: 1, maxMs: 0 },
    state: "leased",
    attempt: 1,
    settled: 0,
    failures: 0,
    losses: 0,
    createdAt: now,
    since: now,
  };
}
