// The timers of a job during a step: what is set, cancelled and left over.
import type { Effect, SentEvent } from "./effect.ts";
import type { Target, Timer } from "./envelope.ts";
import { ownMember, type Generations } from "./fence.ts";

type Timers = Readonly<Record<string, readonly Timer[]>>;

export class TimerBook {
  timers: Timers;
  readonly #generations: Generations;
  readonly #now: number;
  readonly #cleared: Effect[] = [];
  /** By generation, so that a timer set and cancelled in one step leaves no effect. */
  readonly #set = new Map<string, Effect>();

  constructor(timers: Timers, generations: Generations, now: number) {
    this.timers = timers;
    this.#generations = generations;
    this.#now = now;
  }

  /** What the step does to timers: those to clear, then those to set. */
  get effects(): readonly Effect[] {
    return [...this.#cleared, ...this.#set.values()];
  }

  /**
   * Add a timer. Several of one send id may be pending; a cancel takes all of them.
   *
   * @param sendId what `cancel` names it by; its generation where absent.
   */
  set(sendId: string | undefined, delayMs: number, target: Target, event: SentEvent): void {
    if (!Number.isFinite(delayMs)) throw new Error(`The delay of '${event.type}' is ${delayMs}`);
    const generation = this.#generations.nextTimer();
    const timer = sendId ?? generation;
    const due = this.#now + Math.max(0, Math.ceil(delayMs));
    const others = ownMember(this.timers, timer) ?? [];
    this.timers = { ...this.timers, [timer]: [...others, { generation, due, target, event }] };
    this.#set.set(generation, { type: "set_timer", timer, generation, due });
  }

  cancel(sendId: string): void {
    const pending = ownMember(this.timers, sendId);
    if (pending === undefined) return;
    for (const { generation } of pending) {
      const isNew = this.#set.delete(generation);
      if (!isNew) this.#cleared.push({ type: "clear_timer", timer: sendId, generation });
    }
    const { [sendId]: _cancelled, ...left } = this.timers;
    this.timers = left;
  }

  clearAll(): void {
    for (const sendId of Object.keys(this.timers)) this.cancel(sendId);
  }
}

/** Timers as they were at a moment, each under the id it was sent by, with the rest of its time. */
export function restsOf(
  timers: Timers,
  /** Store time of that moment. */
  since: number,
): readonly { readonly sendId: string; readonly timer: Timer; readonly restMs: number }[] {
  return Object.entries(timers).flatMap(([sendId, pending]) =>
    pending.map((timer) => ({ sendId, timer, restMs: Math.max(0, timer.due - since) })),
  );
}

/** `timers` without the one that fired. */
export function withoutTimer(timers: Timers, sendId: string, generation: string): Timers {
  const left = timers[sendId]?.filter((timer) => timer.generation !== generation) ?? [];
  if (left.length > 0) return { ...timers, [sendId]: left };
  const { [sendId]: _fired, ...others } = timers;
  return others;
}
