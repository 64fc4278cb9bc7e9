// Requests that stay open: event streams and waits. Their number is bounded, and all of them end when the server stops.
import { RuntimeError } from "../errors.ts";
import type { OnClientGone } from "./operation.ts";

export interface LongCall {
  /** Aborted when the client has gone or the server stops. */
  readonly signal: AbortSignal;
  /** The client has gone. */
  cancel(): void;
  /** To be called when the request has been answered. */
  end(): void;
}

export class LongCalls {
  readonly #max: number;
  readonly #stopping: AbortSignal;
  readonly #open = new Set<AbortController>();

  constructor(max: number, stopping: AbortSignal) {
    this.#max = max;
    this.#stopping = stopping;
    stopping.addEventListener("abort", () => {
      for (const controller of this.#open) controller.abort();
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
    const controller = new AbortController();
    this.#open.add(controller);
    // Every answered call ends with its connection's turn, and there is nobody left to tell then.
    const cancel = (): void => {
      if (this.#open.has(controller)) controller.abort();
    };
    onClientGone(cancel);
    return {
      signal: controller.signal,
      cancel,
      end: () => void this.#open.delete(controller),
    };
  }
}
