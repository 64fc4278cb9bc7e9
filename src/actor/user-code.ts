// Runs the user's code of a step: what it throws is the end of the job, as data.
import type { AnyMachineSnapshot } from "xstate";
import { RuntimeError } from "../errors.ts";
import type { Failure } from "./envelope.ts";
import { atTime } from "./now.ts";
import { conclude, settle, type OpenStep, type Stepped } from "./outcome.ts";
import { UnreadContext } from "./unread-context.ts";

/** Run XState and settle; whatever user code throws on the way is the end of the job, as data. */
export function outcomeOf(open: OpenStep, run: () => AnyMachineSnapshot): Stepped {
  const stepped = settled(open, run);
  const { context } = open.envelope;
  // What user code met there is not its fault, and no end of the job; nor is it to decide by, where that caught the error.
  if (context instanceof UnreadContext) context.assertUndamaged();
  return stepped;
}

function settled(open: OpenStep, run: () => AnyMachineSnapshot): Stepped {
  const { envelope, at, prepared } = open;
  const failed = (error: unknown) =>
    conclude(prepared.machine, envelope, "error", failureOf(error), at);
  try {
    const next = atTime(at.now, run);
    if (next.status !== "error") return settle(open, next);
    return failed(next.error);
  } catch (error) {
    return failed(error);
  }
}

/** A machine without the envelope's states is the wrong machine: the job is not to be blamed for it. */
export function restored<T>(body: () => T): T {
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
