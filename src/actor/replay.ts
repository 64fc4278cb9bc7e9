// A job's states computed again from the messages that its history recorded.
import type { AnyStateMachine } from "xstate";
import { RuntimeError } from "../errors.ts";
import type { Effect, Message, StartOfChild } from "./effect.ts";
import type { Envelope, Origin } from "./envelope.ts";
import { observeStarts } from "./observe.ts";
import { restart } from "./begin-again.ts";
import { start, step, type Stepped } from "./step.ts";
import { takeUpEvent } from "./take-up.ts";

/** What replay needs of a history entry. */
export interface RecordedStep {
  readonly now: number;
  readonly epoch: string;
  readonly shards?: number;
  readonly message: Message;
}

/** The machine of a job, or that of each version that it has been. */
export type Machines = AnyStateMachine | ((version: string) => AnyStateMachine);

/**
 * The envelope after the given steps. Stop early in `entries` to see an earlier state.
 *
 * @param machines with a job that has migrated, a function.
 * @param origin as the job has it now: what it was before it migrated is in the history.
 * @param entries the job's recorded steps from the first on, in order.
 * @throws RuntimeError `replay.diverged` where they can't be the history of this machine.
 */
export function replay(
  machines: Machines,
  origin: Origin,
  entries: Iterable<RecordedStep>,
): Envelope {
  const all = [...entries];
  const replayed = new Replay(machines, originAt(origin, all));
  for (const entry of all) replayed.take(entry);
  return replayed.envelope;
}

/** What the job was when it began: the first of its migrations tells what it has migrated from. */
export function originAt(origin: Origin, entries: Iterable<RecordedStep>): Origin {
  for (const { message } of entries)
    if (message.type === "migrate") return { ...origin, ...message.from };
  return origin;
}

/** What a job was when it began, told from what it is now. */
export function bornAs({ bornAs: first, ...now }: Envelope): Origin {
  const { jobId, blueprint, parent, depth, restartedFrom } = now;
  const { version, shape } = first ?? now;
  return {
    jobId,
    blueprint,
    version,
    shape,
    ...(parent && { parent }),
    ...(depth !== undefined && { depth }),
    ...(restartedFrom && { restartedFrom }),
  };
}

/** A replay that goes on step by step, and remembers what each running child was started by. */
export class Replay {
  readonly #machines: Machines;
  readonly #origin: Origin;
  #envelope: Envelope | undefined;
  #started: Readonly<Record<string, StartOfChild>> = {};

  /** @param origin the job when it began: see `originAt`. */
  constructor(machines: Machines, origin: Origin) {
    this.#machines = machines;
    this.#origin = origin;
  }

  /** Another one at the same place. Either goes on without the other. */
  fork(): Replay {
    const other = new Replay(this.#machines, this.#origin);
    other.#envelope = this.#envelope;
    other.#started = this.#started;
    return other;
  }

  /** @throws RuntimeError `replay.diverged` before the first step */
  get envelope(): Envelope {
    if (this.#envelope === undefined) throw diverged("it has no steps");
    return this.#envelope;
  }

  /** What the children were started by that have been started last, by their ids. */
  get started(): Readonly<Record<string, StartOfChild>> {
    return this.#started;
  }

  /**
   * @returns what the step wanted done.
   * @throws RuntimeError `replay.diverged`
   */
  take(entry: RecordedStep): readonly Effect[] {
    const { result, events } = observeStarts(() => this.#stepped(entry));
    const { envelope, effects } = result;
    this.#envelope = envelope;
    for (const effect of effects) {
      if (effect.type !== "start_child") continue;
      const { child, input } = effect;
      const event = events.get(child) ?? this.#eventOf(entry.message, child);
      this.#started = { ...this.#started, [child]: { event, input } };
    }
    return effects;
  }

  /** Of a child that no state has started by entering it: a job was taken up there, or an action started it. */
  #eventOf(message: Message, child: string): StartOfChild["event"] {
    const before =
      message.type === "restart"
        ? message.started[child]
        : message.type === "redrive"
          ? this.#started[child]
          : undefined;
    return before?.event ?? { type: takeUpEvent };
  }

  #stepped({ now, epoch, shards, message }: RecordedStep): Stepped {
    const at = { now, epoch, ...(shards !== undefined && { shards }) };
    const before = this.#envelope;
    if (before === undefined) {
      const machine = this.#machine(this.#origin.version);
      if (message.type === "restart") return restart(machine, this.#origin, message, at);
      if (message.type !== "start") throw diverged("the first step is not a start");
      return start(machine, this.#origin, message.input, at);
    }
    const version = message.type === "migrate" ? versionIn(message) : before.version;
    const result = step(this.#machine(version), before, message, at);
    if (result.outcome === "stepped") return result;
    throw diverged(`the step after revision ${before.revision} is ${result.reason}`);
  }

  #machine(version: string): AnyStateMachine {
    return typeof this.#machines === "function" ? this.#machines(version) : this.#machines;
  }
}

function versionIn({ envelope }: Message & { readonly type: "migrate" }): string {
  return (JSON.parse(envelope) as Envelope).version;
}

function diverged(reason: string): RuntimeError {
  return new RuntimeError("replay.diverged", `The history does not replay: ${reason}`);
}
