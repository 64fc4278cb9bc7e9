// The demo as its user runs it: it does what it says, and leaves no process, port or lock behind however it ends.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient } from "../../src/client/client.ts";
import { systemClock } from "../../src/clock.ts";
import { openEmbeddedStore } from "../../src/store/embedded/embedded-store.ts";
import { browserPath, startBrowser } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import { processesWith } from "../support/processes.ts";
import { Terminal } from "../support/terminal.ts";

/** Gives a program a terminal; part of util-linux. */
const hasScript = spawnSync("script", ["--version"]).status === 0;

const root = join(import.meta.dirname, "../..");

/** What servers and workers around are set to, in the environment and in a file where the demo is run: nothing to the demo. */
const elsewhere = {
  REDIS_URL: "redis://127.0.0.1:1",
  WORKERS_CONFIG_PATH: "/nowhere.toml",
  HISTORY_DATABASE_URI: "sqlite:/nowhere/archive.db",
  NODE_ENV: "production",
  ORCHESTRATORS_CONFIG: '[{"url":"http://127.0.0.1:1"}]',
  MAX_CONCURRENT_TASKS: "many",
};
const envFile = { ...elsewhere, API_PORT: "1", CLIENT_TOKEN: "short", LOG_FORMAT: "odd" };

/** The directory of the demo's data, beside which lies the file. */
let directory: string;
let around: string;
let demo: ChildProcess;
let output: string;
beforeEach(() => {
  around = mkdtempSync(join(tmpdir(), "avtomatika-demo-"));
  directory = join(around, "data");
  const lines = Object.entries(envFile).map(([name, value]) => `${name}='${value}'\n`);
  writeFileSync(join(around, ".env"), lines.join(""));
});
afterEach(async () => {
  if (demo.exitCode === null && demo.signalCode === null) demo.kill("SIGKILL");
  await eventually(() => processesWith(directory).length === 0, { timeoutMs: 20_000 });
  rmSync(around, { recursive: true, force: true });
});

/** Wherever it is run. */
const program = [
  `--import=${import.meta.resolve("tsx")}`,
  "--conditions=source",
  join(root, "scripts/demo.ts"),
];
const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], ...elsewhere };

function start(...args: string[]): void {
  run(process.execPath, [...program, "--data", directory, ...args]);
}

function run(command: string, args: readonly string[]): void {
  demo = spawn(command, args, { cwd: around, env, stdio: ["ignore", "pipe", "pipe"] });
  output = "";
  for (const stream of [demo.stdout!, demo.stderr!])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
}
const ended = async (): Promise<unknown> => (await once(demo, "close"))[0] as unknown;
const says = (text: string): Promise<true> =>
  eventually(() => output.includes(text), { timeoutMs: 60_000 });

/** Neither a process nor a port nor a lock of the demo is there any more. */
async function leavesNothing(): Promise<void> {
  expect(processesWith(directory)).toEqual([]);
  const url = /Server +(\S+)/.exec(output)?.[1];
  if (url !== undefined) {
    expect(processesWith(url)).toEqual([]);
    await expect(fetch(url)).rejects.toThrow();
  }
  const store = await openEmbeddedStore({ directory, clock: systemClock });
  await store.close();
}

test("--once runs every job to the end that it should have, and leaves nothing", async () => {
  start("--once");
  expect(await ended(), output).toBe(0);
  for (const state of ["completed (finished)", "paid (finished)", "sending APPROVE"])
    expect(output).toContain(state);
  expect(output).toContain('"processed_message": "Hello World Hello World Hello World"');
  expect(output).toContain("All 4 jobs ended as they should.");
  // Not a terminal, so nothing is drawn.
  for (const drawn of ["█", "\u001b"]) expect(output).not.toContain(drawn);
  expect(output).toMatch(/^image pipeline +\S+ .*\d %$/m);
  await leavesNothing();
});

test.skipIf(!hasScript)(
  `on a terminal each job has a bar of its own (skipped where there is no \`script\`)`,
  async () => {
    const quoted = [process.execPath, ...program, "--data", directory, "--once"]
      .map((arg) => `'${arg}'`)
      .join(" ");
    run("script", ["--quiet", "--return", "--command", quoted, "/dev/null"]);
    expect(await ended(), output).toBe(0);
    const terminal = new Terminal(80);
    terminal.write(output.slice(0, output.indexOf("\r\n{")));
    const bars = terminal.lines.filter((line) => /[█░]/.test(line));
    expect(bars.map((line) => line.replaceAll(/ +/g, " "))).toEqual([
      `echo ${"█".repeat(24)} 100 % completed (finished)`,
      `text processing ${"█".repeat(24)} 100 % completed (finished)`,
      `image pipeline ${"█".repeat(24)} 100 % completed (finished)`,
      `order approval ${"█".repeat(24)} 100 % paid (finished)`,
    ]);
    // They moved on their way there.
    expect(output).toContain("░");
    await leavesNothing();
  },
);

test("it stays up with the console until it is told to end", async () => {
  start();
  await says("Ctrl-C ends the demo.");
  const [, address = "", token = ""] = /The console: (\S+)#token=(\S+)/.exec(output)!;
  await isConsole(address);
  expect(await jobsListed(address, token)).toBe(4);
  await expect(jobsListed(address, `${token}x`)).rejects.toThrow("Invalid token");
  if (browserPath) await signsIn(`${address}#token=${token}`);
  demo.kill("SIGINT");
  expect(await ended()).toBe(0);
  await leavesNothing();
});

/** The page comes with a script and a style, and both are served as such. */
async function isConsole(address: string): Promise<void> {
  const page = await fetch(address);
  expect(page.headers.get("content-type")).toContain("text/html");
  const html = await page.text();
  const script = /<script type="module"[^>]* src="([^"]+)"/.exec(html)?.[1];
  const style = /<link rel="stylesheet"[^>]* href="([^"]+)"/.exec(html)?.[1];
  for (const [path, type] of [
    [script, "text/javascript"],
    [style, "text/css"],
  ] as const) {
    const file = await fetch(new URL(path!, address));
    expect({ status: file.status, type: file.headers.get("content-type") }).toEqual({
      status: 200,
      type: `${type}; charset=utf-8`,
    });
    expect((await file.text()).length).toBeGreaterThan(1000);
  }
}

async function jobsListed(address: string, token: string): Promise<number> {
  const client = createClient({ url: new URL(address).origin, token });
  return (await client.list()).jobs.length;
}

/** The address that was shown opens the list of jobs, and asks for nothing. */
async function signsIn(address: string): Promise<void> {
  const browser = await startBrowser(browserPath!);
  try {
    const { page, errors } = await browser.open();
    await page.goto(address);
    await page.locator("table").getByText("order_approval").first().waitFor();
    expect(await page.getByLabel("Client token").count()).toBe(0);
    expect(page.url()).not.toContain("token");
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
}

test("it takes another port where its own is in use", async () => {
  const taken = createServer().listen(8080, "127.0.0.1");
  // Somebody else may have it already; then it is in use just the same.
  await new Promise((resolve) => taken.once("listening", resolve).once("error", resolve));
  start("--once");
  expect(await ended(), output).toBe(0);
  taken.close();
  expect(output).toContain("Port 8080 is in use");
  expect(output).toMatch(/Server +http:\/\/127\.0\.0\.1:(?!8080)/);
});

describe("ended before its jobs are, it says so and leaves nothing:", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("by %s while the processes start", async (signal) => {
    start("--once");
    await eventually(() => processesWith(directory).length > 1, { timeoutMs: 20_000 });
    demo.kill(signal);
    expect(await ended()).toBe(1);
    await leavesNothing();
  });

  test("by SIGTERM while jobs run", async () => {
    start("--once");
    await says("reserving");
    demo.kill("SIGTERM");
    expect(await ended()).toBe(1);
    expect(output).toContain("it did not end");
    await leavesNothing();
  });

  test("by SIGKILL, which lets nobody clean up", async () => {
    start();
    await says("reserving");
    demo.kill("SIGKILL");
    await ended();
    const url = /Server +(\S+)/.exec(output)![1]!;
    await eventually(() => processesWith(directory).length + processesWith(url).length === 0, {
      timeoutMs: 20_000,
    });
    await leavesNothing();
  });
});

test.each([
  ["--nope", "Unknown option '--nope'"],
  ["extra", "Unexpected argument 'extra'"],
])(
  "%s, which it does not know, ends it with 2 and one line that names its flags",
  async (flag, why) => {
    start(flag);
    expect(await ended()).toBe(2);
    expect(output).toMatch(new RegExp(`^${why}.*\\. The demo knows --once and --data\\.\\n$`));
  },
);

test("a data directory in use ends it with an error that says so", async () => {
  const store = await openEmbeddedStore({ directory, clock: systemClock });
  try {
    start("--once");
    expect(await ended()).toBe(1);
    expect(output).toContain("Another server holds the data directory");
  } finally {
    await store.close();
  }
  await leavesNothing();
});
