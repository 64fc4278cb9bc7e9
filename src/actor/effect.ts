// What goes into a step and what a step wants done, both as plain data.
import type { Failure, ParentRef, Target } from "./envelope.ts";

/** An event for a machine, as a client or another actor sends it. */
export interface SentEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** Who sent an event: a job, and which one it is of all that this job sent to this one (1 is the first), or a worker. */
export type Sender =
  | { readonly kind: "parent"; readonly number: number }
  | {
      readonly kind: "child";
      readonly child: string;
      readonly generation: string;
      readonly number: number;
    }
  /** The worker that does a task of the job: which event of which of the task's attempts it is. */
  | {
      readonly kind: "task";
      readonly child: string;
      readonly generation: string;
      readonly taskId: string;
      readonly attempt: number;
      readonly number: number;
    };

/** How a job was after one of its revisions. */
export interface JobMoment {
  readonly jobId: string;
  readonly revision: number;
}

/** What a child was started by, and with. */
export interface StartOfChild {
  /** What XState took when it entered the state that invokes the child. */
  readonly event: { readonly type: string };
  readonly input?: unknown;
}

/**
 * What moves an actor. History records each message as it was stepped, so a job's states can be
 * computed again from its messages.
 */
export type Message =
  | { readonly type: "start"; readonly input: unknown }
  | {
      readonly type: "event";
      readonly event: SentEvent;
      /** Absent for events of clients and of the job itself. */
      readonly sender?: Sender;
      /** Keep the event for later where nothing takes it now, unless so many are kept already: see `step`. */
      readonly defer?: number;
    }
  /** A kept event is offered again. */
  | { readonly type: "deferred"; readonly index: number }
  | {
      readonly type: "done";
      readonly child: string;
      readonly generation: string;
      readonly output: unknown;
      /** A worker's own name for the outcome (`success` when absent); handler-style flows choose their transition by it. */
      readonly status?: string;
      /** Of a child that is a job: as in `Sender`. */
      readonly number?: number;
    }
  | {
      readonly type: "failed";
      readonly child: string;
      readonly generation: string;
      readonly error: Failure;
      readonly number?: number;
    }
  /** One part of a child that gathers; the last one completes it, and its output is all of them in order. */
  | {
      readonly type: "part";
      readonly child: string;
      readonly generation: string;
      readonly part: number;
      readonly result: unknown;
    }
  | {
      readonly type: "progress";
      readonly child: string;
      readonly generation: string;
      readonly progress: unknown;
    }
  | { readonly type: "timer"; readonly timer: string; readonly generation: string }
  /** The first message of a job that begins where another one was after one of its revisions. */
  | {
      readonly type: "restart";
      readonly from: JobMoment;
      /** The other job as it was then, encoded, with what was edited. */
      readonly envelope: string;
      /** Store time of then: timers have the rest that they had. */
      readonly takenAt: number;
      /** How the children had been started that ran then. */
      readonly started: Readonly<Record<string, StartOfChild>>;
      /** The members of the context that were edited, as they were given. */
      readonly edited?: unknown;
      /** Who asked for it. */
      readonly by: string;
    }
  /** Another job has begun where this one was: noted, whether the job is over or not, and nothing else. */
  | {
      readonly type: "restarted";
      readonly as: string;
      readonly revision: number;
      readonly edited?: unknown;
      readonly by: string;
    }
  /** The job goes on as another version of its blueprint. */
  | {
      readonly type: "migrate";
      readonly from: { readonly version: string; readonly shape: string };
      /** What it goes on with, encoded: version and shape, state, context and history. The rest of it is not used. */
      readonly envelope: string;
      /** Children that go on; the others are stopped, and what the states invoke besides is started. */
      readonly keeps: readonly string[];
      /** The `after` delays that begin now, by their events; with a `due` (store time) where one goes on under another name. */
      readonly begins: readonly { readonly event: string; readonly due?: number }[];
      readonly by: string;
    }
  /** The job has ended in an error: it goes on from before that, and what ran then is started anew. */
  | {
      readonly type: "redrive";
      /** Its last revision: that of the failure, or of a note that followed. */
      readonly failed: number;
      /** The job as it was before the failure, encoded. */
      readonly envelope: string;
      /** Store time of the failure: timers have the rest that they had. */
      readonly failedAt: number;
      /** What the children that ran then are started with, by their ids. */
      readonly inputs: Readonly<Record<string, unknown>>;
      /** Child jobs that went on, or had done what they were to: the same ones as before. */
      readonly keeps?: readonly string[];
      /** The child whose input has been edited. */
      readonly edited?: string;
      /** Who asked for it. Earlier releases have not noted that. */
      readonly by?: string;
    }
  /** What a kept child said while the job was over is lost: the next of its messages is the one after this. */
  | {
      readonly type: "rejoined";
      readonly child: string;
      readonly generation: string;
      readonly taken: number;
    }
  /** The store has lost later steps of the job, up to this revision; it goes on from here. Noted once in each epoch. */
  | { readonly type: "rewound"; readonly lost: number }
  /** End the job from outside: cancelled, or in error where `error` is given. A parent's stop is numbered. */
  | {
      readonly type: "stop";
      readonly reason: string;
      readonly error?: Failure;
      readonly number?: number;
    };

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
      /** For a child that is a job: after everything that was sent to it. */
      readonly number?: number;
    }
  | {
      readonly type: "set_timer";
      readonly timer: string;
      readonly generation: string;
      /** Store time, in milliseconds since 1970. */
      readonly due: number;
    }
  | { readonly type: "clear_timer"; readonly timer: string; readonly generation: string }
  | {
      readonly type: "send";
      readonly target: Target;
      readonly event: SentEvent;
      /** Counts what was sent to this target; absent where that is the job itself. */
      readonly number?: number;
    }
  | { readonly type: "emit"; readonly event: SentEvent }
  | { readonly type: "log"; readonly label?: string; readonly value: unknown }
  | { readonly type: "action"; readonly action: string; readonly params: unknown }
  /** An inline function action. It has no name to be stored by, so it runs after the commit, at most once. */
  | { readonly type: "run_inline"; readonly action: string; readonly run: () => unknown }
  | {
      readonly type: "finished";
      readonly status: "done" | "error" | "stopped";
      readonly parent?: ParentRef;
      /** For the parent: after everything that was sent to it. */
      readonly number?: number;
      readonly output?: unknown;
      readonly error?: Failure;
    };

/** The values of the outside world that a step may use. */
export interface StepTime {
  /** Store time, in milliseconds since 1970. */
  readonly now: number;
  /** Names the life of the store; it changes whenever the store may have been rewound (design, law 5). */
  readonly epoch: string;
  /** Over how many shards the children that start now are spread; 1 where absent. */
  readonly shards?: number;
}
