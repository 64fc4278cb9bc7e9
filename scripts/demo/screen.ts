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

const barWidth = 24;
const titleWidth = 16;

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
  const lines = new Map(titles.map((title) => [title, line(title, "", 0)]));
  const draw = (): void => {
    for (const text of lines.values()) terminal.write(`\u001b[2K${text}\n`);
  };
  // A line that is too long would wrap, and the next drawing begin in the wrong place.
  const room = (): number =>
    Math.max(0, (terminal.columns || 80) - titleWidth - barWidth - " 100 %   ".length - 1);
  draw();
  return {
    show(title, text, ratio = 0) {
      lines.set(title, line(title, text.slice(0, room()), ratio));
      terminal.write(`\u001b[${lines.size}A`);
      draw();
    },
  };
}

function line(title: string, text: string, ratio: number): string {
  return `${title.padEnd(titleWidth)}${progressBar(ratio, barWidth)}  ${text}`;
}

function plainScreen(output: Pick<WriteStream, "write">): Screen {
  const last = new Map<string, string>();
  return {
    show(title, text, ratio) {
      const percent = ratio === undefined ? "" : ` ${Math.round(ratio * 100)} %`;
      const said = `${title.padEnd(titleWidth)}${text}${percent}\n`;
      if (last.get(title) !== said) output.write(said);
      last.set(title, said);
    },
  };
}
