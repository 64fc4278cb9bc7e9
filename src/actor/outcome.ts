// From what XState leaves behind (a snapshot and recorded actions) to the next envelope and its effects.
import type { AnyMachineSnapshot, AnyStateMachine, StateValue } from "xstate";
import { RuntimeError } from "../errors.ts";
import { followChildren, leave, type Following } from "./children.ts";
import { readConfiguration } from "./configuration.ts";
import { ActorMark, toData, type ActorReference } from "./data.ts";
import type { Effect, SentEvent, StepTime } from "./effect.ts";
import { numbered } from "./exchange.ts";
import type { Child, Envelope, Failure, Target } from "./envelope.ts";
import { Generations } from "./fence.ts";
import type { PreparedMachine } from "./prepared-machine.ts";
import type { StepScope } from "./scope.ts";
import { TimerBook } from "./timer-book.ts";
import { childrenOf, type SendParams } from "./xstate-internal.ts";

export interface Stepped {
  readonly envelope: Envelope;
  readonly effects: readonly Effect[];
}

/** A step before its outcome. */
export interface OpenStep {
  readonly prepared: PreparedMachine;
  /** As the message found it, but of the next revision and with the message's child or timer ticked off. */
  readonly envelope: Envelope;
  readonly at: StepTime;
  readonly scope: StepScope;
  /** What XState started from; undefined in the first step. */
  readonly previous: AnyMachineSnapshot | undefined;
}

/**
 * The result of a step that XState took to `next`, an active or a done snapshot.
 *
 * @throws RuntimeError `context.not_json`, `event.reserved`, `machine.illegal_state`
 */
export function settle(open: OpenStep, next: AnyMachineSnapshot): Stepped {
  const { envelope, scope } = open;
  const isDone = next.status === "done";
  const generations = new Generations(envelope.jobId, open.at, envelope.revision);
  const following = followChildren({
    children: envelope.children,
    previous: open.previous === undefined ? {} : childrenOf(open.previous),
    next: isDone ? {} : childrenOf(next),
    generations,
    invokedIds: open.prepared.invokedIds,
    machine: open.prepared.machine,
    shards: open.at.shards,
  });
  const timers = new TimerBook(envelope.timers, generations, open.at.now);
  const mark = (reference: ActorReference): ActorMark => markOf(reference, scope, following);
  const named = open.prepared.actionNames;
  const stopped = new Set<unknown>();
  const messages = scope.actions.flatMap(
    (action) => messageOf(action, { scope, following, timers, mark, named, stopped }) ?? [],
  );
  if (isDone) timers.clearAll();
  const history = historyIds(next);
  const isSameContext = next.context === open.previous?.context;
  const { history: _replaced, ...standing } = envelope;
  const stepped: Envelope = {
    ...standing,
    status: "active",
    value: nextValue(open, next),
    context: isSameContext ? envelope.context : toData(next.context, "context", mark),
    ...(history !== undefined && { history }),
    ...(next.output !== undefined && { output: toData(next.output, "output") }),
    children: following.children,
    timers: timers.timers,
    ...withAwaited(envelope, following.awaited),
  };
  const effects = [...timers.effects, ...following.starts, ...messages, ...following.stops];
  return numbered(
    envelope,
    isDone ? close(stepped, "done", effects) : { envelope: stepped, effects },
  );
}

/** The end of a job that did not come from its machine: an error or a stop. Everything it had is taken away. */
export function conclude(
  machine: AnyStateMachine,
  envelope: Envelope,
  status: "error" | "stopped",
  error: Failure,
  at: StepTime,
): Stepped {
  const generations = new Generations(envelope.jobId, at, envelope.revision);
  const timers = new TimerBook(envelope.timers, generations, at.now);
  timers.clearAll();
  const left = Object.entries(envelope.children).filter(([, child]) => child.settled === undefined);
  const { stops, awaited } = leave(machine, left);
  const concluded: Envelope = {
    ...envelope,
    error,
    children: {},
    timers: {},
    ...withAwaited(envelope, awaited),
  };
  return numbered(envelope, close(concluded, status, [...timers.effects, ...stops]));
}

const withAwaited = (
  { awaiting }: Envelope,
  awaited: Readonly<Record<string, Child>>,
): Pick<Envelope, "awaiting"> =>
  Object.keys(awaited).length === 0 ? {} : { awaiting: { ...awaiting, ...awaited } };

/** The end of a job; while it awaits children it only is about to end. */
export function close(
  envelope: Envelope,
  status: NonNullable<Envelope["ending"]>,
  effects: readonly Effect[],
): Stepped {
  if (envelope.awaiting !== undefined)
    return { envelope: { ...envelope, ending: status }, effects };
  const { ending: _over, ...closed } = { ...envelope, status };
  return { envelope: closed, effects: [...effects, finished(closed)] };
}

/** What an action asks of the world, or undefined where it has been dealt with otherwise. */
function messageOf(
  action: StepScope["actions"][number],
  step: {
    readonly scope: StepScope;
    readonly following: Following;
    readonly timers: TimerBook;
    readonly mark: (reference: ActorReference) => ActorMark;
    /** Names of the machine's own actions. */
    readonly named: ReadonlySet<string>;
    /** Children that the step has stopped so far: what it sends them from then on is lost. */
    readonly stopped: Set<unknown>;
  },
): Effect | undefined {
  switch (action.type) {
    // Children are told from the snapshots: `spawn` inside an assign leaves no action.
    case "xstate.spawnChild":
      return undefined;
    case "xstate.stopChild":
      step.stopped.add(action.params);
      return undefined;
    case "xstate.raise": {
      const { event, id, delay } = action.params as SendParams;
      // Without a delay the event has been taken within the step.
      if (typeof delay === "number") {
        step.timers.set(id, delay, { kind: "self" }, eventData(event, step.mark));
      }
      return undefined;
    }
    case "xstate.sendTo": {
      const { event, id, delay, to } = action.params as SendParams;
      const target = targetOf(to, step.scope, step.following);
      if (target === undefined) return undefined;
      assertNotReserved(event.type);
      const data = eventData(event, target.kind === "self" ? step.mark : undefined);
      if (typeof delay === "number") step.timers.set(id, delay, target, data);
      else if (!step.stopped.has(to)) return { type: "send", target, event: data };
      return undefined;
    }
    case "xstate.cancel":
      step.timers.cancel((action.params as { readonly sendId: string }).sendId);
      return undefined;
    case "xstate.emit": {
      const { event } = action.params as { readonly event: { readonly type: string } };
      return { type: "emit", event: eventData(event, undefined) };
    }
    case "xstate.log": {
      const { value, label } = action.params as {
        readonly value: unknown;
        readonly label?: string;
      };
      return { type: "log", ...(label !== undefined && { label }), value: loggable(value) };
    }
    default: {
      const { type, params, info, exec } = action;
      if (exec && !step.named.has(type))
        return { type: "run_inline", action: type, run: () => exec(info, params) };
      return { type: "action", action: type, params: toData(params, `${type}.params`) };
    }
  }
}

/** Where an event goes; undefined where the actor is gone, and the event with it. */
function targetOf(to: unknown, scope: StepScope, following: Following): Target | undefined {
  if (to === scope.self) return { kind: "self" };
  if (to !== undefined && to === scope.self._parent) return { kind: "parent" };
  const address = following.addresses.get(to);
  return address?.live
    ? { kind: "child", child: address.child, generation: address.generation }
    : undefined;
}

function markOf(reference: ActorReference, scope: StepScope, following: Following): ActorMark {
  if ((reference as unknown) === scope.self) return new ActorMark("#_self");
  if ((reference as unknown) === scope.self._parent) return new ActorMark("#_parent");
  const address = following.addresses.get(reference);
  return new ActorMark(reference.id, address?.live ? address.generation : undefined);
}

function eventData(
  event: { readonly type: string },
  mark: ((reference: ActorReference) => ActorMark) | undefined,
): SentEvent {
  return toData(event, "event", mark) as SentEvent;
}

/**
 * Event types of XState's own are given to a machine by the kernel alone.
 *
 * @throws RuntimeError `event.reserved`
 */
export function assertNotReserved(eventType: string): void {
  if (eventType.startsWith("xstate.")) {
    throw new RuntimeError("event.reserved", `Event type '${eventType}' is reserved`, {
      eventType,
    });
  }
}

/** A log line never fails a job: what can't be stored is told as text. */
function loggable(value: unknown): unknown {
  try {
    return toData(value, "value");
  } catch {
    return String(value);
  }
}

function nextValue(open: OpenStep, next: AnyMachineSnapshot): StateValue {
  if (next._nodes === open.previous?._nodes) return open.envelope.value;
  const value = readConfiguration(open.prepared.machine.root, next._nodes);
  if (value === undefined) {
    throw new RuntimeError(
      "machine.illegal_state",
      `The machine reached an illegal set of states: ${next._nodes.map(({ id }) => id).join(", ")}`,
    );
  }
  return value;
}

function historyIds(next: AnyMachineSnapshot): Record<string, string[]> | undefined {
  const entries = Object.entries(next.historyValue);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.map(([id, nodes]) => [id, nodes.map((node) => node.id)]));
}

function finished(envelope: Envelope): Effect {
  const { status, parent, output, error } = envelope;
  return {
    type: "finished",
    status: status === "active" ? "done" : status,
    ...(parent !== undefined && { parent }),
    ...(output !== undefined && { output }),
    ...(error !== undefined && { error }),
  };
}
