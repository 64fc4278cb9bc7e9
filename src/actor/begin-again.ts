// Steps that no event makes: a job begins where another one was, goes on as another version, or notes that one has begun.
import type { AnyStateMachine } from "xstate";
import type { Message, StepTime } from "./effect.ts";
import { engineVersion, envelopeFormat, type Envelope, type Origin } from "./envelope.ts";
import type { OpenStep, Stepped } from "./outcome.ts";
import { prepare } from "./prepared-machine.ts";
import { restore } from "./restore.ts";
import { StepScope } from "./scope.ts";
import { asVersion, begunAgain, goneOn, standingOf } from "./take-up.ts";
import { outcomeOf, restored } from "./user-code.ts";

/** A job before its first step. */
export const fresh = {
  format: envelopeFormat,
  engine: "xstate",
  engineVersion,
  revision: 1,
  status: "active",
  value: {},
  context: {},
  children: {},
  timers: {},
} as const satisfies Partial<Envelope>;

/** The first step of a job that begins where another one was. What goes wrong in the machine is as in `start`. */
export function restart(
  machine: AnyStateMachine,
  origin: Origin,
  message: Message & { readonly type: "restart" },
  at: StepTime,
): Stepped {
  const base = restored(() => standingOf(message));
  const origined: Origin = { ...origin, restartedFrom: message.from };
  const prepared = prepare(machine, "xstate.init");
  const scope = new StepScope(origin.jobId, false, 1);
  const envelope: Envelope = { ...origined, ...fresh, ...base };
  const previous = restored(() => restore(prepared, envelope, scope));
  scope.self.snapshot = previous;
  const open: OpenStep = { prepared, envelope, at, scope, previous };
  return outcomeOf(open, () => begunAgain(open, message));
}

/** The job as another version of its blueprint, whose machine this is. */
export function migrated(
  machine: AnyStateMachine,
  before: Envelope,
  message: Message & { readonly type: "migrate" },
  at: StepTime,
): Stepped {
  const prepared = prepare(machine, "xstate.init");
  const envelope = restored(() => asVersion(prepared, before, message));
  const scope = new StepScope(envelope.jobId, envelope.parent !== undefined, envelope.revision);
  const previous = restored(() => restore(prepared, envelope, scope));
  scope.self.snapshot = previous;
  const open: OpenStep = { prepared, envelope, at, scope, previous };
  return outcomeOf(open, () => goneOn(open, message));
}

/** How many of the jobs that began where it was a job remembers. */
const restartsKept = 20;

export function noteRestart(
  envelope: Envelope,
  { as }: Message & { readonly type: "restarted" },
):
  | { readonly outcome: "ignored"; readonly reason: "repeated" }
  | ({ readonly outcome: "stepped" } & Stepped) {
  const { restartedAs = [] } = envelope;
  if (restartedAs.includes(as)) return { outcome: "ignored", reason: "repeated" };
  return {
    outcome: "stepped",
    envelope: {
      ...envelope,
      revision: envelope.revision + 1,
      restartedAs: [...restartedAs, as].slice(-restartsKept),
    },
    effects: [],
  };
}
