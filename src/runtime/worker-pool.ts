// The workers that this node can push to, as the runtime sees them: capacity and a way to speak. No sockets here.
import type { Attempt } from "../store/store.ts";
import type { StoredTask } from "../store/records.ts";

/** One connected worker. The gateway implements it for a socket, the runtime itself for promises of this node. */
export interface WorkerSession {
  /** Names this worker process over its reconnections; it is the `holder` of the leases. */
  readonly holder: string;
  readonly workerId: string;
  /** Task type → most at once; undefined where only the total counts. */
  readonly types: ReadonlyMap<string, number | undefined>;
  /** Hand over a task whose lease is durable. */
  push(task: StoredTask, leaseMs: number): void;
  /** Tell the worker to stop an attempt; its slot stays counted until the worker answers. */
  cancel(attempt: Attempt, reason: string, graceMs: number): void;
}

/** What lists of workers show. */
export interface WorkerView {
  readonly workerId: string;
  readonly workerType: string;
  readonly types: readonly string[];
  readonly maxConcurrentTasks: number;
  readonly running: number;
  readonly status: "idle" | "busy" | "draining" | "detached";
  readonly connectedAt: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Readonly<Record<string, unknown>>;
}
