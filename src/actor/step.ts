// One step of an actor: an envelope and a message in, the next envelope and its effects out. Pure.
import type { AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { RuntimeError } from "../errors.ts";
import { fromData } from "./data.ts";
import type { Message, StepTime } from "./effect.ts";
import {
  engineVersion,
  envelopeFormat,
  type Envelope,
  type Failure,
  type Origin,
} from "./envelope.ts";
import { awaitedChild, pendingTimer } from "./fence.ts";
import { atTime } from "./now.ts";
import { assertNotReserved, conclude, settle, type OpenStep, type Stepped } from "./outcome.ts";
import { prepare } from "./prepared-machine.ts";
import { restore, reviver } from "./restore.ts";
import { StepScope } from "./scope.ts";
import { withoutTimer } from "./timer-book.ts";
import { childrenOf } from "./xstate-internal.ts";

export type { Stepped } from "./outcome.ts";

/**
 * `ignored` leaves the job as it is: `finished` took its last step before, `fenced` says that the
 * message is about a child or timer that is not current, `unhandled` that nothing listens to it now.
 */
export type StepResult =
  | ({ readonly outcome: "stepped" } & Stepped)
  | { readonly outcome: "ignored"; readonly reason: "finished" | "fenced" | "unhandled" };

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
  const envelope: Envelope = {
    ...origin,
    format: envelopeFormat,
    engine: "xstate",
    engineVersion,
    revision: 1,
    status: "active",
    value: {},
    context: {},
    children: {},
    timers: {},
  };
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
  if (envelope.status !== "active") return { outcome: "ignored", reason: "finished" };
  const next = { ...envelope, revision: envelope.revision + 1 };
  switch (message.type) {
    case "start":
      return { outcome: "ignored", reason: "fenced" };
    case "stop": {
      const status = message.error ? "error" : "stopped";
      const error = message.error ?? { code: "cancelled", message: message.reason };
      return { outcome: "stepped", ...conclude(next, status, error, at) };
    }
    case "event":
      return feed(machine, next, at, message.event, "may_ignore");
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
      const settled = { ...child, settled: true } as const;
      const children = { ...envelope.children, [message.child]: settled };
      return feed(machine, { ...next, children }, at, completionEvent(message), "must_step");
    }
    case "timer":
      return fire(machine, next, message, at);
  }
}

/** An event as XState takes it. */
interface XStateEvent {
  readonly type: string;
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
  return {
    outcome: "stepped",
    envelope: fired,
    effects: isGone ? [] : [{ type: "send", target, event }],
  };
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
  return isUntouched && mode === "may_ignore"
    ? { outcome: "ignored", reason: "unhandled" }
    : { outcome: "stepped", ...stepped };
}

/** Run XState and settle; whatever user code throws on the way is the end of the job, as data. */
function outcomeOf(open: OpenStep, run: () => AnyMachineSnapshot): Stepped {
  const { envelope, at } = open;
  try {
    const next = atTime(at.now, run);
    if (next.status !== "error") return settle(open, next);
    return conclude(envelope, "error", failureOf(next.error), at);
  } catch (error) {
    return conclude(envelope, "error", failureOf(error), at);
  }
}

/** A machine without the envelope's states is the wrong machine: the job is not to be blamed for it. */
function restored<T>(body: () => T): T {
  try {
    return body();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RuntimeError(
      "machine.illegal_state",
      `The machine can't take the job up where it is: ${reason}`,
      {},
      { cause },
    );
  }
}

function completionEvent(message: Message & { readonly type: "done" | "failed" }): XStateEvent {
  const actorId = message.child;
  if (message.type === "failed") {
    return { type: `xstate.error.actor.${actorId}`, error: message.error, actorId } as XStateEvent;
  }
  return {
    type: `xstate.done.actor.${actorId}`,
    output: message.output,
    actorId,
    ...(message.status !== undefined && { status: message.status }),
  } as XStateEvent;
}

function progressEvent(message: Message & { readonly type: "progress" }): XStateEvent {
  const snapshot = { status: "active", output: undefined, progress: message.progress };
  return { type: `xstate.snapshot.${message.child}`, snapshot } as XStateEvent;
}

/** A copy for user code, which may change what it is given. */
const own = (value: unknown): unknown => fromData(value, (mark) => mark);

function failureOf(error: unknown): Failure {
  if (error instanceof RuntimeError) return { code: error.code, message: error.message };
  if (error instanceof Error) return { code: "machine.threw", message: error.message };
  return isFailure(error) ? error : { code: "machine.threw", message: String(error) };
}

/** A task's failure that no state handles, or one that user code throws as data. */
function isFailure(error: unknown): error is Failure {
  if (typeof error !== "object" || error === null) return false;
  const { code, message } = error as { readonly [member in keyof Failure]?: unknown };
  return typeof code === "string" && typeof message === "string";
}
