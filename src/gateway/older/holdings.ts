// What one worker id of the older dialect has been given, and for which of it the heartbeats of its processes vouch.
import type { Attempt } from "../../runtime/worker-pool.ts";
import { wireIdOf } from "./wire-id.ts";

interface JobAttempt extends Attempt {
  readonly jobId: string;
}

/** An attempt that was given away and has not come back. */
export interface Held extends JobAttempt {
  /** The address that asked for it. */
  readonly source: string;
  /** Given by another node or a former life of this one: that this address runs it is a guess. */
  readonly isGuessed: boolean;
  cancelled: boolean;
  /** Its worker counts to 100. */
  inPercent: boolean;
  /** Monotonic time from which on it is doubtful, unless somebody vouches for it before. */
  doubtfulAt: number;
}

interface Beat {
  /** How many tasks the process says it runs; all that it was given where it does not say. */
  readonly load: number;
  readonly at: number;
}

export class Holdings {
  readonly #leaseMs: number;
  readonly #doubtMs: number;
  /** By the id that the worker knows. */
  readonly #held = new Map<string, Held>();
  /** By address: its latest heartbeat. */
  readonly #beats = new Map<string, Beat>();

  /** @param leaseMs how long leases last: a heartbeat tells for as long what its process runs. */
  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
    this.#doubtMs = leaseMs / 10;
  }

  get size(): number {
    return this.#held.size;
  }

  get(wireId: string): Held | undefined {
    return this.#held.get(wireId);
  }

  add(attempt: JobAttempt, source: string, now: number): void {
    this.#put({ ...bare(attempt), ...marks(undefined), source, isGuessed: false }, now);
  }

  delete(attempt: Attempt): void {
    this.#held.delete(wireIdOf(attempt));
  }

  /** What was given to an address. */
  of(source: string): readonly Held[] {
    return [...this.#held.values()].filter((one) => one.source === source);
  }

  /** The process at this address lives, and says how much it runs. */
  beat(source: string, load = Infinity, now: number): void {
    for (const [other, { at }] of this.#beats)
      if (now - at >= this.#leaseMs) this.#beats.delete(other);
    this.#beats.set(source, { load, at: now });
  }

  /**
   * What an address runs for sure: all that it was given, if it runs as many. One that runs fewer has lost some, and
   * then nobody can tell which. Where there are too many only with what is guessed, the guess was wrong.
   */
  vouched(source: string, now: number): readonly Held[] {
    const all = this.of(source);
    const { load = 0 } = this.#beats.get(source) ?? {};
    const sure = all.filter(({ isGuessed }) => !isGuessed);
    const vouched = load >= all.length ? all : load >= sure.length ? sure : [];
    for (const one of vouched) one.doubtfulAt = now + this.#doubtMs;
    return vouched;
  }

  /** What an address was given and nobody has vouched for in a while: it may have been answered at another node. */
  doubtful(source: string, now: number): readonly Held[] {
    const { load = 0 } = this.#beats.get(source) ?? {};
    const all = this.of(source);
    const doubtful = load >= all.length ? [] : all.filter(({ doubtfulAt }) => doubtfulAt <= now);
    for (const one of doubtful) one.doubtfulAt = now + this.#doubtMs;
    return doubtful;
  }

  /**
   * The lease of an attempt has ended without anybody vouching for it. Where an address runs more than it is known to
   * have been given, that is taken to be among it.
   *
   * @returns whether it is.
   */
  guess(attempt: JobAttempt, now: number): boolean {
    const known = this.#held.get(wireIdOf(attempt));
    for (const [source, { load, at }] of this.#beats) {
      const others = this.of(source).filter((one) => one !== known);
      if (now - at >= this.#leaseMs || load <= others.length) continue;
      // Who does not say how much it runs can't say that it runs what was given to another.
      if (load === Infinity && known && known.source !== source) continue;
      this.#put({ ...bare(attempt), ...marks(known), source, isGuessed: true }, now);
      return true;
    }
    return false;
  }

  #put(one: Omit<Held, "doubtfulAt">, now: number): void {
    this.#held.set(wireIdOf(one), { ...one, doubtfulAt: now + this.#doubtMs });
  }
}

const bare = ({ taskId, attempt, jobId }: JobAttempt): JobAttempt => ({ taskId, attempt, jobId });

const marks = (known: Held | undefined): Pick<Held, "cancelled" | "inPercent"> => ({
  cancelled: known?.cancelled ?? false,
  inPercent: known?.inPercent ?? false,
});
