// The guide to a first blueprint, done as it says: its files in a folder of one's own, and its commands.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runCli } from "../support/cli-process.ts";
import { eventually } from "../support/eventually.ts";

const root = join(import.meta.dirname, "../..");
const guide = readFileSync(join(root, "docs/guides/first-blueprint.md"), "utf8");
const files = [...guide.matchAll(/^.*`my\/([\w/-]+\.ts)`:\n\n```ts\n([\s\S]*?)^```$/gm)];
const commands = [...guide.matchAll(/^(npm (?:start|run -s avtomatika) -- .*)$/gm)].map(
  ([command]) => command,
);

test("its blueprint is sound, and its job ends with what its task handler gives", async () => {
  expect(files.map(([, name]) => name)).toEqual(["hello.ts", "tasks/greet.ts"]);
  expect(commands).toHaveLength(3);
  mkdirSync(join(root, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(root, ".cache/first-steps-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [, name = "", code = ""] of files) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code);
  }
  const [check = [], start = [], job = []] = commands.map((command) =>
    argumentsOf(command).map((word) => word.replace(/^my(?=\/|$)/, relative(root, folder))),
  );
  const env = { DATA_DIR: join(folder, "data") };

  const checked = runCli(check, env);
  expect(await checked.exited, checked.output.stderr).toBe(0);
  expect(checked.output.stdout).toContain("1 blueprint, no errors");

  const server = runCli([...start, "--port", "0"], env);
  try {
    await eventually(() => server.output.stdout.includes("jobs start hello"), {
      timeoutMs: 30_000,
    });
    const ended = runCli([...job, "--json"], env);
    expect(await ended.exited, ended.output.stderr).toBe(0);
    expect(JSON.parse(ended.output.stdout)).toMatchObject({
      current_state: "completed",
      data: { greeting: "Hello Ann" },
    });
  } finally {
    expect(await server.kill("SIGTERM")).toBe(0);
  }
});

/** What a shell makes of one of the commands, without the npm in front. */
function argumentsOf(command: string): readonly string[] {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([word, quoted]) => quoted ?? word);
  const own = words.slice(words.indexOf("--") + 1);
  return words[1] === "start" ? ["dev", ...own] : own;
}
