// One stream of an attempt: cuts it into chunks, sends them within the server's credit, and again until it has them.
import type { AttemptRef, StreamCredit } from "../src/protocol/worker-frames.ts";
import { chunkBytesMax } from "../src/protocol/worker-limits.ts";

/** What a task handler writes a stream with. */
export interface TaskStream {
  /**
   * Write text or bytes. Resolves when there is room for more: whoever waits for it writes no faster than the server takes
   * it. Rejects where the attempt is cancelled.
   */
  write(data: string | Uint8Array): Promise<void>;
  /** Nothing comes after this. Resolves when the server has all of it. */
  end(): Promise<void>;
}

/** Text is cut so that no piece has more bytes than a chunk may carry, and no character is cut in two. */
const pieceCharsMax = chunkBytesMax / 4;

interface Piece {
  readonly offset: number;
  readonly bytes: number;
  readonly frame: string;
  readonly end: boolean;
}

interface Waiter {
  readonly isOver: () => boolean;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

export interface StreamWriterOptions {
  readonly ref: AttemptRef;
  readonly stream: string;
  /** How many bytes may be on their way. */
  readonly windowBytes: number;
  readonly send: (frame: string) => void;
}

export class StreamWriter implements TaskStream {
  readonly #options: StreamWriterOptions;
  /** What the server has not acknowledged, in order; the first `#sent` of them are on their way. */
  #pieces: Piece[] = [];
  #sent = 0;
  #offset = 0;
  #upTo: number;
  #isEnded = false;
  #aborted: Error | undefined;
  #waiters: Waiter[] = [];

  constructor(options: StreamWriterOptions) {
    this.#options = options;
    this.#upTo = options.windowBytes;
  }

  write(data: string | Uint8Array): Promise<void> {
    if (this.#isEnded) throw new Error(`Stream "${this.#options.stream}" has ended.`);
    for (const piece of typeof data === "string" ? textPieces(data) : bytePieces(data))
      this.#add(piece.data, piece.bytes, piece.encoding, false);
    this.#pump();
    return this.#when(() => this.#sent === this.#pieces.length);
  }

  end(): Promise<void> {
    if (!this.#isEnded) {
      this.#isEnded = true;
      this.#add("", 0, "text", true);
      this.#pump();
    }
    return this.#when(() => this.#pieces.length === 0);
  }

  /** The server has more of it, and takes more. */
  take({ acknowledged, up_to, ended }: StreamCredit): void {
    const isTaken = ({ offset, bytes, end }: Piece): boolean =>
      end ? ended : offset + bytes <= acknowledged;
    while (this.#pieces[0] && isTaken(this.#pieces[0])) {
      this.#pieces.shift();
      this.#sent = Math.max(0, this.#sent - 1);
    }
    this.#upTo = Math.max(this.#upTo, up_to);
    this.#pump();
  }

  /** There is a new connection: everything that is not acknowledged goes over it, within a new window. */
  resume(windowBytes: number): void {
    this.#sent = 0;
    this.#upTo = (this.#pieces[0]?.offset ?? this.#offset) + windowBytes;
    this.#pump();
  }

  /** The attempt is over: nothing is sent any more. */
  abort(reason: Error): void {
    this.#aborted ??= reason;
    this.#pieces = [];
    this.#sent = 0;
    for (const { reject } of this.#waiters.splice(0)) reject(reason);
  }

  #add(data: string, bytes: number, encoding: "text" | "base64", end: boolean): void {
    if (this.#aborted) return;
    const { ref, stream } = this.#options;
    const offset = this.#offset;
    this.#offset += bytes;
    const frame = { type: "chunk", ...ref, stream, offset, data, encoding, ...(end && { end }) };
    this.#pieces.push({ offset, bytes, end, frame: JSON.stringify(frame) });
  }

  #pump(): void {
    for (let next; (next = this.#pieces[this.#sent]) !== undefined; this.#sent++) {
      if (next.offset + next.bytes > this.#upTo) break;
      this.#options.send(next.frame);
    }
    const over = this.#waiters.filter(({ isOver }) => isOver());
    this.#waiters = this.#waiters.filter((waiter) => !over.includes(waiter));
    for (const { resolve } of over) resolve();
  }

  #when(isOver: () => boolean): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      if (this.#aborted) reject(this.#aborted);
      else if (isOver()) resolve();
      else this.#waiters.push({ isOver, resolve, reject });
    });
    // Whoever does not wait for it hears of the end of the attempt by its signal.
    done.catch(() => undefined);
    return done;
  }
}

function* textPieces(text: string) {
  // Half a character can't be sent, and comes out as something else: better here than on the way.
  for (let rest = Buffer.from(text).toString(); rest.length > 0;) {
    let end = Math.min(rest.length, pieceCharsMax);
    if (end < rest.length && isLeading(rest.charCodeAt(end - 1))) end--;
    const data = rest.slice(0, end);
    yield { data, bytes: Buffer.byteLength(data), encoding: "text" as const };
    rest = rest.slice(end);
  }
}

function* bytePieces(bytes: Uint8Array) {
  for (let from = 0; from < bytes.length; from += chunkBytesMax) {
    const piece = Buffer.from(bytes.subarray(from, from + chunkBytesMax));
    yield { data: piece.toString("base64"), bytes: piece.length, encoding: "base64" as const };
  }
}

/** The first half of a character of two. */
function isLeading(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
