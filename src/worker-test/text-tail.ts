// The last lines of a text that goes on and on.
import { Writable } from "node:stream";

/** The most characters of one line that are kept. */
const lineCharsMax = 2_000;

export class TextTail extends Writable {
  readonly #linesMax: number;
  readonly #lines: string[] = [];
  #unfinished = "";

  constructor(linesMax: number) {
    super();
    this.#linesMax = linesMax;
  }

  override _write(chunk: Buffer | string, _encoding: string, done: () => void): void {
    const lines = `${this.#unfinished}${chunk.toString()}`.split("\n");
    this.#unfinished = lines.pop()!.slice(0, lineCharsMax);
    for (const line of lines) this.#lines.push(line.slice(0, lineCharsMax));
    this.#lines.splice(0, Math.max(0, this.#lines.length - this.#linesMax));
    done();
  }

  /** The last of them, oldest first. */
  lines(most: number = this.#linesMax): readonly string[] {
    const all = this.#unfinished === "" ? this.#lines : [...this.#lines, this.#unfinished];
    return all.slice(-most);
  }
}
