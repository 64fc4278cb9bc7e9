// Stores the checkpoints of running attempts: at most one write per task and second, always the latest.
import type { Clock, TimerHandle } from "../clock.ts";
import type { Attempt, Extension, ExtensionResult } from "../store/store.ts";

/** The least time between two writes for one task. */
const intervalMs = 1_000;

export interface CheckpointsOptions {
  readonly clock: Clock;
  /** Write one to the store. It extends the lease as well: whoever says where it is, lives. */
  readonly write: (extension: Extension) => Promise<ExtensionResult>;
}

/** `superseded`: a later one was stored in its place. */
export type CheckpointStatus = ExtensionResult | "superseded";

interface Held {
  readonly extension: Extension;
  readonly settle: (status: CheckpointStatus | Promise<CheckpointStatus>) => void;
}

interface Recent {
  readonly attempt: number;
  /** Runs while the last write is less than the interval ago. */
  timer: TimerHandle;
  held?: Held;
}

export class Checkpoints {
  readonly #options: CheckpointsOptions;
  /** By task: those that were written within the last interval. */
  readonly #recent = new Map<string, Recent>();

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  /** Resolves once this checkpoint, or a later one in its place, is durable or refused. */
  save(extension: Extension): Promise<CheckpointStatus> {
    const { taskId, attempt } = extension;
    const recent = this.#recent.get(taskId);
    // A later attempt has nothing to do with the pace of the one before; that one's has no business any more.
    if (recent?.attempt === attempt) {
      recent.held?.settle("superseded");
      return new Promise((settle) => {
        recent.held = { extension, settle };
      });
    }
    this.#forget(taskId);
    this.#recent.set(taskId, { attempt, timer: this.#rest(taskId) });
    return this.#options.write(extension);
  }

  /** Write at once what is held back of an attempt that ends without a result. Resolves when that is durable. */
  async flush({ taskId, attempt }: Attempt): Promise<void> {
    const recent = this.#recent.get(taskId);
    if (recent?.attempt !== attempt) return;
    const { held } = recent;
    this.#forget(taskId);
    if (!held) return;
    const written = this.#options.write(held.extension);
    held.settle(written);
    await written;
  }

  /** Forget what is held back of an attempt: nothing comes after it. */
  drop({ taskId, attempt }: Attempt): void {
    if (this.#recent.get(taskId)?.attempt === attempt) this.#forget(taskId);
  }

  /** Write what is held back. */
  async stop(): Promise<void> {
    const held = [...this.#recent].map(([taskId, { attempt }]) => ({ taskId, attempt }));
    await Promise.allSettled(held.map((attempt) => this.flush(attempt)));
  }

  #rest(taskId: string): TimerHandle {
    return this.#options.clock.schedule(intervalMs, () => {
      const recent = this.#recent.get(taskId);
      const held = recent?.held;
      if (!recent || !held) {
        this.#recent.delete(taskId);
        return;
      }
      delete recent.held;
      recent.timer = this.#rest(taskId);
      const written = this.#options.write(held.extension);
      held.settle(written);
    });
  }

  #forget(taskId: string): void {
    const recent = this.#recent.get(taskId);
    if (!recent) return;
    recent.timer.cancel();
    recent.held?.settle("superseded");
    this.#recent.delete(taskId);
  }
}
