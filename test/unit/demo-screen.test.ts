// The lines of the demo: bars that are drawn in place on a terminal, plain lines elsewhere.
import { describe, expect, test } from "vitest";
import { createScreen } from "../../scripts/demo/screen.ts";
import { Terminal } from "../support/terminal.ts";

const titles = ["echo", "image pipeline"];
const bar = (full: number, width = 24) => "█".repeat(full) + "░".repeat(width - full);

function live(columns: number) {
  const terminal = new Terminal(columns);
  const write = (text: string): true => terminal.write(text);
  return { terminal, screen: createScreen({ isTTY: true, columns, write } as never, titles) };
}

describe("on a terminal", () => {
  test("each job has one line, which is drawn in place", () => {
    const { terminal, screen } = live(80);
    expect(terminal.lines).toEqual([
      `echo            ${bar(0)}   0 %`,
      `image pipeline  ${bar(0)}   0 %`,
    ]);
    screen.show("image pipeline", "render_image  writing small.webp", 0.5);
    screen.show("echo", "init (running)");
    screen.show("image pipeline", "completed (finished)", 1);
    expect(terminal.lines).toEqual([
      `echo            ${bar(0)}   0 %  init (running)`,
      `image pipeline  ${bar(24)} 100 %  completed (finished)`,
    ]);
  });

  test.each([40, 50, 120])("no line wraps at %i columns, however long its text is", (columns) => {
    const { terminal, screen } = live(columns);
    for (const ratio of [0, 0.3, 1]) screen.show("echo", "a long text ".repeat(20), ratio);
    expect(terminal.lines).toHaveLength(2);
    expect(terminal.lines[0]).toMatch(/^echo +█+ 100 %/);
    expect(terminal.lines[1]).toMatch(/^image pipeline +░+ {3}0 %$/);
  });
});

test("elsewhere there is a line for each change, without bars and commands", () => {
  let text = "";
  const write = (piece: string): true => ((text += piece), true);
  const screen = createScreen({ isTTY: false, columns: 0, write } as never, titles);
  screen.show("echo", "init (running)");
  screen.show("echo", "init (running)");
  screen.show("image pipeline", "render_image", 0.255);
  screen.show("echo", "completed (finished)", 1);
  expect(text).toBe(
    [
      "echo            init (running)",
      "image pipeline  render_image 26 %",
      "echo            completed (finished) 100 %",
      "",
    ].join("\n"),
  );
});
