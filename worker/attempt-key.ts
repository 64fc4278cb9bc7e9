// One name for one attempt of one task, to keep it in maps by.
import type { AttemptRef } from "../src/protocol/worker-frames.ts";

export function keyOf({ task_id, attempt }: AttemptRef): string {
  return `${task_id}#${attempt}`;
}
