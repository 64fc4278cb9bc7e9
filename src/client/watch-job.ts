// Follows one job over as many connections as that takes: each goes on where the one before it broke.
import { RuntimeError } from "../errors.ts";
import { StreamEvent } from "../protocol/job-event.ts";
import type { Requester } from "./request.ts";
import { serverSentEvents } from "./server-sent-events.ts";

export interface WatchOptions {
  /** The revision that is known already; 0, from the start, where absent. */
  readonly after?: number;
  readonly signal?: AbortSignal;
  /**
   * How long to try to come back when the connection is lost, in milliseconds; a minute where absent. `Infinity` never
   * gives up, not even before the first connection.
   */
  readonly patienceMs?: number;
  /** Called when a connection is made, and when there is none and another try will follow. */
  readonly onConnection?: (isConnected: boolean) => void;
}

/** Between two tries, in milliseconds: doubled each time, up to the most. */
const pauseMsMin = 100;
const pauseMsMax = 5_000;

/**
 * Yield a job's events until it has ended, or `signal` is aborted.
 *
 * @throws RuntimeError what the server refuses with; `server.unreachable` where it can't be reached at first, or not
 *   again within `patienceMs`.
 */
export async function* watchJob(
  request: Requester,
  path: string,
  { after = 0, signal, patienceMs = 60_000, onConnection }: WatchOptions,
): AsyncGenerator<StreamEvent, void> {
  let known = after;
  /** The last moment at which there was a connection. */
  let connectedAt = Number.NEGATIVE_INFINITY;
  let pauseMs = pauseMsMin;
  while (!signal?.aborted) {
    try {
      const answer = await request.stream(path, {
        headers: { accept: "text/event-stream", "last-event-id": `${known}` },
        ...(signal && { signal }),
      });
      // No content: the job has ended, and the caller knows its end.
      if (answer.status === 204 || !answer.body) return;
      onConnection?.(true);
      for await (const { id, data } of serverSentEvents(answer.body)) {
        pauseMs = pauseMsMin;
        if (id !== undefined) known = Number(id);
        const event = understood(data);
        if (event) yield event;
        if (event?.type === "finished") return;
      }
      connectedAt = performance.now();
    } catch (error) {
      if (signal?.aborted) return;
      const isLost = !(error instanceof RuntimeError);
      if (isLost) connectedAt = performance.now();
      if (!isLost && !error.retryable) throw error;
      if (performance.now() - connectedAt > patienceMs) throw error;
    }
    onConnection?.(false);
    await pause(pauseMs, signal);
    pauseMs = Math.min(pauseMsMax, pauseMs * 2);
  }
}

/** @returns undefined for what a newer server says beyond what is known here. */
function understood(data: string): StreamEvent | undefined {
  const { data: event } = StreamEvent.safeParse(JSON.parse(data));
  return event;
}

/** Random by half, so that many readers do not come back to a restarted server at once. */
function pause(mostMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, mostMs * (0.5 + Math.random() / 2));
    signal?.addEventListener("abort", end);
  });
}
