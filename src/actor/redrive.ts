// A job that ended in an error, taken up again from before the failure: what ran then is started anew. Pure.
import { decodeEnvelope } from "./codec.ts";
import { ActorMark } from "./data.ts";
import type { Effect, Message, StepTime } from "./effect.ts";
import type { Child, Envelope, Timer } from "./envelope.ts";
import { Generations, ownMember } from "./fence.ts";
import type { Stepped } from "./outcome.ts";

/**
 * The step that takes the job up. Its children get new generations, so that nothing of before is taken for theirs, and
 * timers the rest of the time that they had. Children that the job only waited for to end have ended, and are forgotten.
 *
 * @param ended the job as it is now
 * @returns undefined where the job has not ended in the very error that is meant
 */
export function redrive(
  ended: Envelope,
  { envelope: text, failed, failedAt, inputs }: Message & { readonly type: "redrive" },
  at: StepTime,
): Stepped | undefined {
  if (ended.status !== "error" || ended.revision !== failed) return undefined;
  const { awaiting: _, error: __, ...before } = decodeEnvelope(text);
  const revision = ended.revision + 1;
  const generations = new Generations(before.jobId, at, revision);
  const renamed = new Map<string, string>();
  const starts: Effect[] = [];
  const children = Object.entries(before.children).map(([id, child]): [string, Child] => {
    if (child.settled) return [id, child];
    const { exchange: ___, parts: ____, ...same } = child;
    const generation = generations.nextChild();
    renamed.set(child.generation, generation);
    const input = ownMember(inputs, id);
    starts.push({ type: "start_child", child: id, generation, src: child.src, input });
    return [id, { ...same, generation }];
  });
  const timerEffects: Effect[] = [];
  const timers = Object.entries(before.timers).map(([id, pending]): [string, readonly Timer[]] => [
    id,
    pending.map((timer) => {
      const due = timer.due + (at.now - failedAt);
      const generation = generations.nextTimer();
      timerEffects.push({ type: "set_timer", timer: id, generation, due });
      const { target } = timer;
      if (target.kind !== "child") return { ...timer, generation, due };
      const to = renamed.get(target.generation) ?? target.generation;
      return { ...timer, generation, due, target: { ...target, generation: to } };
    }),
  ]);
  const envelope: Envelope = {
    ...before,
    revision,
    status: "active",
    context: withRenamed(before.context, renamed),
    children: Object.fromEntries(children),
    timers: Object.fromEntries(timers),
    // What the parent has been told since stays told, and so does what has been noted.
    ...(ended.exchange && { exchange: ended.exchange }),
    ...(ended.restartedAs && { restartedAs: ended.restartedAs }),
  };
  return { envelope, effects: [...timerEffects, ...starts] };
}

/** References to children lead to those that take their places. */
function withRenamed(value: unknown, renamed: ReadonlyMap<string, string>): unknown {
  if (value instanceof ActorMark) {
    const generation = value.generation && renamed.get(value.generation);
    return generation === undefined ? value : new ActorMark(value.actor, generation);
  }
  if (Array.isArray(value)) return value.map((item) => withRenamed(item, renamed));
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([key, item]) => [key, withRenamed(item, renamed)]);
  return Object.fromEntries(members) as unknown;
}
