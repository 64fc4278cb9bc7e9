// What a turn asks to be done after its commit, as data: named actions, and messages to other jobs.
import type { SentEvent, Sender } from "../actor/effect.ts";
import type { Failure, ParentRef } from "../actor/envelope.ts";

/** How a child job ended, as its parent is told. */
export interface JobEnd {
  readonly jobId: string;
  readonly status: "done" | "error" | "stopped";
  /** What a flow makes of it: a flow that ended in its state `failed` has failed, too. */
  readonly outcome: "success" | "failure";
  readonly finalState: string;
  readonly output?: unknown;
  readonly error?: Failure;
}

export type OutboxBody =
  /** A named action of the machine. */
  | {
      readonly kind: "action";
      readonly action: string;
      readonly params: unknown;
      readonly context: unknown;
      readonly event: SentEvent;
    }
  | {
      readonly kind: "start_job";
      readonly to: string;
      readonly parent: ParentRef;
      readonly depth: number;
      readonly blueprint: string;
      /** The newest where absent. */
      readonly version?: string;
      readonly input: unknown;
    }
  | {
      readonly kind: "event";
      readonly to: string;
      readonly event: SentEvent;
      readonly sender: Sender;
    }
  | {
      readonly kind: "stop_job";
      readonly to: string;
      readonly reason: string;
      readonly number: number;
    }
  /** To the job where another one has begun. */
  | {
      readonly kind: "restarted";
      readonly to: string;
      readonly as: string;
      readonly revision: number;
      readonly edited?: unknown;
      readonly by: string;
    }
  /** To the job itself, which was driven again: of a child job that it kept, under `to`. */
  | {
      readonly kind: "rejoin";
      readonly to: string;
      readonly child: string;
      readonly generation: string;
    }
  /** To the parent of a job that has ended. */
  | {
      readonly kind: "job_end";
      readonly to: string;
      readonly child: string;
      readonly generation: string;
      readonly number: number;
      readonly end: JobEnd;
    };
