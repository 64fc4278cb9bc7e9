// What passes between the worker's main thread and the thread that has its sockets: one port for each connection.
import type { z } from "zod";
import type { Hello } from "../src/protocol/worker-frames.ts";
import type { GuardedTimes } from "./heartbeat-guard.ts";

/** With what a connection begins; `port` is its own from then on. */
export interface OpenSocket {
  readonly url: string;
  readonly subprotocol: string;
  readonly token: string;
  readonly messageBytesMax: number;
  /** How long the server may take to answer the upgrade. */
  readonly answerMs: number;
  /** One number that both threads see: how many characters of messages the main thread has taken so far, wrapping around. */
  readonly taken: Int32Array;
  /** The memory of a `TurnNote`. */
  readonly note: SharedArrayBuffer;
}

/**
 * Attempts, as `refText` writes them, that heartbeats list from now on, or no more: each in a line, because one long text
 * gets to the other thread for less than many short ones.
 */
export interface HeldChange {
  readonly hold: string;
  readonly letGo: string;
}

export type ToSocket =
  | ({
      readonly type: "send";
      readonly messages: readonly string[];
      /** The messages are, or have among them, the heartbeat of this interval. */
      readonly beats: boolean;
    } & HeldChange)
  /** Speak for the main thread where that does not, about these attempts. */
  | {
      readonly type: "guard";
      readonly times: GuardedTimes;
      readonly hold: readonly string[];
      /** What this connection began with. */
      readonly hello: z.input<typeof Hello>;
    }
  /** Connections that the thread makes for the main thread use this token from now on. */
  | { readonly type: "token"; readonly token: string }
  | { readonly type: "close"; readonly code: number; readonly reason: string }
  | { readonly type: "terminate" }
  /** The main thread is not busy: the answer to `asked`. */
  | { readonly type: "here" }
  /** There is another connection, or there is to be none. */
  | { readonly type: "end" };

export type FromSocket =
  | { readonly type: "open" }
  /** `at` is when it came, by `threadTime`. */
  | { readonly type: "message"; readonly text: string; readonly at: number }
  | { readonly type: "ping" }
  /** Whether the main thread is busy. */
  | { readonly type: "asked" }
  /** The connection is lost. `code` is a status of HTTP where the server refused the upgrade. */
  | { readonly type: "closed"; readonly code: number; readonly said: string };

/** Milliseconds on a clock that all threads of a process share. */
export function threadTime(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/** An attempt as heartbeats list it. */
export function refText(ref: { readonly task_id?: unknown; readonly attempt?: unknown }): string {
  return `{"task_id":${JSON.stringify(ref.task_id)},"attempt":${JSON.stringify(ref.attempt)}}`;
}

/** The frame that accepts an attempt, from how `refText` writes it. */
export function acceptText(ref: string): string {
  return `{"type":"accept",${ref.slice(1)}`;
}
