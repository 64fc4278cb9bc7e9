// The messages that XState has events of its own for: the end of a child, and its progress.
import type { Message } from "./effect.ts";

/** An event as XState takes it. */
export interface XStateEvent {
  readonly type: string;
}

export function completionEvent(
  message: Message & { readonly type: "done" | "failed" },
): XStateEvent {
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

export function progressEvent(message: Message & { readonly type: "progress" }): XStateEvent {
  const snapshot = { status: "active", output: undefined, progress: message.progress };
  return { type: `xstate.snapshot.${message.child}`, snapshot } as XStateEvent;
}
