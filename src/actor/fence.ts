// Generations: the names of invocations and timers, and the check that keeps late news from the machine.
import type { StepTime } from "./effect.ts";
import type { Child, Envelope, Timer } from "./envelope.ts";

/**
 * Gives the generations of one step: `<job>:<epoch>.<revision>.<n>`, and `t<n>` for timers. The epoch
 * keeps a job that was rewound, and takes the same revision again, from reusing a name.
 */
export class Generations {
  readonly #prefix: string;
  #children = 0;
  #timers = 0;

  constructor(jobId: string, at: StepTime, revision: number) {
    this.#prefix = `${jobId}:${at.epoch}.${revision}.`;
  }

  nextChild(): string {
    return `${this.#prefix}${this.#children++}`;
  }

  nextTimer(): string {
    return `${this.#prefix}t${this.#timers++}`;
  }
}

/** The child, where `generation` is its current one and nothing has settled it; otherwise the news is stale. */
export function awaitedChild(
  envelope: Pick<Envelope, "children">,
  child: string,
  generation: string,
): Child | undefined {
  const found = ownMember(envelope.children, child);
  return found?.generation === generation && found.settled === undefined ? found : undefined;
}

/** The timer, where it is still pending. */
export function pendingTimer(
  envelope: Pick<Envelope, "timers">,
  timer: string,
  generation: string,
): Timer | undefined {
  return ownMember(envelope.timers, timer)?.find((one) => one.generation === generation);
}

/** A member of a record whose keys users choose: `constructor` and the like are not members. */
export function ownMember<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
