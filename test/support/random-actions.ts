// Random actions for random machines: assigns, raises, timers, sends to every kind of actor, spawns, notes.
import {
  assign,
  cancel,
  emit,
  enqueueActions,
  raise,
  sendParent,
  sendTo,
  spawnChild,
  stopChild,
} from "xstate";
import type { Random } from "./random.ts";

export const eventTypes = ["A", "B", "C", "D"] as const;
export const spawnedIds = ["spawned0", "spawned1"] as const;
export const counters = ["k0", "k1", "k2"] as const;
/** How many events an actor sends to others. Bounded, since machines may answer each other for ever. */
const sentMax = 20;
/** How many actors one actor starts before it fails: machines may start each other for ever, too. */
const startsMax = 30;
/** Send ids of delayed events. */
const timerIds = 4;

export interface Args {
  readonly context: Readonly<Record<string, number>>;
  readonly event: { readonly type: string; readonly output?: unknown };
}

/** What the actions of one machine, and of those that it invokes, have in common. */
export class RandomActions {
  readonly #random: Random;
  /** The machine is invoked by another. */
  readonly #isChild: boolean;
  /** Ids of the actors that its states invoke. */
  readonly #invokedIds: readonly string[];
  readonly #spawnable: readonly string[];
  readonly #nextDelay: () => number;
  #timers = 0;

  constructor(
    random: Random,
    machine: {
      readonly isChild: boolean;
      readonly invokedIds: readonly string[];
      readonly spawnable: readonly string[];
      readonly nextDelay: () => number;
    },
  ) {
    this.#random = random;
    this.#isChild = machine.isChild;
    this.#invokedIds = machine.invokedIds;
    this.#spawnable = machine.spawnable;
    this.#nextDelay = machine.nextDelay;
  }

  some(): unknown[] {
    const actions: unknown[] = [];
    while (actions.length < 3 && this.#random.chance(0.35)) actions.push(this.#one());
    return actions.flat();
  }

  #one(): unknown {
    const random = this.#random;
    const type = random.pick(eventTypes);
    switch (random.below(15)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const counter = random.pick(counters);
        const added = random.below(3);
        return assign({
          [counter]: ({ context, event }: Args) =>
            ((context[counter] ?? 0) + added + event.type.length) % 97,
        });
      }
      case 4:
        return raise({ type });
      case 5:
        return this.#delayed((delay, id) => raise({ type }, { delay, id }));
      case 6:
        return cancel(`t${random.below(timerIds)}`);
      case 7:
        return this.#delayed((delay, id) =>
          sendTo(({ self }) => self, { type }, random.chance(0.5) ? { delay, id } : { delay }),
        );
      case 8:
        return bounded(() => [sendTo(({ self }) => self, { type })]);
      case 9:
        return enqueueActions(({ context, enqueue }) => {
          if (context["k0"] % 2 === 1) enqueue.assign({ k1: context["k0"] });
          else enqueue(emit({ type }));
        });
      case 10: {
        const id = random.pick(spawnedIds);
        const input = { k0: random.below(5) };
        const src = random.pick(this.#spawnable);
        // Live, a child whose id is taken runs on, and nothing can reach it.
        return random.chance(0.6)
          ? [countStart, stopChild(id), spawnChild(src, { id, input })]
          : stopChild(id);
      }
      case 11:
      case 12:
        return this.#toChild(type);
      case 13:
        return this.#isChild ? this.#toParent(type) : "note";
      default:
        return "note";
    }
  }

  /** The live interpreter forgets all but one timer of an id, so an id is free before it is used. */
  #delayed(action: (delay: number, id: string) => unknown): unknown {
    const id = `t${this.#timers++ % timerIds}`;
    const made = action(this.#nextDelay(), id);
    return enqueueActions(({ enqueue }) => {
      enqueue.cancel(id);
      enqueue(made as never);
    });
  }

  #toParent(type: string): unknown {
    return this.#random.chance(0.7)
      ? bounded(() => [sendParent({ type })])
      : this.#delayed((delay, id) => sendParent({ type }, { delay, id }));
  }

  /** To an actor that was there before the step; XState fails a machine that names one that is not. */
  #toChild(type: string): unknown {
    const random = this.#random;
    const id = random.pick([...this.#invokedIds, ...spawnedIds]);
    const delay = random.chance(0.3) ? this.#nextDelay() : undefined;
    return bounded(({ self }) => {
      const child = childrenOf(self)[id];
      if (child === undefined) return undefined;
      const options = delay === undefined ? {} : { delay };
      return [sendTo(child as never, { type } as never, options)];
    });
  }
}

/** Live there is no snapshot during the first step: asking for one gives undefined, or throws. */
function childrenOf(self: { getSnapshot: () => unknown }): Readonly<Record<string, unknown>> {
  try {
    const snapshot = self.getSnapshot() as { children?: Record<string, unknown> } | undefined;
    return snapshot?.children ?? {};
  } catch {
    return {};
  }
}

/** Goes before whatever starts a child. */
export const countStart = assign({
  starts: ({ context }: Args): number => {
    const starts = (context["starts"] ?? 0) + 1;
    if (starts > startsMax) throw new Error("too many starts");
    return starts;
  },
});

/** The action, as long as the actor has not sent too much. */
function bounded(
  action: (args: {
    readonly self: { getSnapshot: () => unknown };
  }) => readonly unknown[] | undefined,
): unknown {
  return enqueueActions(({ context, enqueue, self }) => {
    if (context["sent"] >= sentMax) return;
    const made = action({ self });
    if (made === undefined) return;
    enqueue.assign({ sent: context["sent"] + 1 });
    for (const one of made) enqueue(one as never);
  });
}
