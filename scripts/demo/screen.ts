// One line for each job: redrawn in place on a terminal, else printed whenever it changes.
import type { WriteStream } from "node:tty";
import { progressBar } from "../../src/cli/job-text.ts";

export interface Screen {
  /**
   * Say where a job is.
   *
   * @param ratio How far what it is doing now has come, 0 to 1, where that is known.
   */
  show(title: string, text: string, ratio?: number): void;
}

/** How far a job is. */
export interface Standing {
  readonly text: string;
  readonly ratio?: number;
}

const barWidth = 24;
const titleWidth = 16;
const percentWidth = " 100 %".length;

/** @param titles The jobs, in the order of their lines. */
export function createScreen(
  output: Pick<WriteStream, "isTTY" | "write" | "columns">,
  titles: readonly string[],
): Screen {
  return output.isTTY ? liveScreen(output, titles) : plainScreen(output);
}

function liveScreen(
  terminal: Pick<WriteStream, "write" | "columns">,
  titles: readonly string[],
): Screen {
  const standings = new Map<string, Standing>(titles.map((title) => [title, { text: "" }]));
  const drawn = (): string => drawing(standings, terminal.columns || 80);
  terminal.write(drawn());
  return {
    show(title, text, ratio = 0) {
      standings.set(title, { text, ratio });
      terminal.write(`\u001b[${standings.size}A${drawn()}`);
    },
  };
}

/** A line for each job, over whatever stands there. One that is too long would wrap, and the next drawing begin in the wrong place. */
export function drawing(standings: ReadonlyMap<string, Standing>, columns: number): string {
  const width = Math.min(barWidth, Math.max(0, columns - titleWidth - percentWidth - 1));
  const room = Math.max(0, columns - titleWidth - width - percentWidth - "  ".length - 1);
  return [...standings]
    .map(([title, { text, ratio = 0 }]) => {
      const bar = progressBar(ratio, width);
      return `\u001b[2K${title.padEnd(titleWidth)}${bar}  ${text.slice(0, room)}`.trimEnd();
    })
    .map((line) => `${line}\n`)
    .join("");
}

function plainScreen(output: Pick<WriteStream, "write">): Screen {
  const last = new Map<string, string>();
  return {
    show(title, text, ratio) {
      const said = plainLine(title, { text, ...(ratio !== undefined && { ratio }) });
      if (last.get(title) !== said) output.write(said);
      last.set(title, said);
    },
  };
}

/** The same for a file or a pipe: nothing but text. */
export function plainLine(title: string, { text, ratio }: Standing): string {
  const percent = ratio === undefined ? "" : ` ${Math.round(ratio * 100)} %`;
  return `${title.padEnd(titleWidth)}${text}${percent}\n`;
}
