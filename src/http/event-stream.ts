// A job's events as a stream of server-sent events: as fast as its reader takes them, and never silent for long.
import type { Clock, TimerHandle } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { isFinished, type JobEvent } from "../runtime/runtime.ts";
import { streamAnswer } from "./job-answer.ts";
import type { LongCall } from "./long-calls.ts";

export interface EventStreamOptions {
  /** Its signal ends `events`; it is ended with the stream. */
  readonly call: LongCall;
  readonly clock: Clock;
  /** A comment is sent after so many silent milliseconds, so that nobody on the way takes the connection for dead. */
  readonly heartbeatMs: number;
  readonly log: Logger;
}

/** Readers come back after this time when the connection breaks. */
const retryMs = 1_000;

/**
 * Reads no further event while the reader has not taken the one before: what is buffered for a slow
 * reader is one event here, and what `JobService.watch` allows.
 */
export function eventStream(
  events: AsyncIterable<JobEvent>,
  { call, clock, heartbeatMs, log }: EventStreamOptions,
): ReadableStream<Uint8Array> {
  let taken = (): void => {};
  let heartbeat: TimerHandle | undefined;
  let cancelled = false;

  async function run(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const isBehind = (): boolean => (controller.desiredSize ?? 0) <= 0;
    const send = (text: string): void => {
      heartbeat?.cancel();
      heartbeat = clock.schedule(heartbeatMs, beat);
      controller.enqueue(Buffer.from(text));
    };
    const beat = (): void => {
      if (!isBehind()) send(": still here\n\n");
      else heartbeat = clock.schedule(heartbeatMs, beat);
    };
    send(`retry: ${retryMs}\n\n`);
    for await (const event of events) {
      while (isBehind() && !call.signal.aborted)
        await new Promise<void>((resolve) => (taken = resolve));
      if (call.signal.aborted) return;
      send(frameOf(event));
    }
  }

  return new ReadableStream<Uint8Array>({
    start(controller) {
      call.signal.addEventListener("abort", () => taken());
      run(controller)
        .catch((error: unknown) =>
          log.error({ err: error }, "event stream failed; its reader comes back"),
        )
        .finally(() => {
          heartbeat?.cancel();
          call.end();
          if (!cancelled) controller.close();
        });
    },
    pull: () => taken(),
    cancel() {
      cancelled = true;
      call.cancel();
    },
  });
}

/**
 * The last step of a job and `finished` have the same revision. Only `finished` carries it as its id, so that
 * a reader that lost the connection between the two is told the end when it comes back.
 */
function frameOf(event: JobEvent): string {
  const hasId = event.type === "finished" || (event.type === "state" && !isFinished(event.status));
  const id = hasId ? `id: ${event.id}\n` : "";
  return `event: ${event.type}\n${id}data: ${JSON.stringify(streamAnswer(event))}\n\n`;
}
