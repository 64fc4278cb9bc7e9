// Random statecharts from a seed: compound and parallel states, timers, invokes, raises, sends and spawns.
import {
  assign,
  cancel,
  emit,
  enqueueActions,
  fromCallback,
  raise,
  sendTo,
  setup,
  spawnChild,
  stopChild,
  type AnyStateMachine,
} from "xstate";
import type { Random } from "./random.ts";

export const eventTypes = ["A", "B", "C", "D"] as const;
const spawnedIds = ["spawned0", "spawned1"] as const;
const counters = ["k0", "k1", "k2"] as const;

/** A state before it becomes XState configuration. */
interface Sketch {
  readonly path: readonly string[];
  readonly id: string;
  readonly kind: "atomic" | "compound" | "parallel" | "final";
  readonly children: Sketch[];
}
type Config = Record<string, unknown>;

/**
 * A machine that only uses what the live interpreter does soundly: no transition from one parallel
 * region into its sibling and no history, since those lead XState into illegal configurations.
 */
export function randomMachine(random: Random): AnyStateMachine {
  return new MachineBuilder(random).build();
}

class MachineBuilder {
  readonly #random: Random;
  readonly #states: Sketch[] = [];
  #invokes = 0;
  #timers = 0;
  #delays = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  build(): AnyStateMachine {
    const root = this.#sketch([], 0);
    const config = {
      id: "m",
      context: { k0: 0, k1: 1, k2: 0, sent: 0 },
      options: { maxIterations: 60 },
      ...this.#stateConfig(root),
    };
    return setup({
      actors: { task: fromCallback(() => {}) },
      actions: { note: () => {} },
    }).createMachine(config as never) as unknown as AnyStateMachine;
  }

  #sketch(path: readonly string[], depth: number): Sketch {
    const random = this.#random;
    const kind =
      depth === 0
        ? random.pick(["compound", "parallel", "compound"] as const)
        : depth > 2
          ? "atomic"
          : random.pick(["atomic", "atomic", "compound", "compound", "parallel"] as const);
    const sketch: Sketch = { path, id: ["m", ...path].join("."), kind, children: [] };
    this.#states.push(sketch);
    if (kind === "atomic") return sketch;
    const count = 2 + random.below(2);
    for (let index = 0; index < count; index++) {
      sketch.children.push(this.#sketch([...path, `s${index}`], depth + 1));
    }
    if (kind === "compound" && random.chance(0.4)) {
      const final: Sketch = {
        path: [...path, "end"],
        id: `${sketch.id}.end`,
        kind: "final",
        children: [],
      };
      sketch.children.push(final);
      this.#states.push(final);
    }
    return sketch;
  }

  #stateConfig(sketch: Sketch): Config {
    const random = this.#random;
    const isRoot = sketch.path.length === 0;
    const config: Config = isRoot ? {} : { id: sketch.id };
    if (sketch.kind === "final") {
      config["type"] = "final";
      if (random.chance(0.3)) config["entry"] = this.#actions();
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
    if (random.chance(0.3)) config["entry"] = this.#actions();
    if (random.chance(0.3)) config["exit"] = this.#actions();
    if (sketch.kind !== "atomic" && random.chance(0.5)) config["onDone"] = this.#transition(sketch);
    if (!isRoot && random.chance(0.2)) {
      config["after"] = { [this.#delay()]: this.#transition(sketch) };
    }
    if (!isRoot && random.chance(0.12)) config["always"] = this.#eventless(sketch);
    if (!isRoot && random.chance(0.3)) {
      config["invoke"] = {
        id: `invoked${this.#invokes++}`,
        src: "task",
        onDone: this.#transition(sketch),
        ...(random.chance(0.6) && { onError: this.#transition(sketch) }),
      };
    }
    return config;
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
    if (random.chance(0.1)) on["*"] = { actions: this.#actions() };
    return on;
  }

  #transition(source: Sketch): Config {
    const random = this.#random;
    const transition: Config = { actions: this.#actions() };
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

  /** All states but the root that are not in a sibling region of the source. */
  #targets(source: Sketch): string[] {
    return this.#states
      .filter((state) => state.path.length > 0 && !this.#crossesRegions(source, state))
      .map(({ id }) => `#${id}`);
  }

  #crossesRegions(source: Sketch, target: Sketch): boolean {
    let shared = 0;
    while (
      shared < Math.min(source.path.length, target.path.length) &&
      source.path[shared] === target.path[shared]
    ) {
      shared++;
    }
    const ancestorId = ["m", ...source.path.slice(0, shared)].join(".");
    const ancestor = this.#states.find(({ id }) => id === ancestorId)!;
    const isBelow = source.path.length > shared && target.path.length > shared;
    return ancestor.kind === "parallel" && isBelow;
  }

  #actions(): unknown[] {
    const actions: unknown[] = [];
    while (actions.length < 3 && this.#random.chance(0.35)) actions.push(this.#action());
    return actions;
  }

  #action(): unknown {
    const random = this.#random;
    const type = random.pick(eventTypes);
    const id = random.pick(spawnedIds);
    switch (random.below(12)) {
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
      case 5: {
        // The live interpreter forgets all but one timer of an id, so an id is free before it is used.
        const timer = `t${this.#timers++ % 4}`;
        const delay = this.#delay();
        return enqueueActions(({ enqueue }) => {
          enqueue.cancel(timer);
          enqueue.raise({ type }, { delay, id: timer });
        });
      }
      case 6:
        return cancel(`t${random.below(4)}`);
      case 7:
        return sendTo(({ self }) => self, { type }, { delay: this.#delay() });
      case 8:
        return enqueueActions(({ context, enqueue }) => {
          // Bounded, since a machine may answer itself for ever.
          if (context["sent"] >= 20) return;
          enqueue.assign({ sent: context["sent"] + 1 });
          enqueue.sendTo(({ self }) => self, { type });
        });
      case 9:
        return enqueueActions(({ context, enqueue }) => {
          if (context["k0"] % 2 === 1) enqueue.assign({ k1: context["k0"] });
          else enqueue(emit({ type }));
        });
      case 10:
        return random.chance(0.6) ? spawnChild("task", { id }) : stopChild(id);
      default:
        return "note";
    }
  }

  /** No two delays are equal: the order of timers that are due together is not the machine's. */
  #delay(): number {
    return 1000 * (1 + this.#random.below(9)) + ++this.#delays;
  }
}

interface Args {
  readonly context: Readonly<Record<string, number>>;
  readonly event: { readonly type: string };
}
