// Who follows which job on this node, and how they are told.
import type { JobEvent } from "./runtime.ts";

/** A reader that is further behind than this is told to catch up from the store instead. */
const pendingEventsMax = 256;

/** One reader's place in a job's events. */
export class Subscription {
  readonly #leave: () => void;
  #pending: JobEvent[] = [];
  #overflown = false;
  #wake: (() => void) | undefined;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  push(event: JobEvent): void {
    if (this.#pending.length >= pendingEventsMax) {
      this.#pending = [];
      this.#overflown = true;
    }
    if (!this.#overflown) this.#pending.push(event);
    this.#wake?.();
  }

  /** What has happened since the last call; `undefined` where too much has, so that the reader must catch up. */
  take(): readonly JobEvent[] | undefined {
    if (this.#overflown) {
      this.#overflown = false;
      this.#pending = [];
      return undefined;
    }
    return this.#pending.splice(0);
  }

  /** Resolves when there is something to take, or the signal is aborted. */
  async changed(signal: AbortSignal): Promise<void> {
    if (this.#pending.length > 0 || this.#overflown || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        signal.removeEventListener("abort", wake);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake);
    });
  }

  close(): void {
    this.#leave();
  }
}

export class JobEvents {
  readonly #subscriptions = new Map<string, Set<Subscription>>();

  subscribe(jobId: string): Subscription {
    const subscriptions = this.#subscriptions.get(jobId) ?? new Set();
    const subscription = new Subscription(() => {
      subscriptions.delete(subscription);
      if (subscriptions.size === 0) this.#subscriptions.delete(jobId);
    });
    this.#subscriptions.set(jobId, subscriptions.add(subscription));
    return subscription;
  }

  /** Whether anybody follows the job: making an event for nobody is work for nothing. */
  isFollowed(jobId: string): boolean {
    return this.#subscriptions.has(jobId);
  }

  publish(event: JobEvent): void {
    for (const subscription of this.#subscriptions.get(event.jobId) ?? []) subscription.push(event);
  }
}
