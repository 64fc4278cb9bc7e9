// A machine made ready for durable steps: a private copy whose children are inert and whose loops are bounded.
import type { AnyActorLogic, AnyMachineSnapshot, AnyStateMachine, StateValue } from "xstate";
import { childTraits, traitsOf } from "./child-traits.ts";
import { readConfiguration } from "./configuration.ts";
import { fromData } from "./data.ts";
import { startWithStubs } from "./invocation.ts";
import { keepingStates, quicken } from "./quick-node.ts";
import type { StateNode } from "./xstate-internal.ts";

/** More microsteps in one step are taken for an endless loop. */
const microstepsMax = 1000;
/** XState memoises per event type and node for ever; a fresh copy after this many types bounds that. */
const eventTypesMax = 1000;
/** How many configurations of a machine are kept ready. */
const configurationsMax = 256;

const prepared = new WeakMap<AnyStateMachine, PreparedMachine>();

/** The prepared copy of `machine`, fit to take an event of the type. */
export function prepare(machine: AnyStateMachine, eventType: string): PreparedMachine {
  let found = prepared.get(machine);
  if (found === undefined || !found.hasRoomFor(eventType)) {
    found = new PreparedMachine(machine);
    prepared.set(machine, found);
  }
  return found;
}

export class PreparedMachine {
  readonly machine: AnyStateMachine;
  /** Ids of the children that states invoke; every other child is spawned by an action. */
  readonly invokedIds: ReadonlySet<string>;
  readonly nodes: ReadonlyMap<string, StateNode>;
  /** Names under which the machine has actions; every other action is an inline function. */
  readonly actionNames: ReadonlySet<string>;
  /** Whether eventless transitions exist: those may fire on an event that nothing names. */
  readonly #hasEventless: boolean;
  readonly #descriptors: ReadonlySet<string>;
  readonly #wildcards: readonly string[];
  readonly #eventTypes = new Set<string>();
  readonly #configurations = new Map<string, AnyMachineSnapshot>();

  constructor(original: AnyStateMachine) {
    this.machine = privateCopy(original);
    const nodes = [...descendants(this.machine.root)];
    this.nodes = new Map(nodes.map((node) => [node.id, node]));
    this.invokedIds = new Set(nodes.flatMap((node) => node.invoke.map(({ id }) => id)));
    const sources = new Set(Object.keys(original.implementations.actors as object));
    for (const node of nodes) {
      quicken(node);
      startWithStubs(node, sources);
    }
    this.actionNames = new Set(Object.keys(original.implementations.actions as object));
    this.#hasEventless = nodes.some((node) => node.always !== undefined);
    this.#descriptors = new Set(nodes.flatMap((node) => [...node.transitions.keys()]));
    this.#wildcards = [...this.#descriptors].filter((one) => one.endsWith("*"));
  }

  /** Whether XState's memory for event types can take this one, which it then counts. */
  hasRoomFor(eventType: string): boolean {
    if (this.#eventTypes.has(eventType) || !this.reacts(eventType)) return true;
    if (this.#eventTypes.size >= eventTypesMax) return false;
    this.#eventTypes.add(eventType);
    return true;
  }

  /** Whether an event of the type can move the machine, in any of its states. */
  reacts(eventType: string): boolean {
    return (
      this.#hasEventless ||
      this.#descriptors.has(eventType) ||
      this.#wildcards.some((descriptor) => matchesWildcard(eventType, descriptor))
    );
  }

  /**
   * A snapshot of the configuration that `value` names, to be filled with context and children.
   * Its nodes and value are in document order: XState restores breadth-first, runs in an order that
   * depends on the path taken, and lets that order decide between conflicting eventless transitions.
   *
   * @throws Error where the machine has no such state.
   */
  configuration(value: StateValue): AnyMachineSnapshot {
    const key = JSON.stringify(value);
    let snapshot = this.#configurations.get(key);
    if (snapshot === undefined) {
      const restored = this.machine.resolveState({ value, context: {} });
      const nodes = [...restored._nodes].sort((a, b) => a.order - b.order);
      const canonical = readConfiguration(this.machine.root, nodes) ?? restored.value;
      snapshot = { ...restored, _nodes: nodes, value: canonical } as AnyMachineSnapshot;
      if (this.#configurations.size >= configurationsMax) this.#configurations.clear();
      this.#configurations.set(key, snapshot);
    }
    return snapshot;
  }
}

/** Starting a child is an effect, so its logic is never run here: no promise, no child machine. */
const inertLogic: AnyActorLogic = {
  transition: (snapshot) => snapshot,
  getInitialSnapshot: () => ({ status: "active", output: undefined, error: undefined }),
  getPersistedSnapshot: (snapshot) => snapshot,
};

function privateCopy(original: AnyStateMachine): AnyStateMachine {
  const names = Object.keys(original.implementations.actors as object);
  const actions = Object.entries(original.implementations.actions as object);
  const copy: AnyStateMachine = original.provide({
    actions: Object.fromEntries(actions.map(([name, one]) => [name, keepingStates(one)])),
    actors: Object.fromEntries(
      names.map((name) => [name, { ...inertLogic, [childTraits]: traitsOf(original, name) }]),
    ),
  });
  copy.options = {
    ...copy.options,
    maxIterations: Math.min(original.options?.maxIterations ?? microstepsMax, microstepsMax),
  };
  const shared: unknown = original.config.context;
  if (typeof shared === "object" && shared !== null) {
    // All jobs share a context that is an object; each gets its own, should an assign change it in place.
    const context = (): unknown => fromData(shared, (mark) => mark);
    copy.config = { ...copy.config, context } as typeof copy.config;
  }
  return copy;
}

function* descendants(node: StateNode): Generator<StateNode> {
  yield node;
  for (const child of Object.values(node.states)) yield* descendants(child);
}

/** XState's rule: `*` takes everything, `a.b.*` what begins with those tokens, itself included. */
function matchesWildcard(eventType: string, descriptor: string): boolean {
  if (descriptor === "*") return true;
  if (!descriptor.endsWith(".*")) return false;
  const tokens = descriptor.slice(0, -2).split(".");
  const eventTokens = eventType.split(".");
  return tokens.every((token, index) => token === eventTokens[index] || token === "*");
}
