// Starts the invocations of a prepared machine without making an actor for each.
import type { AnyMachineSnapshot } from "xstate";
import { noteStart } from "./observe.ts";
import { keepingStates } from "./quick-node.ts";
import { ActorStub, type StepScope } from "./scope.ts";
import { childrenOf, type StateNode } from "./xstate-internal.ts";

/**
 * Let the entry actions of `node` start its invocations, with stubs in place of actors.
 *
 * XState makes a whole actor of every invocation that it starts. The kernel never runs one, it only compares
 * references, and making them costs a quarter of a step. What XState does with `node.invoke` besides starting
 * (ids for deferred sends, stopping on exit) stays as it is.
 */
export function startWithStubs(node: StateNode, sources: ReadonlySet<string>): void {
  const definitions = node.invoke;
  Object.defineProperty(node, "invoke", { value: Invocations.from(definitions) });
  node.entry = [...node.entry, ...definitions.map((one) => startAction(one, sources))] as never;
}

/** Definitions that XState can map, but not start: it starts what `for … of` gives it. */
class Invocations extends Array<Definition> {
  /** The action that stops each child, as XState has made it once. */
  readonly #stops: unknown[] = [];

  /** XState maps definitions to their ids, and to the actions that stop their children. */
  override map<Made>(make: (definition: Definition, index: number, all: Definition[]) => Made) {
    const all: Made[] = [];
    for (let index = 0; index < this.length; index++) {
      const made = make(this[index]!, index, this);
      all.push(
        typeof made === "function" ? ((this.#stops[index] ??= keepingStates(made)) as Made) : made,
      );
    }
    return all;
  }

  override [Symbol.iterator](): ArrayIterator<Definition> {
    return ([] as Definition[])[Symbol.iterator]();
  }
}

type Definition = StateNode["invoke"][number];

/** A built-in action as XState resolves them: it gives the next snapshot, and has nothing to execute. */
function startAction(definition: Definition, sources: ReadonlySet<string>) {
  const { id, systemId, onSnapshot } = definition;
  const src = definition.src as string;
  const input: unknown = definition.input;
  const start = (): void => {};
  start.type = "xstate.spawnChild";
  start.resolve = (
    scope: StepScope,
    snapshot: AnyMachineSnapshot,
    { context, event }: { readonly context: unknown; readonly event: unknown },
  ) => {
    const { self } = scope;
    let child: ActorStub | undefined;
    noteStart(id, event);
    if (sources.has(src)) {
      child = new ActorStub(id, {
        system: scope.system,
        parent: self,
        src,
        systemId,
        syncSnapshot: onSnapshot !== undefined,
      });
      const given = typeof input === "function" ? input({ context, event, self }) : input;
      child.options = { input: given as unknown };
      if (systemId !== undefined) scope.system._set(systemId, child);
    }
    const children = { ...childrenOf(snapshot), [id]: child };
    return [{ ...snapshot, children }, undefined, undefined];
  };
  return start;
}
