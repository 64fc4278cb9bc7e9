// A job's state computed again from the messages that its history recorded.
import type { AnyStateMachine } from "xstate";
import { RuntimeError } from "../errors.ts";
import type { Message } from "./effect.ts";
import type { Envelope, Origin } from "./envelope.ts";
import { start, step } from "./step.ts";

/** What replay needs of a history entry. */
export interface RecordedStep {
  readonly now: number;
  readonly epoch: string;
  readonly shards?: number;
  readonly message: Message;
}

/**
 * The envelope after the given steps. Stop early in `entries` to see an earlier state.
 *
 * @param entries the job's recorded steps from the first on, in order.
 * @throws RuntimeError `replay.diverged` where they can't be the history of this machine.
 */
export function replay(
  machine: AnyStateMachine,
  origin: Origin,
  entries: Iterable<RecordedStep>,
): Envelope {
  let envelope: Envelope | undefined;
  for (const { now, epoch, shards, message } of entries) {
    const at = { now, epoch, ...(shards !== undefined && { shards }) };
    if (envelope === undefined) {
      if (message.type !== "start") throw diverged("the first step is not a start");
      envelope = start(machine, origin, message.input, at).envelope;
      continue;
    }
    const result = step(machine, envelope, message, at);
    if (result.outcome === "ignored") {
      throw diverged(`the step after revision ${envelope.revision} is ${result.reason}`);
    }
    envelope = result.envelope;
  }
  if (envelope === undefined) throw diverged("it has no steps");
  return envelope;
}

function diverged(reason: string): RuntimeError {
  return new RuntimeError("replay.diverged", `The history does not replay: ${reason}`);
}
