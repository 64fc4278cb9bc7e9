// Slows progress down: at most one report per attempt and interval goes on, always the latest, never losing the last.
import type { Clock, TimerHandle } from "../clock.ts";
import type { TaskProgress } from "../runtime/runtime.ts";
import type { Attempt } from "../runtime/worker-pool.ts";

interface Pending {
  readonly attempt: Attempt;
  timer: TimerHandle;
  latest?: TaskProgress;
}

export class ProgressRelay {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #forward: (attempt: Attempt, progress: TaskProgress) => void;
  /** Attempts that reported within the last interval. */
  readonly #recent = new Map<string, Pending>();

  constructor(
    clock: Clock,
    intervalMs: number,
    forward: (attempt: Attempt, progress: TaskProgress) => void,
  ) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#forward = forward;
  }

  /** Forward a report, at once or at the end of the interval in which another one went on. */
  report(attempt: Attempt, progress: TaskProgress): void {
    const key = keyOf(attempt);
    const recent = this.#recent.get(key);
    if (recent) {
      recent.latest = progress;
      return;
    }
    this.#recent.set(key, { attempt, timer: this.#arm(key) });
    this.#forward(attempt, progress);
  }

  /** Forward what is held back for an attempt that ends. */
  finish(attempt: Attempt): void {
    const key = keyOf(attempt);
    const recent = this.#recent.get(key);
    if (!recent) return;
    recent.timer.cancel();
    this.#recent.delete(key);
    if (recent.latest) this.#forward(attempt, recent.latest);
  }

  /** Forget everything: nobody is there to forward to. */
  clear(): void {
    for (const { timer } of this.#recent.values()) timer.cancel();
    this.#recent.clear();
  }

  #arm(key: string): TimerHandle {
    return this.#clock.schedule(this.#intervalMs, () => {
      const recent = this.#recent.get(key);
      if (!recent) return;
      const { attempt, latest } = recent;
      if (!latest) {
        this.#recent.delete(key);
        return;
      }
      delete recent.latest;
      recent.timer = this.#arm(key);
      this.#forward(attempt, latest);
    });
  }
}

function keyOf({ taskId, attempt }: Attempt): string {
  return `${taskId}#${attempt}`;
}
