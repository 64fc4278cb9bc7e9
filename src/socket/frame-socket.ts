// One accepted WebSocket that speaks frames: batches what goes out, parses what comes in, notices silence and slow readers.
import type { RawData, WebSocket } from "ws";
import type { Clock, TimerHandle } from "../clock.ts";
import type { ErrorCode } from "../errors.ts";
import { joinFrames, type Decoded } from "../protocol/message.ts";
import { closeCodes } from "../protocol/worker-frames.ts";

export interface FrameSocketLimits {
  /** A peer that leaves more than this unread is slow: it gets no more tasks until it has caught up. */
  readonly bufferedBytesMax: number;
  /** How long a peer may stay slow. */
  readonly slowConsumerMs: number;
  /** How long the peer may take to answer a close. */
  readonly closeMs: number;
}

export interface FrameSocketHandlers<Frame> {
  /** Read a message: its frames in order, each parsed or with what is wrong with it. */
  decode(text: string): Iterable<Decoded<Frame>>;
  onFrame(frame: Frame): void;
  /** The peer reads too slowly, or has caught up. */
  onSlow(slow: boolean): void;
  /** No frame comes after this. Called once, when either side begins to close or the connection breaks. */
  onEnd(code: number, reason: string): void;
}

/** @typeParam Frame what the peer says */
export class FrameSocket<Frame> {
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #limits: FrameSocketLimits;
  readonly #handlers: FrameSocketHandlers<Frame>;
  #outgoing: string[] = [];
  #ended = false;
  /** Ticks of the watch since anything was heard. Ticks rather than time: after a pause of this process only one is due. */
  #silentTicks = 0;
  #watch: TimerHandle | undefined;
  #slow: TimerHandle | undefined;

  constructor(
    socket: WebSocket,
    clock: Clock,
    limits: FrameSocketLimits,
    handlers: FrameSocketHandlers<Frame>,
  ) {
    this.#socket = socket;
    this.#clock = clock;
    this.#limits = limits;
    this.#handlers = handlers;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    socket.on("ping", () => this.#heard());
    socket.on("pong", () => this.#heard());
    // A frame that breaks the WebSocket protocol or its limits: ws answers with 1002, 1007 or 1009 itself.
    socket.on("error", () => undefined);
    socket.once("close", (code, reason) => this.#end(code, reason.toString()));
  }

  /** Send a frame, together with all others of this turn of the event loop. */
  send(frame: object): void {
    this.sendEncoded(JSON.stringify(frame));
  }

  /** As `send`, for a frame that is JSON already. */
  sendEncoded(frame: string): void {
    if (this.#ended) return;
    if (this.#outgoing.push(frame) === 1) setImmediate(() => this.#flush());
  }

  /** Close because the peer broke the protocol, and say how. */
  fail(code: ErrorCode, message: string): void {
    this.send({ type: "error", code, message, fatal: true });
    this.close(closeCodes.protocol, code);
  }

  /** Send what is pending, then close. A peer that does not answer the close is cut off. */
  close(code: number, reason: string): void {
    if (this.#ended) return;
    this.#flush();
    this.#end(code, reason);
    this.#socket.close(code, reason);
    const cutOff = this.#clock.schedule(this.#limits.closeMs, () => this.#socket.terminate());
    this.#socket.once("close", () => cutOff.cancel());
  }

  /** From now on ping the peer at every interval, and close once it has been silent for `missedMax` of them. */
  watch(intervalMs: number, missedMax: number): void {
    this.#watch = this.#clock.schedule(intervalMs, () => {
      if (++this.#silentTicks >= missedMax) {
        this.close(closeCodes.unresponsive, "nothing heard for too long");
        return;
      }
      this.#socket.ping();
      this.watch(intervalMs, missedMax);
    });
  }

  #heard(): void {
    this.#silentTicks = 0;
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#ended) return;
    this.#heard();
    if (isBinary) {
      this.fail("protocol.frame_invalid", "Frames are text messages, not binary ones.");
      return;
    }
    // ws gives one Buffer unless it is told otherwise.
    for (const { frame, problem } of this.#handlers.decode((data as Buffer).toString())) {
      if (this.#ended) return;
      if (problem) this.fail(problem.code, problem.message);
      else this.#handlers.onFrame(frame as Frame);
    }
  }

  #flush(): void {
    const frames = this.#outgoing;
    if (frames.length === 0 || this.#ended) return;
    this.#outgoing = [];
    for (const message of joinFrames(frames)) this.#socket.send(message, this.#afterWrite);
    if (this.#slow === undefined && this.#socket.bufferedAmount > this.#limits.bufferedBytesMax) {
      this.#slow = this.#clock.schedule(this.#limits.slowConsumerMs, () =>
        this.close(closeCodes.slow_consumer, "too much was left unread for too long"),
      );
      this.#handlers.onSlow(true);
    }
  }

  readonly #afterWrite = (): void => {
    if (this.#slow === undefined || this.#ended) return;
    if (this.#socket.bufferedAmount > this.#limits.bufferedBytesMax / 2) return;
    this.#slow.cancel();
    this.#slow = undefined;
    this.#handlers.onSlow(false);
  };

  #end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#outgoing = [];
    this.#watch?.cancel();
    this.#slow?.cancel();
    this.#handlers.onEnd(code, reason);
  }
}
