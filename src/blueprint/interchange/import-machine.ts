// From JSON to a blueprint: names become the code that is registered under them, and nothing else runs.
import { setup, type AnyActorLogic, type AnyStateMachine } from "xstate";
import type { z } from "zod";
import type { DeclaredEvents } from "../declared-event.ts";
import { makeBlueprint, type Blueprint } from "../blueprint.ts";
import { actionFrom, guardFrom } from "./built-in.ts";
import {
  checkDocument,
  invalid,
  readDocument,
  type Action,
  type BlueprintDocument,
  type Guard,
  type StateDocument,
} from "./document.ts";
import { stateInProblems, targetProblems } from "../targets.ts";
import { refuseUnregistered } from "./names.ts";
import { nameValue } from "./value-name.ts";

/** What a document may name. */
export interface Implementations {
  /** Tasks, promises and whatever else `setup({ actors })` takes. */
  readonly actors?: Readonly<Record<string, AnyActorLogic>>;
  readonly actions?: Readonly<Record<string, unknown>>;
  readonly guards?: Readonly<Record<string, unknown>>;
  /** Milliseconds, or what makes them. */
  readonly delays?: Readonly<Record<string, unknown>>;
  /** What makes the values of `inputFrom`, `outputFrom` and `contextFrom`: functions of `{ context, event, input }`. */
  readonly values?: Readonly<Record<string, (args: never) => unknown>>;
  /** What jobs may be started with. */
  readonly input?: z.ZodType;
  /** What events say, by their types. */
  readonly events?: DeclaredEvents;
}

/**
 * Make a blueprint of a JSON document.
 *
 * @param document as text or as parsed
 * @param implementations the code that the document may name, and nothing else
 * @throws RuntimeError `interchange.invalid` for what is no document, with paths; `interchange.unregistered` where it
 *   names what is not there; `blueprint.invalid`
 */
export function importBlueprint(
  document: string | BlueprintDocument,
  implementations: Implementations = {},
): Blueprint {
  const read = typeof document === "string" ? readDocument(document) : checkDocument(document);
  refuseUnregistered(read, implementations);
  const { name, version, endpoint, apiVersion, retentionMs, defer, deferMax } = read;
  const { input, events } = implementations;
  return makeBlueprint("native", name, {
    version,
    machine: machineOf(read, implementations),
    ...(input && { input }),
    ...(events && { events }),
    ...(endpoint !== undefined && { endpoint }),
    ...(apiVersion !== undefined && { apiVersion }),
    ...(retentionMs !== undefined && { retentionMs }),
    ...(defer && { defer }),
    ...(deferMax !== undefined && { deferMax }),
  });
}

function machineOf({ machine }: BlueprintDocument, given: Implementations): AnyStateMachine {
  const { actors = {}, actions = {}, guards = {}, delays = {}, values = {} } = given;
  const { context, contextFrom, types: _, schemas: __, version: ___, ...root } = machine;
  const make = setup({ actors, actions, guards, delays } as never) as unknown as {
    createMachine(config: object): AnyStateMachine;
  };
  const from = new Importer(values);
  const begins = contextFrom === undefined ? contextOf(context) : from.value(contextFrom);
  const refuse = (message: string) => ({ path: "machine", message });
  let made: AnyStateMachine;
  try {
    made = make.createMachine({ ...from.state(root), ...(begins && { context: begins }) });
  } catch (error) {
    // XState refuses most targets that are nowhere, and the like.
    throw invalid([refuse((error as Error).message)]);
  }
  const problems = [...targetProblems(made), ...stateInProblems(made)];
  if (problems.length > 0) throw invalid(problems.map(refuse));
  return made;
}

/** A fresh copy for every job, so that none sees another's. */
function contextOf(context: object | undefined): (() => unknown) | undefined {
  return context && nameValue({ context }, () => structuredClone(context));
}

class Importer {
  readonly #values: Readonly<Record<string, (args: never) => unknown>>;

  constructor(values: Readonly<Record<string, (args: never) => unknown>>) {
    this.#values = values;
  }

  /** The function that is registered under the name; exports find the name again. */
  value(name: string): (args: never) => unknown {
    const make = this.#values[name]!;
    return nameValue({ from: name }, (args: never) => make(args));
  }

  state(state: StateDocument): object {
    const { entry, exit, on, after, always, onDone, invoke, initial, outputFrom, states } = state;
    const { output } = state;
    return {
      ...state,
      ...(entry !== undefined && { entry: actionsFrom(entry) }),
      ...(exit !== undefined && { exit: actionsFrom(exit) }),
      ...(on && { on: mapped(on, transitionsFrom) }),
      ...(after && { after: mapped(after, transitionsFrom) }),
      ...(always !== undefined && { always: transitionsFrom(always) }),
      ...(onDone !== undefined && { onDone: transitionsFrom(onDone) }),
      ...(invoke && {
        invoke: Array.isArray(invoke)
          ? invoke.map((one) => this.#invoke(one))
          : this.#invoke(invoke),
      }),
      ...(typeof initial === "object" && {
        initial: { ...initial, ...(initial.actions && { actions: actionsFrom(initial.actions) }) },
      }),
      ...(states && { states: mapped(states, (one) => this.state(one)) }),
      outputFrom: undefined,
      ...(outputFrom !== undefined && { output: this.value(outputFrom) }),
      ...(outputFrom === undefined &&
        output !== undefined && { output: nameValue({ output }, () => output) }),
    };
  }

  #invoke(invoke: Invoke): object {
    const { inputFrom, onDone, onError, onSnapshot, ...rest } = invoke;
    return {
      ...rest,
      ...(inputFrom !== undefined && { input: this.value(inputFrom) }),
      ...(onDone !== undefined && { onDone: transitionsFrom(onDone) }),
      ...(onError !== undefined && { onError: transitionsFrom(onError) }),
      ...(onSnapshot !== undefined && { onSnapshot: transitionsFrom(onSnapshot) }),
    };
  }
}

type Invoke = Extract<NonNullable<StateDocument["invoke"]>, { readonly src: string }>;
type Transitions = NonNullable<StateDocument["always"]>;

function transitionsFrom(list: Transitions): unknown {
  return Array.isArray(list) ? list.map(transitionFrom) : transitionFrom(list);
}

function transitionFrom(one: Exclude<Transitions, readonly unknown[]>): unknown {
  if (typeof one === "string") return one;
  const { guard, actions } = one;
  return {
    ...one,
    ...(guard !== undefined && { guard: guardFrom(guard as Guard) }),
    ...(actions !== undefined && { actions: actionsFrom(actions) }),
  };
}

function actionsFrom(actions: Action | Action[]): unknown {
  return Array.isArray(actions) ? actions.map(actionFrom) : actionFrom(actions);
}

const mapped = <From, To>(
  record: Readonly<Record<string, From>>,
  change: (one: From) => To,
): Readonly<Record<string, To>> =>
  Object.fromEntries(Object.entries(record).map(([key, one]) => [key, change(one)]));
