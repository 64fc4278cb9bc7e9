// Takes a job up in a given set of states, which no transition has entered: what they invoke and wait for begins there.
import type { AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { decodeEnvelope } from "./codec.ts";
import { fromData } from "./data.ts";
import type { Message } from "./effect.ts";
import type { Child, Envelope } from "./envelope.ts";
import { awaitedChild, ownMember } from "./fence.ts";
import type { OpenStep } from "./outcome.ts";
import type { PreparedMachine } from "./prepared-machine.ts";
import { reviver } from "./restore.ts";
import { ActorStub, type StepScope } from "./scope.ts";
import { restsOf } from "./timer-book.ts";
import { childrenOf, type StateNode } from "./xstate-internal.ts";

type Restart = Message & { readonly type: "restart" };
type Migrate = Message & { readonly type: "migrate" };

/** What inputs and delays see as the event where none has led to the state. */
export const takeUpEvent = "avtomatika.take_up";

/** What a job that begins again has from the other one before its first step: all but what ran. */
export function standingOf({ envelope }: Restart): Partial<Envelope> {
  const { value, context, history, deferred, children } = decodeEnvelope(envelope);
  return {
    value,
    context,
    ...(history && { history }),
    ...(deferred && { deferred }),
    children: Object.fromEntries(Object.entries(children).filter(([, { settled }]) => settled)),
  };
}

/** What ran when the other job was there begins anew: children under new generations, timers with their rest. */
export function begunAgain({ prepared, scope, previous }: OpenStep, message: Restart) {
  const base = decodeEnvelope(message.envelope);
  const running = Object.entries(base.children).filter(([, { settled }]) => !settled);
  const anew = Object.fromEntries(running.map(([id, child]) => [id, stubOf(id, child, scope)]));
  const children = { ...childrenOf(previous!), ...anew };
  const revive = reviver(base, children, scope);
  const context = fromData(base.context, revive);
  const invoked = invocations(previous!);
  for (const [id, stub] of Object.entries(anew)) {
    const { event, input } = message.started[id] ?? { event: { type: takeUpEvent } };
    const definition = invoked.get(id);
    const given = definition ? inputOf(definition, { context, event, self: scope.self }) : input;
    stub.options = { input: given };
  }
  for (const rest of restsOf(base.timers, message.takenAt)) setAgain(rest);
  return settledIn(prepared, { ...previous!, context, children } as AnyMachineSnapshot, scope);

  function setAgain({ sendId, timer, restMs }: ReturnType<typeof restsOf>[number]): void {
    const { generation, target, event } = timer;
    const to = target.kind === "child" && isRunning(target) ? anew[target.child] : undefined;
    if (target.kind !== "self" && !to) return;
    const params = {
      event: fromData(event, revive),
      id: sendId === generation ? undefined : sendId,
      delay: restMs,
      to,
    };
    scope.actions.push({ type: to ? "xstate.sendTo" : "xstate.raise", params });
  }

  function isRunning(target: { readonly child: string; readonly generation: string }): boolean {
    return awaitedChild(base, target.child, target.generation) !== undefined;
  }
}

/** The envelope as the other version has it, before anything begins or ends there. */
export function asVersion(
  prepared: PreparedMachine,
  envelope: Envelope,
  { envelope: text, keeps, from }: Migrate,
): Envelope {
  const { version, shape, value, context, history } = decodeEnvelope(text);
  const { history: _before, ...standing } = envelope;
  const configuration = prepared.configuration(value);
  const invoked = invocations(configuration);
  // The same child may have another name for its logic by now.
  const children = Object.entries(envelope.children).map(([id, child]) => {
    const src = keeps.includes(id) ? invoked.get(id)?.src : undefined;
    return [id, typeof src === "string" ? { ...child, src } : child] as const;
  });
  return {
    ...standing,
    version,
    shape,
    bornAs: envelope.bornAs ?? from,
    value: configuration.value,
    context,
    ...(history && { history }),
    children: Object.fromEntries(children),
  };
}

/** What the states of the other version invoke and nobody does yet begins, and what they do not want ends. */
export function goneOn({ prepared, envelope, at, scope, previous }: OpenStep, message: Migrate) {
  const { machine } = prepared;
  const snapshot = previous!;
  const event = { type: takeUpEvent };
  const about = { context: snapshot.context as unknown, event, self: scope.self };
  const kept = Object.entries(childrenOf(snapshot)).filter(([id]) => message.keeps.includes(id));
  const children: Record<string, unknown> = Object.fromEntries(kept);
  for (const [id, definition] of invocations(snapshot)) {
    if (Object.hasOwn(children, id)) continue;
    const { src, systemId, onSnapshot } = definition;
    const traits = { src: src as string, generation: "" };
    const stub = stubOf(
      id,
      {
        ...traits,
        ...(systemId !== undefined && { systemId }),
        ...(onSnapshot && { wantsProgress: true }),
      },
      scope,
    );
    stub.options = { input: inputOf(definition, about) };
    children[id] = stub;
  }
  const delays = delaysOf(snapshot);
  for (const sendId of Object.keys(envelope.timers))
    if (sendId.startsWith("xstate.after.") && !delays.has(sendId))
      scope.actions.push({ type: "xstate.cancel", params: { sendId } });
  for (const { event: type, due } of message.begins) {
    const delay = delays.get(type);
    if (delay === undefined) continue;
    const ms = due === undefined ? delayMs(machine, delay, about) : Math.max(0, due - at.now);
    const params = { event: { type }, id: type, delay: ms };
    scope.actions.push({ type: "xstate.raise", params });
  }
  return settledIn(prepared, { ...snapshot, children } as AnyMachineSnapshot, scope);
}

/**
 * Eventless transitions may be enabled now that were not when the state was entered. As when a machine enters its first
 * states, no other ones are looked for: XState takes this event for that, so that not even a wildcard takes it.
 */
function settledIn(
  { machine }: PreparedMachine,
  snapshot: AnyMachineSnapshot,
  scope: StepScope,
): AnyMachineSnapshot {
  if (!snapshot._nodes.some(({ always }) => (always?.length ?? 0) > 0)) return snapshot;
  scope.self.snapshot = snapshot;
  return machine.transition(snapshot, { type: "xstate.init" }, scope.forXState);
}

function stubOf(id: string, child: Child, scope: StepScope): ActorStub {
  const { src, systemId, wantsProgress = false } = child;
  const { system } = scope;
  const stub = new ActorStub(id, {
    system,
    parent: scope.self,
    src,
    systemId,
    syncSnapshot: wantsProgress,
  });
  if (systemId !== undefined) system._set(systemId, stub);
  return stub;
}

type Invocation = StateNode["invoke"][number];

/** What the active states invoke, by its id. A prepared machine's list can be mapped, but not iterated. */
function invocations(snapshot: AnyMachineSnapshot): ReadonlyMap<string, Invocation> {
  const definitions = snapshot._nodes.flatMap(({ invoke }) => invoke.map((one) => one));
  return new Map(definitions.map((one) => [one.id, one]));
}

function inputOf({ input }: Invocation, about: object): unknown {
  return typeof input === "function" ? (input as (about: object) => unknown)(about) : input;
}

type Delay = StateNode["after"][number]["delay"];

/** The `after` delays of the active states, by the events that they raise. */
function delaysOf(snapshot: AnyMachineSnapshot): ReadonlyMap<string, Delay> {
  const delayed = snapshot._nodes.flatMap(({ after }) => after);
  return new Map(delayed.map(({ eventType, delay }) => [eventType, delay]));
}

/** XState's rule for a delay: a number, a function, or the name of either. */
function delayMs(machine: AnyStateMachine, delay: Delay, about: object): number {
  const delays = machine.implementations.delays as Readonly<Record<string, Delay>>;
  const found = typeof delay === "string" ? ownMember(delays, delay) : delay;
  if (typeof found === "function") return (found as (about: object) => number)(about);
  return Number(found);
}
