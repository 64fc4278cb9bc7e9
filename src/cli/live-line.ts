// The last line of a terminal, written again and again while something is under way.
import type { WriteStream } from "node:tty";
import { stripVTControlCharacters } from "node:util";

const columnsUnknown = 80;

export class LiveLine {
  readonly #terminal: Pick<WriteStream, "write" | "columns">;
  #shown = false;

  constructor(terminal: Pick<WriteStream, "write" | "columns">) {
    this.#terminal = terminal;
  }

  /** Replace what is shown. What does not fit into the line is left out, colours with it. */
  show(text: string): void {
    const room = (this.#terminal.columns || columnsUnknown) - 1;
    const plain = Array.from(stripVTControlCharacters(text));
    const fitting = plain.length <= room ? text : `${plain.slice(0, room - 1).join("")}…`;
    this.#terminal.write(`\r\u001b[2K${fitting}`);
    this.#shown = true;
  }

  /** Leave an empty line, for other output. */
  clear(): void {
    if (this.#shown) this.#terminal.write("\r\u001b[2K");
    this.#shown = false;
  }
}
