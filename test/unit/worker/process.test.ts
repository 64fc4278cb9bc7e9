// A worker as a process of its own: configured by the environment, ended by signals.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { openGateway, token } from "../gateway/gateway-world.ts";
import { leasedTask } from "../gateway/recording-workers.ts";

let server: Awaited<ReturnType<typeof openGateway>>;
let child: ChildProcess;
let exited: Promise<unknown[]>;
let output: string;
beforeEach(async () => {
  server = await openGateway();
  const here = import.meta.dirname;
  const command = [join(here, "../../../src/cli/main.ts"), "worker", "run"];
  const args = ["--import", "tsx", "--conditions=source", ...command, join(here, "slow-tasks.ts")];
  child = spawn(process.execPath, args, {
    env: {
      PATH: process.env["PATH"],
      ORCHESTRATOR_URL: server.url,
      WORKER_TOKEN: token,
      WORKER_ID: "p1",
    },
    stdio: "pipe",
  });
  exited = once(child, "exit");
  output = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await eventually(() => server.workers.sessions.length === 1, { timeoutMs: 9_000 });
});
afterEach(async () => {
  child.kill("SIGKILL");
  await exited;
  await server.close();
});

/** Have the process run a task for a time. */
async function runs(ms: number, type = "slow"): Promise<void> {
  server.workers.session.push(leasedTask("t1", { type, params: { ms } }), 45_000);
  await eventually(() => server.workers.reports.length === 1);
}

test("SIGTERM lets what runs finish, says goodbye, and ends the process with 0", async () => {
  await runs(300);
  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
  expect(server.workers.results).toMatchObject([{ outcome: { output: { done: true } } }]);
  expect(server.workers.calls).toContain("drain p1:" + server.workers.session.holder.slice(3));
  await eventually(() => server.workers.calls.some((call) => call.startsWith("disconnect")));
  expect(output).not.toContain(token);
});

test("a second signal gives back what runs", async () => {
  await runs(2_000);
  child.kill("SIGTERM");
  await eventually(() => server.workers.calls.some((call) => call.startsWith("drain")));
  child.kill("SIGINT");
  await eventually(() => server.workers.calls.includes("release t1#1 0"));
  expect(await exited).toEqual([0, null]);
  expect(server.workers.results).toEqual([]);
});

test("what a handler has left running does not keep the process", async () => {
  await runs(1, "lingering");
  await eventually(() => server.workers.results.length === 1);
  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
});
