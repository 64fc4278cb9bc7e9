// One live connection to a job: it comes back after a break where it left off, and ends with the job.
import type { StreamEvent } from "../protocol/job-event.ts";
import { ApiError, type Api } from "./api.ts";
import { serverSentEvents } from "./server-sent-events.ts";

export type Connection = "connecting" | "live" | "waiting" | "ended";

export interface WatchOptions {
  readonly jobId: string;
  /** The revision that is known already. */
  readonly after: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: StreamEvent) => void;
  readonly onConnection: (connection: Connection) => void;
}

const backoffMsMin = 500;
const backoffMsMax = 15_000;

export async function watchJob(api: Api, options: WatchOptions): Promise<void> {
  const { jobId, signal, onEvent, onConnection } = options;
  let after = options.after;
  let failures = 0;
  while (!signal.aborted) {
    onConnection("connecting");
    try {
      const answer = await api.events(jobId, after, signal);
      // No content: the job has ended, and we know its end.
      if (answer.status === 204 || !answer.body) return onConnection("ended");
      onConnection("live");
      for await (const { id, data } of serverSentEvents(answer.body)) {
        failures = 0;
        after = id === undefined ? after : Number(id);
        const event = JSON.parse(data) as StreamEvent;
        onEvent(event);
        if (event.type === "finished") return onConnection("ended");
      }
    } catch (error) {
      // The server understood and refused; asking again would not help.
      if (error instanceof ApiError && error.status < 500) return onConnection("ended");
    }
    if (signal.aborted) return;
    onConnection("waiting");
    await pause(Math.min(backoffMsMax, backoffMsMin * 2 ** failures), signal);
    failures += 1;
  }
}

/** Random by half, so that many pages do not come back to a restarted server at once. */
function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, durationMs * (0.5 + Math.random() / 2));
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
