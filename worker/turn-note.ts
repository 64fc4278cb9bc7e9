// What the worker's main thread has begun in the present turn of its event loop, in memory that its sockets' thread reads.
//
// A task handler may begin and compute for minutes before the turn ends, and only then are frames passed on. To pass each on at
// once would wake the other thread for every task; a note costs a copy of a hundred bytes, and is nearly always in vain.

/** About a hundred and fifty attempts. */
const bytesMax = 16 * 1024;

export class TurnNote {
  readonly memory: SharedArrayBuffer;
  /** The number of the turn, and how many bytes are noted in it. */
  readonly #head: Int32Array;
  readonly #body: Buffer;
  /** As the writer knows it. */
  #length = 0;

  constructor(memory = new SharedArrayBuffer(8 + bytesMax)) {
    this.memory = memory;
    this.#head = new Int32Array(memory, 0, 2);
    this.#body = Buffer.from(memory, 8);
  }

  /** Note an attempt, as `refText` writes it. @returns whether there was room */
  add(ref: string): boolean {
    const text = this.#length === 0 ? ref : `\n${ref}`;
    // A character takes at most three bytes.
    if (this.#length + 3 * text.length > bytesMax) return false;
    this.#length += this.#body.write(text, this.#length);
    Atomics.store(this.#head, 1, this.#length);
    return true;
  }

  /** The turn is over, or has passed on what it began. */
  clear(): void {
    if (this.#length === 0) return;
    this.#length = 0;
    Atomics.store(this.#head, 1, 0);
    Atomics.add(this.#head, 0, 1);
  }

  /** What is noted, if anything, and in which turn. For the other thread, at any time. */
  read(): { readonly turn: number; readonly refs: readonly string[] } | undefined {
    const turn = Atomics.load(this.#head, 0);
    const text = this.#body.toString("utf8", 0, Atomics.load(this.#head, 1));
    // Within a turn there are only additions, so that what was read is whole.
    if (text === "" || Atomics.load(this.#head, 0) !== turn) return undefined;
    return { turn, refs: text.split("\n") };
  }
}
