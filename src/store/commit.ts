// One turn as data: what becomes durable together or not at all.
import type { HistoryEntry, JobSummary, NewTask, OutboxMessage } from "./records.ts";

/**
 * Who would run the task now. Taken only where the task's queue is empty, so push never overtakes the backlog (law 6),
 * and where its key does not run as often as it may.
 */
export interface LeaseOffer {
  readonly holder: string;
  readonly workerId: string;
  readonly leaseMs: number;
}

export type Op =
  /** Queue a task, or lease its first attempt to the offer where its queue is empty. */
  | { readonly op: "add_task"; readonly task: NewTask; readonly offer?: LeaseOffer }
  /**
   * End a task by the result of an attempt. The whole commit is `fenced` unless that attempt is current and unsettled,
   * and, where it is `lapsed`, its lease has ended by store time.
   */
  | {
      readonly op: "finish_task";
      readonly taskId: string;
      readonly attempt: number;
      readonly lapsed?: true;
    }
  /** Take a task away, whatever its state; nothing happens where it is gone. The node that runs it is told why. */
  | { readonly op: "remove_task"; readonly taskId: string; readonly reason?: string }
  | { readonly op: "set_timer"; readonly timerId: string; readonly due: number }
  | { readonly op: "clear_timer"; readonly timerId: string }
  | { readonly op: "add_message"; readonly message: OutboxMessage; readonly due: number }
  /** The job has ended: keep it until then (store time). */
  | { readonly op: "keep_until"; readonly due: number }
  /** The job goes on after its end, or stays for ever: forget until when it was to be kept. */
  | { readonly op: "keep" };

export interface Commit {
  readonly jobId: string;
  /** The epoch that its steps were given: the commit is a conflict where the shard has another by now. */
  readonly epoch?: string;
  /** The revision that was read; 0 where the job must not exist yet. */
  readonly expectedRevision: number;
  readonly revision: number;
  readonly envelope: string;
  readonly summary: JobSummary;
  /** One entry for each revision from `expectedRevision + 1` to `revision`. */
  readonly history: readonly HistoryEntry[];
  /** Applied in order. */
  readonly ops: readonly Op[];
  /** This node follows the job from its beginning. */
  readonly follow?: true;
}

export type CommitResult =
  | {
      readonly outcome: "committed";
      readonly now: number;
      /** The ids of added tasks that the offer got, at attempt 1; every other added task is queued. */
      readonly leased: readonly string[];
      /** Other nodes that follow the job, where there are any. They have been told that it moved. */
      readonly followers?: readonly string[];
    }
  /** Another turn was first, or the epoch has changed. `revision` is the stored one, 0 where there is no such job. */
  | { readonly outcome: "conflict"; readonly revision: number }
  /** The attempt of this task is not current any more; nothing was written. */
  | { readonly outcome: "fenced"; readonly taskId: string };
