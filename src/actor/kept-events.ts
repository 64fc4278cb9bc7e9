// Events that a job keeps until one of its states wants them.
import type { Envelope } from "./envelope.ts";

/** Whether a job keeps more of them than before. */
export function keepsMore({ deferred: now = [] }: Envelope, { deferred: before = [] }: Envelope) {
  return now.length > before.length;
}
