// One step of an actor: an envelope and a message in, the next envelope and its effects out. Pure.
import type { AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { fromData } from "./data.ts";
import type { Message, StepTime } from "./effect.ts";
import { type Child, type Envelope, type Origin } from "./envelope.ts";
import { fresh, migrated, noteRestart } from "./begin-again.ts";
import { admit, isEventOfJob, numbered } from "./exchange.ts";
import { awaitedChild, ownMember, pendingTimer } from "./fence.ts";
import { assertNotReserved, conclude, type OpenStep, type Stepped } from "./outcome.ts";
import { prepare } from "./prepared-machine.ts";
import { lastOf, whileEnding } from "./ending.ts";
import { redrive } from "./redrive.ts";
import { restore, reviver } from "./restore.ts";
import { StepScope } from "./scope.ts";
import { outcomeOf, restored } from "./user-code.ts";
import { withoutTimer } from "./timer-book.ts";
import { completionEvent, progressEvent, type XStateEvent } from "./xstate-event.ts";
import { childrenOf } from "./xstate-internal.ts";

export type { Stepped } from "./outcome.ts";

/** Why a message leaves the job as it is. */
export type Ignored =
  /** The job has taken its last step before. */
  | "finished"
  /** The message is about a child or timer that is not current. */
  | "fenced"
  /** Nothing listens to it now. */
  | "unhandled"
  /** The message of another job was taken before. */
  | "repeated"
  /** An earlier message of the same job has not come yet: send it again later. */
  | "early"
  /** Nothing listens to the event of a client or worker now, and no more can be kept: send it again later. */
  | "full";

export type StepResult =
  | ({ readonly outcome: "stepped" } & Stepped)
  | { readonly outcome: "ignored"; readonly reason: Ignored };

/**
 * The first step of a job. What goes wrong in the machine makes the envelope's status `error`.
 *
 * @param input what the machine's context factory gets.
 */
export function start(
  machine: AnyStateMachine,
  origin: Origin,
  input: unknown,
  at: StepTime,
): Stepped {
  const envelope: Envelope = Object.assign({}, origin, fresh);
  const prepared = prepare(machine, "xstate.init");
  const scope = new StepScope(origin.jobId, origin.parent !== undefined, 1);
  const open: OpenStep = { prepared, envelope, at, scope, previous: undefined };
  return outcomeOf(open, () => prepared.machine.getInitialSnapshot(scope.forXState, own(input)));
}

/**
 * The step of a job that `message` moves. Neither argument is changed. What goes wrong in the machine
 * makes the envelope's status `error`.
 *
 * @throws RuntimeError `event.reserved` for an event whose type begins with `xstate.`,
 *   `machine.illegal_state` where the machine does not have the envelope's states.
 */
export function step(
  machine: AnyStateMachine,
  envelope: Envelope,
  message: Message,
  at: StepTime,
): StepResult {
  if (message.type === "event") assertNotReserved(message.event.type);
  if (message.type === "restarted") return noteRestart(envelope, message);
  if (message.type === "redrive") {
    const driven = redrive(envelope, message, at);
    return driven ? { outcome: "stepped", ...driven } : { outcome: "ignored", reason: "fenced" };
  }
  if (envelope.status !== "active") return { outcome: "ignored", reason: "finished" };
  const admitted = admit(envelope, message);
  if (typeof admitted === "string") return { outcome: "ignored", reason: admitted };
  const next = { ...admitted, revision: envelope.revision + 1 };
  if (message.type === "done" || message.type === "failed") {
    const leftOne = ownMember(envelope.awaiting ?? {}, message.generation);
    if (leftOne !== undefined) return { outcome: "stepped", ...lastOf(next, message.generation) };
  }
  if (envelope.ending !== undefined) return whileEnding(next, envelope, message);
  switch (message.type) {
    case "start":
    case "restart":
      return { outcome: "ignored", reason: "fenced" };
    case "migrate":
      return { outcome: "stepped", ...migrated(machine, next, message, at) };
    case "stop": {
      const status = message.error ? "error" : "stopped";
      const error = message.error ?? { code: "cancelled", message: message.reason };
      return { outcome: "stepped", ...conclude(machine, next, status, error, at) };
    }
    case "event":
      return take(machine, next, message, at);
    case "deferred": {
      const { deferred = [] } = envelope;
      const event = deferred[message.index];
      if (event === undefined) return { outcome: "ignored", reason: "unhandled" };
      const { deferred: _before, ...others } = next;
      const left = deferred.filter((_, index) => index !== message.index);
      const rest = left.length === 0 ? others : { ...others, deferred: left };
      return feed(machine, rest, at, event, "may_ignore");
    }
    case "part":
      return gather(machine, next, message, at);
    case "progress": {
      const child = awaitedChild(envelope, message.child, message.generation);
      if (child === undefined) return { outcome: "ignored", reason: "fenced" };
      if (child.wantsProgress !== true) return { outcome: "ignored", reason: "unhandled" };
      return feed(machine, next, at, progressEvent(message), "may_ignore");
    }
    case "done":
    case "failed": {
      const child = awaitedChild(envelope, message.child, message.generation);
      if (child === undefined) return { outcome: "ignored", reason: "fenced" };
      const settled: Child = Object.assign({}, next.children[message.child]!, {
        settled: true as const,
      });
      const children = { ...next.children, [message.child]: settled };
      return feed(machine, { ...next, children }, at, completionEvent(message), "must_step");
    }
    case "timer":
      return fire(machine, next, message, at);
    case "rejoined":
      return { outcome: "stepped", envelope: next, effects: [] };
    case "rewound": {
      if (envelope.rewound?.epoch === at.epoch) return { outcome: "ignored", reason: "repeated" };
      const rewound = { lost: message.lost, epoch: at.epoch };
      return { outcome: "stepped", envelope: { ...next, rewound }, effects: [] };
    }
  }
}

/**
 * An event: what nothing takes now may be kept, and one of another job counts as taken all the same. Clients and workers can
 * come again where too many are kept; another job cannot, and ends this one.
 */
function take(
  machine: AnyStateMachine,
  envelope: Envelope,
  message: Message & { readonly type: "event" },
  at: StepTime,
): StepResult {
  const { event, defer } = message;
  const isOfJob = isEventOfJob(message);
  const result = feed(machine, envelope, at, event, "may_ignore");
  if (result.outcome === "stepped") return result;
  const { deferred = [] } = envelope;
  if (defer === undefined) return isOfJob ? { outcome: "stepped", envelope, effects: [] } : result;
  const isFull = deferred.length >= defer;
  if (isFull && !isOfJob) return { outcome: "ignored", reason: "full" };
  const kept = { ...envelope, deferred: [...deferred, event] };
  if (!isFull) return { outcome: "stepped", envelope: kept, effects: [] };
  // What follows it from the same job, its end even, cannot come before it. So a job that refused it could wait for ever.
  const error = {
    code: "job.too_many_deferred",
    message: `The job keeps ${deferred.length} events for later, and was sent another "${event.type}" by a job.`,
  };
  return { outcome: "stepped", ...conclude(machine, kept, "error", error, at) };
}

/** One part of a child that gathers. Only the last one is news for the machine. */
function gather(
  machine: AnyStateMachine,
  envelope: Envelope,
  message: Message & { readonly type: "part" },
  at: StepTime,
): StepResult {
  const { child: id, generation, part, result } = message;
  const child = awaitedChild(envelope, id, generation);
  if (child === undefined) return { outcome: "ignored", reason: "fenced" };
  const { parts: before = {}, awaits = 0, ...others } = child;
  if (part >= awaits || Object.hasOwn(before, part))
    return { outcome: "ignored", reason: "fenced" };
  const parts: Readonly<Record<number, unknown>> = { ...before, [part]: result };
  const isWhole = Object.keys(parts).length === awaits;
  const now: Child = isWhole ? { ...others, settled: true } : { ...child, parts };
  const next = { ...envelope, children: { ...envelope.children, [id]: now } };
  if (!isWhole) return { outcome: "stepped", envelope: next, effects: [] };
  const output = Array.from({ length: awaits }, (_, index) => parts[index]);
  const done = completionEvent({ type: "done", child: id, generation, output });
  return feed(machine, next, at, done, "must_step");
}

function fire(
  machine: AnyStateMachine,
  envelope: Envelope,
  message: Message & { readonly type: "timer" },
  at: StepTime,
): StepResult {
  const timer = pendingTimer(envelope, message.timer, message.generation);
  if (timer === undefined) return { outcome: "ignored", reason: "fenced" };
  const timers = withoutTimer(envelope.timers, message.timer, message.generation);
  const fired = { ...envelope, timers };
  const { target, event } = timer;
  if (target.kind === "self") return feed(machine, fired, at, event, "must_step");
  const isGone =
    target.kind === "child" &&
    awaitedChild(envelope, target.child, target.generation) === undefined;
  const effects = isGone ? [] : [{ type: "send", target, event } as const];
  return { outcome: "stepped", ...numbered(fired, { envelope: fired, effects }) };
}

/** Give XState the event. With `may_ignore` a step that would change nothing is none. */
function feed(
  machine: AnyStateMachine,
  envelope: Envelope,
  at: StepTime,
  event: XStateEvent,
  mode: "may_ignore" | "must_step",
): StepResult {
  const prepared = prepare(machine, event.type);
  const isFailure = event.type.startsWith("xstate.error.actor.");
  if (!isFailure && !prepared.reacts(event.type)) {
    return mode === "may_ignore"
      ? { outcome: "ignored", reason: "unhandled" }
      : { outcome: "stepped", envelope, effects: [] };
  }
  const { jobId, parent, revision } = envelope;
  const scope = new StepScope(jobId, parent !== undefined, revision);
  const previous = restored(() => restore(prepared, envelope, scope));
  scope.self.snapshot = previous;
  const given = fromData(event, reviver(envelope, childrenOf(previous), scope));
  let isUntouched = false;
  const stepped = outcomeOf({ prepared, envelope, at, scope, previous }, () => {
    const next = prepared.machine.transition(
      previous,
      given,
      scope.forXState,
    ) as AnyMachineSnapshot;
    isUntouched = next === previous && scope.actions.length === 0;
    return next;
  });
  // Only actions in place look at it after the step. Else a scope that the collector has not found yet would hold a context.
  if (!stepped.effects.some(({ type }) => type === "run_inline")) scope.self.snapshot = undefined;
  return isUntouched && mode === "may_ignore"
    ? { outcome: "ignored", reason: "unhandled" }
    : { outcome: "stepped", ...stepped };
}

/** A copy for user code, which may change what it is given. */
const own = (value: unknown): unknown => fromData(value, (mark) => mark);
