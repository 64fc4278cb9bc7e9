// Blueprints whose own code a test can hear of: handlers and promises count as activity, and scripts stand for promises.
import { fromPromise, type AnyActorLogic } from "xstate";
import { actorKind, type PromiseCreator } from "../blueprint/actor-kind.ts";
import { isFlow, type Flow } from "../blueprint/flow.ts";
import { flowHandler, type FlowHandlerRunner } from "../blueprint/flow-handler.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import { inTurn } from "../blueprint/in-turn.ts";
import { BlueprintRegistry } from "../blueprint/registry.ts";
import type { Activity } from "./activity.ts";
import type { Performance } from "./performance.ts";
import { standIn } from "./stand-in.ts";

export function asBlueprint(given: Blueprint | Flow<unknown, unknown>): Blueprint {
  return isFlow(given) ? given.build() : given;
}

/** Who is told of the code that runs, and gives the scripts. */
export interface Listener {
  readonly activity: Activity;
  readonly performance: Performance;
}

/** The blueprints of a world. One world after the other may use them: checking and preparing machines takes a while. */
export class Repertoire {
  readonly blueprint: Blueprint;
  readonly others: readonly Blueprint[];
  readonly registry = new BlueprintRegistry();
  #listener: Listener | undefined;
  readonly #stoodIn = new Set<string>();

  /** @throws RuntimeError `blueprint.invalid` */
  constructor(
    blueprint: Blueprint | Flow<unknown, unknown>,
    others: readonly (Blueprint | Flow<unknown, unknown>)[] = [],
  ) {
    this.blueprint = asBlueprint(blueprint);
    this.others = others.map(asBlueprint);
    for (const one of [this.blueprint, ...this.others])
      this.registry.register(instrumented(one, () => this.#listener!));
  }

  /** Let jobs be started of a blueprint that is not here: the test plays them. */
  standInFor(name: string, version: string | undefined): void {
    if (this.registry.get(name, version)) return;
    this.registry.register(standIn(name, version ?? "1"));
    this.#stoodIn.add(name);
  }

  isStoodIn(name: string): boolean {
    return this.#stoodIn.has(name);
  }

  /** From now on this world is told. */
  lend(listener: Listener): void {
    this.#listener = listener;
  }
}

/** The blueprint with the same shape and name, and with what runs in this process wrapped. */
function instrumented(blueprint: Blueprint, listener: () => Listener): Blueprint {
  const { machine } = blueprint;
  const own = machine.implementations.actors as Readonly<Record<string, AnyActorLogic>>;
  const wrapped = Object.entries(own).flatMap(([src, logic]): [string, AnyActorLogic][] => {
    const kind = actorKind(machine, src);
    const name = `${blueprint.name} ${src}`;
    if (kind.kind === "handler") {
      const run: FlowHandlerRunner = (args) =>
        listener().activity.during(name, () => kind.handler(args));
      return [[src, { ...logic, [flowHandler]: run } as AnyActorLogic]];
    }
    if (kind.kind !== "promise") return [];
    const promise = fromPromise(async (args) => {
      const { activity, performance } = listener();
      const given = args as Parameters<PromiseCreator>[0];
      const script = performance.promise(name, src);
      return script ? script(given) : activity.during(name, async () => kind.creator(given));
    });
    return [[src, kind.inTurn ? inTurn(promise) : promise]];
  });
  return { ...blueprint, machine: machine.provide({ actors: Object.fromEntries(wrapped) }) };
}
