// A job that ended in an error, taken up again from before the failure: what ran then is started anew. Pure.
import { decodeEnvelope } from "./codec.ts";
import { ActorMark } from "./data.ts";
import type { Effect, Message, StepTime } from "./effect.ts";
import type { Child, Envelope, Target } from "./envelope.ts";
import { Generations, ownMember } from "./fence.ts";
import { keepsMore } from "./kept-events.ts";
import type { Stepped } from "./outcome.ts";
import { restsOf, TimerBook } from "./timer-book.ts";

/**
 * The step that takes the job up. Children that it keeps are the same ones as before; the others get new generations, so
 * that nothing of before is taken for theirs. Timers have the rest of the time that they had. Children that the job only
 * waited for to end have ended, and are forgotten.
 *
 * @param ended the job as it is now
 * @returns undefined where the job has not ended in the very error that is meant
 */
export function redrive(
  ended: Envelope,
  { envelope: text, failed, failedAt, inputs, keeps = [] }: Message & { readonly type: "redrive" },
  at: StepTime,
): Stepped | undefined {
  if (ended.status !== "error" || ended.revision !== failed) return undefined;
  const { awaiting: _, error: __, ...before } = decodeEnvelope(text);
  const revision = ended.revision + 1;
  const generations = new Generations(before.jobId, at, revision);
  const renamed = new Map<string, string>();
  const starts: Effect[] = [];
  const children = Object.entries(before.children).map(([id, child]): [string, Child] => {
    if (child.settled || keeps.includes(id)) return [id, child];
    const { exchange: ___, parts: ____, heard: _____, ...same } = child;
    const generation = generations.nextChild();
    renamed.set(child.generation, generation);
    const input = ownMember(inputs, id);
    starts.push({ type: "start_child", child: id, generation, src: child.src, input });
    return [id, { ...same, generation }];
  });
  const timers = new TimerBook({}, generations, at.now);
  for (const { sendId, timer, restMs } of restsOf(before.timers, failedAt))
    timers.set(sendId, restMs, renamedTarget(timer.target, renamed), timer.event);
  // It may have ended by the last event that it kept.
  const { deferred } = keepsMore(ended, before) ? ended : before;
  const envelope: Envelope = {
    ...before,
    revision,
    status: "active",
    context: withRenamed(before.context, renamed),
    children: Object.fromEntries(children),
    timers: timers.timers,
    // What the parent has been told since stays told, and so does what has been noted.
    ...(ended.exchange && { exchange: ended.exchange }),
    ...(ended.restartedAs && { restartedAs: ended.restartedAs }),
    ...(deferred && { deferred }),
  };
  return { envelope, effects: [...timers.effects, ...starts] };
}

function renamedTarget(target: Target, renamed: ReadonlyMap<string, string>): Target {
  if (target.kind !== "child") return target;
  return { ...target, generation: renamed.get(target.generation) ?? target.generation };
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
