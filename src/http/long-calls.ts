// Requests that stay open: event streams and waits. Their number is bounded, and all of them end when the server stops.
import { RuntimeError } from "../errors.ts";
import type { Ending } from "../runtime/runtime.ts";
import type { OnClientGone } from "./operation.ts";

export interface LongCall {
  /** Aborted when the client has gone or the server stops. */
  readonly signal: Ending;
  /** The client has gone. */
  cancel(): void;
  /** To be called when the request has been answered. */
  end(): void;
}

export class LongCalls {
  readonly #max: number;
  readonly #stopping: AbortSignal;
  readonly #open = new Set<CallEnding>();

  constructor(max: number, stopping: AbortSignal) {
    this.#max = max;
    this.#stopping = stopping;
    stopping.addEventListener("abort", () => {
      for (const ending of this.#open) ending.abort();
    });
  }

  /** How many are open now. */
  get size(): number {
    return this.#open.size;
  }

  /** @throws RuntimeError `server.stopping`, `server.busy` */
  begin(onClientGone: OnClientGone): LongCall {
    if (this.#stopping.aborted)
      throw new RuntimeError("server.stopping", "The server is stopping. Try again in a moment.");
    if (this.#open.size >= this.#max)
      throw new RuntimeError(
        "server.busy",
        `There are ${this.#max} open streams and waits already.`,
      );
    const ending = new CallEnding();
    this.#open.add(ending);
    // Every answered call ends with its connection's turn, and there is nobody left to tell then.
    const cancel = (): void => {
      if (this.#open.has(ending)) ending.abort();
    };
    onClientGone(cancel);
    return {
      signal: ending,
      cancel,
      end: () => void this.#open.delete(ending),
    };
  }
}

class CallEnding implements Ending {
  aborted = false;
  readonly #listeners = new Set<() => void>();

  addEventListener(_: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    for (const listener of this.#listeners) listener();
  }
}
