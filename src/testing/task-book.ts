// The tasks that the jobs of a world have dispatched, in order, with what became of them.
import type { Commit } from "../store/commit.ts";
import type { StoredTask } from "../store/records.ts";

/** A task that a job has dispatched. */
export interface DispatchedTask<Params = unknown> {
  readonly taskId: string;
  readonly jobId: string;
  /** The id of the invocation. */
  readonly child: string;
  readonly type: string;
  readonly params: Params;
  /** 0 (last) to 9 (first). */
  readonly priority: number;
  /** Store time of the commit that queued it, in milliseconds since 1970. */
  readonly at: number;
  /** How many attempts workers have begun. */
  readonly attempts: number;
  /** Ended: `done` by a result or a failure for good, `withdrawn` because the job did not want it any more. */
  readonly state: "open" | "done" | "withdrawn";
}

type Row = { -readonly [Member in keyof DispatchedTask]: DispatchedTask[Member] };

export class TaskBook {
  readonly #rows = new Map<string, Row>();

  /** Of one job, or of all, in the order in which they were dispatched. */
  list(jobId?: string): readonly DispatchedTask[] {
    const rows = [...this.#rows.values()].filter(
      (row) => jobId === undefined || row.jobId === jobId,
    );
    return rows.map((row) => ({ ...row }));
  }

  committed({ ops }: Commit, at: number): void {
    for (const op of ops) {
      if (op.op === "add_task") {
        const { taskId, jobId, child, type, params, priority } = op.task;
        const about = { taskId, jobId, child, type, params, priority };
        this.#rows.set(taskId, { ...about, at, attempts: 0, state: "open" });
      }
      if (op.op === "finish_task") this.#end(op.taskId, "done");
      if (op.op === "remove_task") this.#end(op.taskId, "withdrawn");
    }
  }

  began({ taskId, attempt }: StoredTask): void {
    const row = this.#rows.get(taskId);
    if (row) row.attempts = attempt;
  }

  #end(taskId: string, state: Row["state"]): void {
    const row = this.#rows.get(taskId);
    if (row?.state === "open") row.state = state;
  }
}
