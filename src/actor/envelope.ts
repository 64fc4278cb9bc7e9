// The stored form of a job: all that is needed to take its next step, on any node, after any crash.
import type { StateValue } from "xstate";

/** The envelope format this code writes. It reads this one and older ones, and refuses newer ones. */
export const envelopeFormat = 1;

/** The XState release whose behaviour the kernel relies on; it is stored with each job. */
export const engineVersion = "5.33.3";

/** How many messages two jobs have sent each other. Each keeps its side, so that none is taken twice or out of order. */
export interface Exchange {
  readonly sent: number;
  /** The next one that is taken has the number after this. */
  readonly taken: number;
}

/** Which event of which attempt of a task. */
export interface Heard {
  readonly attempt: number;
  readonly number: number;
}

/** An invocation or spawned child of the machine. */
export interface Child {
  readonly src: string;
  /** `<job>:<epoch>.<revision>.<n>`; it is the task's id, and a completion that names another is fenced. */
  readonly generation: string;
  readonly systemId?: string;
  /** The machine has an `onSnapshot` for this child, so progress is an event for it. */
  readonly wantsProgress?: true;
  /** Its completion has been taken; another one is fenced. */
  readonly settled?: true;
  /** With a child that is a job; absent before the first message. */
  readonly exchange?: Exchange;
  /** Of a child that is a task, or several: the latest event of its worker that was taken, by the task's id. */
  readonly heard?: Readonly<Record<string, Heard>>;
  /** Over how many shards children were spread when it was started; 1 where absent. */
  readonly shards?: number;
  /** Of a child that gathers: how many parts make it whole, and what has come of them. */
  readonly awaits?: number;
  readonly parts?: Readonly<Record<string, unknown>>;
}

/** Where an event goes that the machine sends. */
export type Target =
  | { readonly kind: "self" }
  | { readonly kind: "parent" }
  | { readonly kind: "child"; readonly child: string; readonly generation: string };

/** An event with a due time: an `after`, or a delayed `raise` or `sendTo`. */
export interface Timer {
  readonly generation: string;
  /** Store time, in milliseconds since 1970. */
  readonly due: number;
  readonly target: Target;
  readonly event: { readonly type: string };
}

/** What went wrong in a job or a task, as data. `code` is one of the task error codes or an error code of ours. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
}

export interface ParentRef {
  readonly jobId: string;
  readonly child: string;
  readonly generation: string;
}

/** What a job is and which definition it runs. */
export interface Origin {
  readonly jobId: string;
  readonly blueprint: string;
  readonly version: string;
  /** The shape hash of the definition that the job was started with. */
  readonly shape: string;
  readonly parent?: ParentRef;
  /** How many jobs are above it; 0 where absent. */
  readonly depth?: number;
  /** The job that it is a second try of, and after which of its revisions it began. */
  readonly restartedFrom?: { readonly jobId: string; readonly revision: number };
}

export interface Envelope extends Origin {
  readonly format: typeof envelopeFormat;
  readonly engine: "xstate";
  readonly engineVersion: string;
  /** Counts the steps of the job: 1 after the first. */
  readonly revision: number;
  readonly status: "active" | "done" | "error" | "stopped";
  readonly value: StateValue;
  /** Data, or an `UnreadContext` in the envelope of a step. */
  readonly context: unknown;
  /** History node id → ids of the remembered state nodes. */
  readonly history?: Readonly<Record<string, readonly string[]>>;
  readonly output?: unknown;
  readonly error?: Failure;
  readonly children: Readonly<Record<string, Child>>;
  /** Send id → its pending timers. */
  readonly timers: Readonly<Record<string, readonly Timer[]>>;
  /** With the parent; absent before the first message. */
  readonly exchange?: Exchange;
  /** Children that the machine has left and that the job waits for before it ends, by generation. */
  readonly awaiting?: Readonly<Record<string, Child>>;
  /** How the job will end as soon as nothing is awaited any more. */
  readonly ending?: "done" | "error" | "stopped";
  /** The latest time that the store had lost steps of the job: up to which revision, and the epoch that it goes on in. */
  readonly rewound?: { readonly lost: number; readonly epoch: string };
  /** Events that came before a state that wants them, oldest first. */
  readonly deferred?: readonly { readonly type: string }[];
  /** The version that it began as, where it has migrated since. */
  readonly bornAs?: { readonly version: string; readonly shape: string };
  /** The latest jobs that began where this one was, oldest first. */
  readonly restartedAs?: readonly string[];
}
