// Jobs whose machine is over, and that wait for their last children.
import type { Message } from "./effect.ts";
import type { Envelope } from "./envelope.ts";
import { isEventOfJob, numbered } from "./exchange.ts";
import { close, type Stepped } from "./outcome.ts";
import type { StepResult } from "./step.ts";

/** The job without an awaited child that has ended; where it was the last one, a job that is about to end does. */
export function lastOf(envelope: Envelope, generation: string): Stepped {
  const { awaiting, ...others } = envelope;
  const { [generation]: _ended, ...left } = awaiting!;
  if (Object.keys(left).length > 0)
    return { envelope: { ...envelope, awaiting: left }, effects: [] };
  if (others.ending === undefined) return { envelope: others, effects: [] };
  return numbered(envelope, close(others, others.ending, []));
}

/** A job whose machine is over takes nothing but the end of its last children; a stop does not wait for them. */
export function whileEnding(envelope: Envelope, before: Envelope, message: Message): StepResult {
  if (message.type === "stop") {
    const { awaiting = {}, ...others } = envelope;
    const error = message.error ?? { code: "cancelled", message: message.reason };
    const stops = Object.values(awaiting).map(
      ({ generation, src }) => ({ type: "stop_child", child: "", generation, src }) as const,
    );
    const stopped = close({ ...others, error }, message.error ? "error" : "stopped", stops);
    return { outcome: "stepped", ...numbered(before, stopped) };
  }
  return isEventOfJob(message)
    ? { outcome: "stepped", envelope, effects: [] }
    : { outcome: "ignored", reason: "finished" };
}
