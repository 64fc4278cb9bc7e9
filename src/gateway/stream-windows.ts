// Byte credits of the streams of one connection: how far each has come, and how far its worker may send.
import type { Clock, TimerHandle } from "../clock.ts";
import type { Chunk, StreamCredit } from "../protocol/worker-frames.ts";
import { chunkBytesMax, streamsMax } from "../protocol/worker-limits.ts";
import type { StreamChunk } from "../runtime/runtime.ts";

export interface StreamLimits {
  /** How many bytes of a stream may be on their way unacknowledged. */
  readonly streamWindowBytes: number;
  /** The least time between two credits of one stream: with the window it bounds the bytes per second. */
  readonly streamCreditMs: number;
}

interface Open {
  readonly taskId: string;
  readonly attempt: number;
  readonly stream: string;
  taken: number;
  upTo: number;
  /** Runs while a credit is still too early. */
  timer?: TimerHandle;
  /** Bytes have come since the last credit. */
  owes: boolean;
}

export class StreamWindows {
  readonly #clock: Clock;
  readonly #limits: StreamLimits;
  readonly #send: (credit: StreamCredit) => void;
  /** By attempt, then by the stream's name. */
  readonly #open = new Map<string, Map<string, Open>>();

  constructor(clock: Clock, limits: StreamLimits, send: (credit: StreamCredit) => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#send = send;
  }

  /**
   * Take a chunk in, and give credit for what follows it.
   *
   * @param isTaken whether the stream is one of the worker's: there is no credit for any other
   * @returns what its worker did wrong, if it did
   */
  take(frame: Chunk, isTaken: (chunk: StreamChunk) => boolean): string | undefined {
    const { task_id, attempt, stream, offset, data, encoding, end } = frame;
    const bytes = Buffer.byteLength(data, encoding === "text" ? "utf8" : "base64");
    if (bytes > chunkBytesMax) return `A chunk has at most ${chunkBytesMax} bytes, not ${bytes}.`;
    const key = `${task_id}#${attempt}`;
    const streams = this.#open.get(key) ?? new Map<string, Open>();
    let open = streams.get(stream);
    if (!open) {
      if (streams.size >= streamsMax)
        return `An attempt has at most ${streamsMax} streams open at once.`;
      // A connection does not know of earlier ones: whatever it begins with, the window begins there.
      const upTo = offset + this.#limits.streamWindowBytes;
      open = { taskId: task_id, attempt, stream, taken: offset, upTo, owes: false };
    }
    if (offset + bytes > open.upTo)
      return `Stream ${stream} has credit up to ${open.upTo}, not ${offset + bytes}.`;
    if (!isTaken({ stream, offset, bytes, data, encoding, end })) return undefined;
    this.#open.set(key, streams.set(stream, open));
    open.taken = Math.max(open.taken, offset + bytes);
    open.owes = true;
    if (end) {
      open.timer?.cancel();
      this.#credit(open, true);
      streams.delete(stream);
      if (streams.size === 0) this.#open.delete(key);
    } else if (!open.timer) this.#creditAndRest(open);
    return undefined;
  }

  /** The attempt has ended; so have its streams. */
  finish(taskId: string, attempt: number): void {
    const key = `${taskId}#${attempt}`;
    for (const { timer } of this.#open.get(key)?.values() ?? []) timer?.cancel();
    this.#open.delete(key);
  }

  clear(): void {
    for (const streams of this.#open.values())
      for (const { timer } of streams.values()) timer?.cancel();
    this.#open.clear();
  }

  #creditAndRest(open: Open): void {
    if (open.owes) this.#credit(open);
    open.timer = this.#clock.schedule(this.#limits.streamCreditMs, () => {
      delete open.timer;
      if (open.owes) this.#creditAndRest(open);
    });
  }

  #credit(open: Open, ended = false): void {
    const { taskId, attempt, stream, taken } = open;
    open.owes = false;
    open.upTo = taken + this.#limits.streamWindowBytes;
    this.#send({
      type: "stream_credit",
      task_id: taskId,
      attempt,
      stream,
      acknowledged: taken,
      up_to: open.upTo,
      ended,
    });
  }
}
