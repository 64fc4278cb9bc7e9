// What goes into a step and what a step wants done, both as plain data.
import type { Failure, ParentRef, Target } from "./envelope.ts";

/** An event for a machine, as a client or another actor sends it. */
export interface SentEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

/**
 * What moves an actor. History records each message as it was stepped, so a job's states can be
 * computed again from its messages.
 */
export type Message =
  | { readonly type: "start"; readonly input: unknown }
  | { readonly type: "event"; readonly event: SentEvent }
  | {
      readonly type: "done";
      readonly child: string;
      readonly generation: string;
      readonly output: unknown;
      /** A worker's own name for the outcome (`success` when absent); handler-style flows choose their transition by it. */
      readonly status?: string;
    }
  | {
      readonly type: "failed";
      readonly child: string;
      readonly generation: string;
      readonly error: Failure;
    }
  | {
      readonly type: "progress";
      readonly child: string;
      readonly generation: string;
      readonly progress: unknown;
    }
  | { readonly type: "timer"; readonly timer: string; readonly generation: string }
  /** End the job from outside: cancelled, or in error where `error` is given. */
  | { readonly type: "stop"; readonly reason: string; readonly error?: Failure };

/** What a step wants done. The runtime makes each durable in the commit of the step; `switch` over all of them. */
export type Effect =
  | {
      readonly type: "start_child";
      readonly child: string;
      readonly generation: string;
      readonly src: string;
      readonly input: unknown;
    }
  | {
      readonly type: "stop_child";
      readonly child: string;
      readonly generation: string;
      readonly src: string;
    }
  | {
      readonly type: "set_timer";
      readonly timer: string;
      readonly generation: string;
      /** Store time, in milliseconds since 1970. */
      readonly due: number;
    }
  | { readonly type: "clear_timer"; readonly timer: string; readonly generation: string }
  | { readonly type: "send"; readonly target: Target; readonly event: SentEvent }
  | { readonly type: "emit"; readonly event: SentEvent }
  | { readonly type: "log"; readonly label?: string; readonly value: unknown }
  | { readonly type: "action"; readonly action: string; readonly params: unknown }
  /** An inline function action. It has no name to be stored by, so it runs after the commit, at most once. */
  | { readonly type: "run_inline"; readonly action: string; readonly run: () => unknown }
  | {
      readonly type: "finished";
      readonly status: "done" | "error" | "stopped";
      readonly parent?: ParentRef;
      readonly output?: unknown;
      readonly error?: Failure;
    };

/** The values of the outside world that a step may use. */
export interface StepTime {
  /** Store time, in milliseconds since 1970. */
  readonly now: number;
  /** Names the life of the store; it changes whenever the store may have been rewound (design, law 5). */
  readonly epoch: string;
}
