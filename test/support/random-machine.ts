// Random statecharts from a seed: compound and parallel states, history, timers, invoked tasks and machines.
import { assign, fromCallback, setup, type AnyStateMachine } from "xstate";
import {
  counters,
  countStart,
  eventTypes,
  RandomActions,
  spawnedIds,
  type Args,
} from "./random-actions.ts";
import type { Random } from "./random.ts";

/** A state before it becomes XState configuration. */
interface Sketch {
  readonly path: readonly string[];
  readonly id: string;
  readonly kind: "atomic" | "compound" | "parallel" | "final" | "history";
  readonly children: Sketch[];
}
type Config = Record<string, unknown>;

/** How deep machines invoke machines. */
const generationsMax = 2;

/** What the action `note` does live. */
export type Note = (machineId: string, actorId: string) => void;

/**
 * A machine that only uses what the live interpreter does soundly (`docs/semantics.md` says what that
 * leaves out, and why).
 */
export function randomMachine(random: Random, note: Note): AnyStateMachine {
  let delays = 0;
  // No two delays are equal: the order of timers that are due together is not the machine's.
  const nextDelay = (): number => 1000 * (1 + random.below(9)) + ++delays;
  let machines = 0;
  const build = (generation: number): AnyStateMachine => {
    const id = `m${machines++}`;
    const kids: Record<string, AnyStateMachine> = {};
    if (generation < generationsMax && random.chance(generation === 0 ? 0.6 : 0.2)) {
      kids["kid"] = build(generation + 1);
    }
    return new MachineBuilder(random, { id, generation, kids, nextDelay, note }).build();
  };
  return build(0);
}

class MachineBuilder {
  readonly #random: Random;
  readonly #id: string;
  /** 0 for the root, 1 for what it invokes. */
  readonly #generation: number;
  readonly #kids: Readonly<Record<string, AnyStateMachine>>;
  readonly #nextDelay: () => number;
  readonly #note: Note;
  readonly #actions: RandomActions;
  readonly #states: Sketch[] = [];
  readonly #invokedIds: string[] = [];

  constructor(
    random: Random,
    machine: {
      readonly id: string;
      readonly generation: number;
      readonly kids: Readonly<Record<string, AnyStateMachine>>;
      readonly nextDelay: () => number;
      readonly note: Note;
    },
  ) {
    this.#random = random;
    this.#id = machine.id;
    this.#generation = machine.generation;
    this.#kids = machine.kids;
    this.#nextDelay = machine.nextDelay;
    this.#note = machine.note;
    this.#actions = new RandomActions(random, {
      isChild: machine.generation > 0,
      invokedIds: this.#invokedIds,
      spawnable: ["task", ...Object.keys(machine.kids)],
      nextDelay: machine.nextDelay,
    });
  }

  build(): AnyStateMachine {
    const root = this.#sketch([], 0);
    const id = this.#id;
    const isLarge = this.#states.length % 2 === 0;
    const config = {
      id,
      context: ({ input }: { readonly input?: { readonly k0: number } }) => ({
        k0: input?.k0 ?? 0,
        k1: 1,
        k2: 0,
        // So large that the kernel leaves it unread, in half of them.
        ...(isLarge && { pad: "x".repeat(5000) }),
        sent: 0,
        starts: 0,
      }),
      options: { maxIterations: 60 },
      output: ({ context }: Args) => context["k1"],
      ...this.#stateConfig(root),
    };
    return setup({
      actors: { task: fromCallback(() => {}), ...this.#kids },
      actions: { note: ({ self }) => this.#note(id, self.id) },
    }).createMachine(config as never) as unknown as AnyStateMachine;
  }

  #sketch(path: readonly string[], depth: number): Sketch {
    const random = this.#random;
    const deepest = this.#generation === 0 ? 2 : 1;
    const kind =
      depth === 0
        ? random.pick(["compound", "parallel", "compound"] as const)
        : depth > deepest
          ? "atomic"
          : random.pick(["atomic", "atomic", "compound", "compound", "parallel"] as const);
    const sketch = this.#add(path, kind);
    if (kind === "atomic") return sketch;
    const count = 2 + random.below(2);
    for (let index = 0; index < count; index++) {
      sketch.children.push(this.#sketch([...path, `s${index}`], depth + 1));
    }
    if (kind === "compound" && random.chance(0.4)) {
      sketch.children.push(this.#add([...path, "end"], "final"));
    }
    if (random.chance(0.35)) sketch.children.push(this.#add([...path, "past"], "history"));
    return sketch;
  }

  #add(path: readonly string[], kind: Sketch["kind"]): Sketch {
    const sketch = { path, id: [this.#id, ...path].join("."), kind, children: [] };
    this.#states.push(sketch);
    return sketch;
  }

  #stateConfig(sketch: Sketch): Config {
    const random = this.#random;
    const isRoot = sketch.path.length === 0;
    const config: Config = isRoot ? {} : { id: sketch.id };
    if (sketch.kind === "history") {
      return { ...config, type: "history", history: random.pick(["shallow", "deep"]) };
    }
    if (sketch.kind === "final") {
      config["type"] = "final";
      if (random.chance(0.3)) config["entry"] = this.#actions.some();
      return config;
    }
    if (sketch.kind === "parallel") config["type"] = "parallel";
    if (sketch.children.length > 0) {
      config["states"] = Object.fromEntries(
        sketch.children.map((child) => [child.path.at(-1)!, this.#stateConfig(child)]),
      );
      if (sketch.kind === "compound") config["initial"] = sketch.children[0]!.path.at(-1)!;
    }
    config["on"] = this.#eventConfig(sketch);
    const invokes = !isRoot && random.chance(0.3);
    const entry = random.chance(0.3) ? this.#actions.some() : [];
    config["entry"] = invokes ? [countStart, ...entry] : entry;
    if (random.chance(0.3)) config["exit"] = this.#actions.some();
    if (sketch.kind !== "atomic" && random.chance(0.5)) config["onDone"] = this.#transition(sketch);
    if (!isRoot && random.chance(0.2)) {
      config["after"] = { [this.#nextDelay()]: this.#transition(sketch) };
    }
    if (!isRoot && random.chance(0.12)) config["always"] = this.#eventless(sketch);
    if (invokes) config["invoke"] = this.#invoke(sketch);
    return config;
  }

  #invoke(sketch: Sketch): Config {
    const random = this.#random;
    const id = `invoked${this.#invokedIds.length}`;
    this.#invokedIds.push(id);
    const done = this.#transition(sketch);
    const takeOutput = assign({
      k1: ({ context, event }: Args) =>
        typeof event.output === "number" ? event.output : (context["k1"] ?? 0),
    });
    return {
      id,
      src: random.pick(["task", ...Object.keys(this.#kids)]),
      input: ({ context }: Args) => ({ k0: context["k0"] }),
      onDone: { ...done, actions: [takeOutput, ...(done["actions"] as unknown[])] },
      ...(random.chance(0.6) && { onError: this.#transition(sketch) }),
    };
  }

  #eventConfig(sketch: Sketch): Config {
    const random = this.#random;
    const on: Config = {};
    for (const type of eventTypes) {
      if (!random.chance(0.35)) continue;
      on[type] = random.chance(0.3)
        ? [this.#transition(sketch), this.#transition(sketch)]
        : this.#transition(sketch);
    }
    for (const id of spawnedIds) {
      if (random.chance(0.15)) on[`xstate.done.actor.${id}`] = this.#transition(sketch);
      if (random.chance(0.15)) on[`xstate.error.actor.${id}`] = this.#transition(sketch);
    }
    if (random.chance(0.1)) on["*"] = { actions: this.#actions.some() };
    if (this.#generation > 0 && random.chance(0.1)) on["D"] = { actions: assign(fail) };
    return on;
  }

  #transition(source: Sketch): Config {
    const random = this.#random;
    const transition: Config = { actions: this.#actions.some() };
    if (random.chance(0.5)) {
      const counter = random.pick(counters);
      const divisor = 2 + random.below(3);
      transition["guard"] = ({ context }: Args) => (context[counter] ?? 0) % divisor === 0;
    }
    const targets = this.#targets(source);
    if (targets.length > 0 && random.chance(0.8)) {
      transition["target"] = random.pick(targets);
      if (random.chance(0.3)) transition["reenter"] = true;
    }
    return transition;
  }

  #eventless(source: Sketch): Config {
    const random = this.#random;
    const divisor = 3 + random.below(3);
    const targets = this.#targets(source);
    return {
      guard: ({ context }: Args) => (context["k2"] ?? 0) % divisor === 1,
      target: random.pick(targets.length > 0 ? targets : [`#${source.id}`]),
      actions: assign({ k2: ({ context }: Args) => (context["k2"] ?? 0) + 1 }),
    };
  }

  /** All states but the root, as far as XState gets to them soundly. */
  #targets(source: Sketch): string[] {
    return this.#states
      .filter((state) => state.path.length > 0 && this.#isSound(source, state))
      .map(({ id }) => `#${id}`);
  }

  #isSound(source: Sketch, target: Sketch): boolean {
    let shared = 0;
    while (
      shared < Math.min(source.path.length, target.path.length) &&
      source.path[shared] === target.path[shared]
    ) {
      shared++;
    }
    // From a region into its sibling XState leaves the first and enters the second twice.
    const ancestorId = [this.#id, ...source.path.slice(0, shared)].join(".");
    const ancestor = this.#states.find(({ id }) => id === ancestorId)!;
    const isBelow = source.path.length > shared && target.path.length > shared;
    if (ancestor.kind === "parallel" && isBelow) return false;
    // From within the state whose past it is: XState enters states of it that it has not left.
    return target.kind !== "history" || shared < target.path.length - 1;
  }
}

/** What a kid does that fails. */
function fail(): never {
  throw new Error("a kid fails");
}
