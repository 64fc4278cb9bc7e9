// Runs one random machine twice, live in XState and step by step in the kernel, and compares them all the way.
import { isDeepStrictEqual } from "node:util";
import { createActor, type AnyActor, type AnyMachineSnapshot, type AnyStateMachine } from "xstate";
import { decodeEnvelope, encodeEnvelope } from "../../src/actor/codec.ts";
import { readConfiguration } from "../../src/actor/configuration.ts";
import type { Message } from "../../src/actor/effect.ts";
import type { Envelope } from "../../src/actor/envelope.ts";
import { start, step, type Stepped } from "../../src/actor/step.ts";
import { eventTypes, randomMachine } from "./random-machine.ts";
import { seededRandom, type Random } from "./random.ts";

const inputsPerMachine = 25;
/** A machine whose timers set more timers than they use up would keep us busy for ever. */
const timersMax = 12;

export interface Comparison {
  readonly seed: number;
  /** Events, completions and moves of the clock that both were given. */
  readonly inputs: number;
  readonly completions: number;
  readonly timersFired: number;
  readonly end: "active" | "done" | "error" | "stopped";
  /** What differed first, if anything. */
  readonly difference?: { readonly input: number; readonly live: View; readonly kernel: View };
}

/** What must be the same on both sides after every input. */
interface View {
  readonly status: string;
  readonly value?: unknown;
  readonly context?: unknown;
  readonly children?: readonly string[];
  readonly due?: readonly number[];
  readonly told?: Told;
}

/** Types in order. XState emits after the actions of a step, so the two are not one list. */
interface Told {
  readonly actions: string[];
  readonly emitted: string[];
}

/** Drive both with the same random inputs until the machine ends, or they differ. */
export function compareWithLive(seed: number): Comparison {
  const random = seededRandom(seed);
  const machine = randomMachine(random);
  const live = new LiveSide(machine);
  const kernel = new KernelSide(machine);
  const counts = { inputs: 0, completions: 0, timersFired: 0 };
  for (let input = 0; ; input++) {
    const views = { live: live.view(), kernel: kernel.view() };
    const end = kernel.envelope.status;
    if (!isDeepStrictEqual(views.live, views.kernel)) {
      live.close();
      return { seed, ...counts, end, difference: { input, ...views } };
    }
    const isRunaway = (views.kernel.due?.length ?? 0) > timersMax;
    if (end !== "active" || isRunaway || input === inputsPerMachine) {
      live.close();
      return { seed, ...counts, end };
    }
    counts.inputs++;
    give(random, input, live, kernel, counts);
  }
}

function give(
  random: Random,
  input: number,
  live: LiveSide,
  kernel: KernelSide,
  counts: { completions: number; timersFired: number },
): void {
  const awaited = Object.entries(kernel.envelope.children).filter(([, child]) => !child.settled);
  const choice = random.next();
  if (choice < 0.25) {
    const until = kernel.now + 1000 * (1 + random.below(8));
    counts.timersFired += kernel.advance(until);
    live.advance(kernel.now);
  } else if (choice < 0.45 && awaited.length > 0) {
    counts.completions++;
    const [child, { generation }] = random.pick(awaited);
    if (random.chance(0.7)) {
      const output = { input };
      live.send({ type: `xstate.done.actor.${child}`, output, actorId: child });
      kernel.take({ type: "done", child, generation, output });
    } else {
      const error = { code: "failed", message: `input ${input}` };
      live.send({ type: `xstate.error.actor.${child}`, error, actorId: child });
      kernel.take({ type: "failed", child, generation, error });
    }
  } else {
    const type = random.pick(eventTypes);
    live.send({ type });
    kernel.take({ type: "event", event: { type } });
  }
}

/** The kernel, with nothing but a text between two steps. */
class KernelSide {
  now = 0;
  readonly #machine: AnyStateMachine;
  readonly #told: Told = { actions: [], emitted: [] };
  readonly #mailbox: Message[] = [];
  #text = "";

  constructor(machine: AnyStateMachine) {
    this.#machine = machine;
    const origin = { jobId: "0_job", blueprint: "random", version: "1", shape: "shape" };
    this.#keep(start(machine, origin, undefined, { now: 0, epoch: "1" }));
    this.#drain();
  }

  get envelope(): Envelope {
    return decodeEnvelope(this.#text);
  }

  /** Take the message, and then what the job sends itself, first come first served. */
  take(message: Message): void {
    this.#mailbox.push(message);
    this.#drain();
  }

  #drain(): void {
    for (let next = this.#mailbox.shift(); next !== undefined; next = this.#mailbox.shift()) {
      const result = step(this.#machine, this.envelope, next, { now: this.now, epoch: "1" });
      if (result.outcome === "stepped") this.#keep(result);
    }
  }

  /** Fire what is due, up to where there are too many timers. @returns how many fired. */
  advance(until: number): number {
    let fired = 0;
    for (;;) {
      const pending = Object.entries(this.envelope.timers).flatMap(([timer, list]) =>
        list.map(({ due, generation }) => ({ timer, due, generation })),
      );
      const next = pending.sort((a, b) => a.due - b.due)[0];
      if (next === undefined || next.due > until) break;
      if (pending.length > timersMax && next.due > this.now) return fired;
      this.now = next.due;
      fired++;
      this.take({ type: "timer", timer: next.timer, generation: next.generation });
    }
    this.now = until;
    return fired;
  }

  view(): View {
    const { status, value, context, children, timers } = this.envelope;
    if (status === "error") return { status };
    const told = this.#told;
    if (status !== "active") return { status, value, context, told };
    const due = Object.values(timers).flatMap((list) => list.map((timer) => timer.due));
    return {
      status,
      value,
      context,
      children: Object.keys(children).sort(),
      due: due.sort((a, b) => a - b),
      told,
    };
  }

  #keep({ envelope, effects }: Stepped): void {
    this.#text = encodeEnvelope(envelope);
    for (const effect of effects) {
      if (effect.type === "emit") this.#told.emitted.push(effect.event.type);
      if (effect.type === "action") this.#told.actions.push(effect.action);
      if (effect.type === "send") this.#mailbox.push({ type: "event", event: effect.event });
    }
  }
}

/** A live actor on a clock moved by hand. */
class LiveSide {
  readonly #machine: AnyStateMachine;
  readonly #actor: AnyActor;
  readonly #clock = new HandClock();
  readonly #told: Told = { actions: [], emitted: [] };

  constructor(machine: AnyStateMachine) {
    this.#machine = machine.provide({
      actions: { note: () => void this.#told.actions.push("note") },
    });
    this.#actor = createActor(this.#machine, {
      clock: this.#clock,
      logger: () => {},
      inspect: ({ type }) => void (type === "@xstate.snapshot" && this.#straighten()),
    });
    // An actor that fails with nobody watching reports to the process.
    this.#actor.subscribe({ error: () => {} });
    this.#actor.on("*", (event) => void this.#told.emitted.push(event.type));
    this.#actor.start();
  }

  send(event: { readonly type: string; readonly [member: string]: unknown }): void {
    this.#actor.send(event);
  }

  advance(until: number): void {
    while (this.#clock.fireNext(until));
  }

  view(): View {
    const { status, value, context, children } = this.#actor.getSnapshot() as AnyMachineSnapshot;
    if (status === "error") return { status };
    const told = this.#told;
    if (status !== "active") return { status, value, context, told };
    return {
      status,
      value,
      context,
      children: Object.keys(children).sort(),
      due: this.#clock.due(),
      told,
    };
  }

  close(): void {
    this.#actor.stop();
  }

  /** Live order of regions depends on the path taken; the kernel always has document order. */
  #straighten(): void {
    // The inspector hears of the actor before it has been constructed.
    const snapshot = this.#actor?.getSnapshot() as { value: unknown } & AnyMachineSnapshot;
    if (snapshot?._nodes === undefined) return;
    snapshot._nodes.sort((a, b) => a.order - b.order);
    snapshot.value = readConfiguration(this.#machine.root, snapshot._nodes) ?? snapshot.value;
  }
}

class HandClock {
  now = 0;
  #last = 0;
  readonly #timers = new Map<number, { readonly due: number; readonly run: () => void }>();

  setTimeout(run: () => void, delayMs: number): number {
    this.#timers.set(++this.#last, { due: this.now + delayMs, run });
    return this.#last;
  }

  clearTimeout(id: number): void {
    this.#timers.delete(id);
  }

  due(): number[] {
    return [...this.#timers.values()].map(({ due }) => due).sort((a, b) => a - b);
  }

  fireNext(until: number): boolean {
    const next = [...this.#timers].sort(([, a], [, b]) => a.due - b.due)[0];
    if (next === undefined || next[1].due > until) {
      this.now = until;
      return false;
    }
    this.#timers.delete(next[0]);
    this.now = next[1].due;
    next[1].run();
    return true;
  }
}
