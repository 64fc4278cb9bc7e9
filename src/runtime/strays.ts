// Attempts that are not wanted any more, of workers that ask for each task, where no node is known to have their session.
//
// Such a worker never says what it runs. After a restart its node learns of an attempt when the lease ends; one whose task
// is gone by then it would never learn of. So whoever takes the task away reads whose it was, and has that worker told.
import type { Attempt, Store } from "../store/store.ts";
import { askingHolder, attemptKey, type Member, type WorkerPool } from "./worker-pool.ts";

export interface Stray extends Attempt {
  readonly holder: string;
  readonly reason: string;
}

export interface StraysOptions {
  readonly store: Store;
  readonly pool: WorkerPool;
  readonly cancelGraceMs: number;
}

/** Of workers that have not come yet; the oldest are forgotten first. */
const unheardMax = 10_000;

export class Strays {
  readonly #options: StraysOptions;
  /** By `attemptKey`. */
  readonly #unheard = new Map<string, Stray>();

  constructor(options: StraysOptions) {
    this.#options = options;
  }

  /** Those among tasks that are about to be taken away. */
  async among(
    tasks: readonly { readonly taskId: string; readonly reason: string }[],
  ): Promise<readonly Stray[]> {
    const { store, pool } = this.#options;
    const elsewhere = tasks.filter(({ taskId }) => !pool.latest(taskId));
    const found = await Promise.all(
      elsewhere.map(async ({ taskId, reason }): Promise<readonly Stray[]> => {
        const { attempt = 0, lease } = (await store.loadTask(taskId)) ?? {};
        if (lease?.holder !== askingHolder(lease?.workerId ?? "")) return [];
        return [{ taskId, attempt, holder: lease.holder, reason }];
      }),
    );
    return found.flat();
  }

  /** They have been taken away. */
  stop(strays: readonly Stray[]): void {
    const { nodes } = this.#options.store;
    for (const stray of strays) {
      this.stopHere(stray);
      if (nodes.shared) nodes.tellAll({ kind: "stop", ...stray });
    }
  }

  /** Have the worker told, now or when it comes. */
  stopHere(stray: Stray): void {
    const { pool, cancelGraceMs } = this.#options;
    const { taskId, attempt, holder, reason } = stray;
    // Whose session runs it is told by that.
    if (pool.latest(taskId)) return;
    const member = pool.holding(holder);
    if (member) return member.session.cancel({ taskId, attempt }, reason, cancelGraceMs);
    this.#unheard.set(attemptKey(stray), stray);
    const [oldest] = this.#unheard.keys();
    if (this.#unheard.size > unheardMax) this.#unheard.delete(oldest!);
  }

  /** A session has been taken in. */
  joined({ session }: Member): void {
    if (session.asking === undefined) return;
    for (const [key, stray] of this.#unheard) {
      if (stray.holder !== session.holder) continue;
      this.#unheard.delete(key);
      this.stopHere(stray);
    }
  }
}
