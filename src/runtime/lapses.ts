// What becomes of a task whose lease has ended: its worker is lost, unless somebody has reason to think that it is well.
import { shardOf } from "../store/shard.ts";
import type { Store } from "../store/store.ts";
import type { StoredTask } from "../store/records.ts";
import type { Attempts } from "./attempts.ts";
import { askingHolder, type Member, type WorkerPool } from "./worker-pool.ts";
import type { WorkerView } from "./worker-view.ts";

export interface LapsesOptions {
  readonly store: Store;
  readonly pool: WorkerPool;
  readonly attempts: Attempts;
  /** The workers of other nodes. */
  readonly elsewhere: () => readonly WorkerView[];
  /** Within so many milliseconds each node has looked into each shard. */
  readonly roundMs: () => number;
  /** A member has taken up an attempt that this node did not know it runs: extend its lease. */
  readonly takenUp: (member: Member, task: StoredTask) => Promise<void>;
}

export class Lapses {
  readonly #options: LapsesOptions;

  constructor(options: LapsesOptions) {
    this.#options = options;
  }

  /** The lease of a task has ended. */
  async lapsed(task: StoredTask): Promise<void> {
    const { pool, attempts, takenUp } = this.#options;
    const member = task.lease && pool.holding(task.lease.holder);
    if (member?.session.takeUp?.(task)) await takenUp(member, task);
    else if (!this.#isLeftToOthers(task)) await attempts.lost(task);
  }

  /** Of a worker that asks, another node may know that it is well, and looks into the shard once in a while. */
  #isLeftToOthers({ taskId, lease }: StoredTask): boolean {
    const { store, elsewhere, roundMs } = this.#options;
    if (lease?.holder !== askingHolder(lease?.workerId ?? "")) return false;
    const sinceMs = store.now(shardOf(taskId)) - lease.until;
    return sinceMs < 2 * roundMs() && elsewhere().some((one) => one.workerId === lease.workerId);
  }
}
