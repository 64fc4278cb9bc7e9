// The demo as its user runs it: it does what it says, and leaves no process, port or lock behind however it ends.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { openEmbeddedStore } from "../../src/store/embedded/embedded-store.ts";
import { eventually } from "../support/eventually.ts";
import { processesWith } from "../support/processes.ts";

const root = join(import.meta.dirname, "../..");

const elsewhere = { REDIS_URL: "redis://127.0.0.1:1", WORKERS_CONFIG_PATH: "/nowhere.toml" };

let directory: string;
let demo: ChildProcess;
let output: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "avtomatika-demo-"));
});
afterEach(async () => {
  if (demo.exitCode === null && demo.signalCode === null) demo.kill("SIGKILL");
  await eventually(() => processesWith(directory).length === 0, { timeoutMs: 20_000 });
  rmSync(directory, { recursive: true, force: true });
});

function start(...args: string[]): void {
  const program = ["--import", "tsx", "--conditions=source", join(root, "scripts/demo.ts")];
  demo = spawn(process.execPath, [...program, "--data", directory, ...args], {
    cwd: root,
    // What servers around are set to is nothing to the demo.
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...elsewhere },
    stdio: ["ignore", "pipe", "pipe"],
  });
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
  await leavesNothing();
});

test("it stays up with the console until it is told to end", async () => {
  start();
  await says("Ctrl-C ends the demo.");
  const page = /The console: (\S+)#token=/.exec(output)![1]!;
  expect((await fetch(page)).headers.get("content-type")).toContain("text/html");
  demo.kill("SIGINT");
  expect(await ended()).toBe(0);
  await leavesNothing();
});

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
