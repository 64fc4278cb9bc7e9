// Results that the server has not acknowledged yet. They are sent again until it has, over any number of connections.
import type { AttemptRef } from "../src/protocol/worker-frames.ts";
import { keyOf } from "./attempt-key.ts";

interface Kept {
  readonly ref: AttemptRef;
  /** The encoded result frame. */
  readonly frame: string;
  sentAt: number;
}

export class Outbox {
  readonly #kept = new Map<string, Kept>();

  get size(): number {
    return this.#kept.size;
  }

  /** Keep a result that is sent at `now` (monotonic milliseconds). */
  add(ref: AttemptRef, frame: string, now: number): void {
    this.#kept.set(keyOf(ref), { ref, frame, sentAt: now });
  }

  /** A result counts as sent at `now`. */
  touch(ref: AttemptRef, now: number): void {
    const kept = this.#kept.get(keyOf(ref));
    if (kept) kept.sentAt = now;
  }

  has(ref: AttemptRef): boolean {
    return this.#kept.has(keyOf(ref));
  }

  /** The server has the result, or does not want it. */
  remove(ref: AttemptRef): void {
    this.#kept.delete(keyOf(ref));
  }

  refs(): AttemptRef[] {
    return [...this.#kept.values()].map(({ ref }) => ref);
  }

  /** The results that were last sent at `before` or earlier; they count as sent at `now` from here on. */
  takeUnsent(
    before: number,
    now: number,
    wants: (ref: AttemptRef) => boolean = () => true,
  ): Kept[] {
    const taken: Kept[] = [];
    for (const kept of this.#kept.values()) {
      if (kept.sentAt > before || !wants(kept.ref)) continue;
      kept.sentAt = now;
      taken.push(kept);
    }
    return taken;
  }
}
