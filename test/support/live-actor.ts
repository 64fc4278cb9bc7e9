// A machine in the live interpreter on a clock moved by hand, its regions held in document order.
import { createActor, type AnyActor, type AnyMachineSnapshot, type AnyStateMachine } from "xstate";
import { readConfiguration } from "../../src/actor/configuration.ts";

export interface LiveWatch {
  /** After each step of the actor, its first included. */
  readonly stepped?: (snapshot: AnyMachineSnapshot) => void;
  readonly emitted?: (event: { readonly type: string }) => void;
  readonly logged?: (...values: readonly unknown[]) => void;
}

interface LiveEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

export class LiveActor {
  readonly clock = new HandClock();
  readonly #machine: AnyStateMachine;
  readonly #actor: AnyActor;

  constructor(machine: AnyStateMachine, watch: LiveWatch = {}, input?: unknown) {
    this.#machine = machine;
    this.#actor = createActor(machine, {
      clock: this.clock,
      logger: (...values: readonly unknown[]) => watch.logged?.(...values),
      input,
      inspect: (told) => {
        if (told.type === "@xstate.snapshot") straighten(told.actorRef as AnyActor);
      },
    });
    this.#actor.subscribe({
      next: (snapshot: AnyMachineSnapshot) => watch.stepped?.(snapshot),
      // An actor that fails with nobody watching reports to the process.
      error: () => watch.stepped?.(this.snapshot),
    });
    watchSchedule(this.#actor, (isToChild) => (this.clock.isToChild = isToChild));
    this.#actor.on("*", (event) => watch.emitted?.(event));
    this.#actor.start();
  }

  get machine(): AnyStateMachine {
    return this.#machine;
  }

  get snapshot(): AnyMachineSnapshot {
    return this.#actor.getSnapshot() as AnyMachineSnapshot;
  }

  /** @param path the child ids from this actor to the wanted one. */
  actorAt(path: readonly string[]): AnyActor {
    let found = this.#actor;
    for (const id of path) {
      const { children } = found.getSnapshot() as AnyMachineSnapshot;
      found = (children as Record<string, AnyActor>)[id]!;
    }
    return found;
  }

  send(event: LiveEvent, path: readonly string[] = []): void {
    const receiver = this.actorAt(path);
    // XState warns of events that nobody will take.
    const { status } = receiver.getSnapshot() as AnyMachineSnapshot;
    if (status === "active") receiver.send(event);
  }

  /** Fire what is due up to then, in order. */
  advance(until: number): void {
    while (this.clock.fireNext(until));
  }

  close(): void {
    this.#actor.stop();
  }
}

/** Live order of regions depends on the path taken; the kernel always has document order. */
function straighten(actor: AnyActor | undefined): void {
  // The inspector hears of an actor before it has been constructed, and of actors without states.
  const snapshot = actor?.getSnapshot() as ({ value: unknown } & AnyMachineSnapshot) | undefined;
  if (snapshot?._nodes === undefined) return;
  snapshot._nodes.sort((a, b) => a.order - b.order);
  snapshot.value = readConfiguration(snapshot.machine.root, snapshot._nodes) ?? snapshot.value;
}

interface HandTimer {
  readonly due: number;
  readonly run: () => void;
  readonly isToChild: boolean;
}

type Schedule = (source: AnyActor, target: AnyActor, ...rest: readonly unknown[]) => void;

/** Tell, before the clock hears of it, whether a timer is for a child of the actor that sets it. */
function watchSchedule(actor: AnyActor, tell: (isToChild: boolean) => void): void {
  const { scheduler } = actor.system as unknown as { scheduler: { schedule: Schedule } };
  const { schedule } = scheduler;
  scheduler.schedule = (source, target, ...rest) => {
    tell(target._parent === source);
    schedule(source, target, ...rest);
  };
}

export class HandClock {
  now = 0;
  /** Whether the timer that is set next is for a child of its actor. */
  isToChild = false;
  #last = 0;
  readonly #timers = new Map<number, HandTimer>();

  setTimeout(run: () => void, delayMs: number): number {
    this.#timers.set(++this.#last, { due: this.now + delayMs, run, isToChild: this.isToChild });
    return this.#last;
  }

  clearTimeout(id: number): void {
    this.#timers.delete(id);
  }

  /** When the timers are due that actors have set for themselves and their parents. */
  dueNotToChildren(): number[] {
    const timers = [...this.#timers.values()].filter(({ isToChild }) => !isToChild);
    return timers.map(({ due }) => due).sort((a, b) => a - b);
  }

  /** Move to the next timer and fire it, or else to `until`. @returns whether one fired. */
  fireNext(until: number): boolean {
    const next = [...this.#timers].sort(([, a], [, b]) => a.due - b.due)[0];
    if (next === undefined || next[1].due > until) {
      this.now = Math.max(this.now, until);
      return false;
    }
    this.#timers.delete(next[0]);
    this.now = next[1].due;
    next[1].run();
    return true;
  }
}
