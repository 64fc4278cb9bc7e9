// A terminal as far as our drawings need one: what stands on it after they were written.
export class Terminal {
  readonly #columns: number;
  #rows: string[] = [""];
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** Lines without the spaces at their ends, and without empty ones at the end. */
  get lines(): readonly string[] {
    const lines = this.#rows.map((row) => row.trimEnd());
    return lines.slice(0, lines.findLastIndex((line) => line !== "") + 1);
  }

  write(text: string): true {
    for (const [piece, count, command] of text.matchAll(pieces))
      if (command === "A") this.#row = Math.max(0, this.#row - Number(count || 1));
      else if (command === "K") this.#rows[this.#row] = "";
      else if (command === undefined) this.#put(piece);
    return true;
  }

  #put(piece: string): void {
    if (piece === "\r") this.#column = 0;
    else if (piece === "\n") this.#goDown();
    else {
      if (this.#column === this.#columns) this.#goDown();
      const row = this.#rows[this.#row]!.padEnd(this.#column);
      this.#rows[this.#row] = row.slice(0, this.#column) + piece + row.slice(this.#column + 1);
      this.#column += 1;
    }
  }

  #goDown(): void {
    this.#row += 1;
    this.#column = 0;
    this.#rows[this.#row] ??= "";
  }
}

const escape = "\u001b";
/** A command (with its number and letter), or one character. */
const pieces = new RegExp(`${escape}\\[(\\d*)(?:;\\d+)*([A-Za-z])|[^]`, "gu");
