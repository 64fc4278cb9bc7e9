// A real server process killed with -9, again and again, while a thousand jobs run: nothing acknowledged is lost.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { loadBlueprints } from "../../src/blueprint/load.ts";
import { BlueprintRegistry } from "../../src/blueprint/registry.ts";
import { systemClock } from "../../src/clock.ts";
import { openEmbeddedStore } from "../../src/store/embedded/embedded-store.ts";
import { auditStore } from "../support/audit.ts";
import { freePort, runCli, type CliProcess } from "../support/cli-process.ts";
import { eventually } from "../support/eventually.ts";

const jobsWanted = 1000;
const kills = 10;
const callers = 20;
const tokens = {
  CLIENT_TOKEN: "client-token-of-the-test",
  GLOBAL_WORKER_TOKEN: "worker-token-of-the-test",
};

const running = new Set<CliProcess>();
const directory = mkdtempSync(join(tmpdir(), "avtomatika-crash-"));
afterEach(async () => {
  for (const one of running) await one.kill();
  rmSync(directory, { recursive: true, force: true });
});

test(
  "ten kills with -9 in a thousand jobs lose no acknowledged job and no step",
  { timeout: 240_000 },
  async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const start = (...args: string[]) => {
      const one = runCli(args, {
        ...tokens,
        WORKER_TOKEN: tokens.GLOBAL_WORKER_TOKEN,
        LOG_LEVEL: "error",
      });
      running.add(one);
      return one;
    };
    const serve = async () => {
      const server = start("start", "--port", `${port}`, "--data", directory);
      await eventually(async () => (await fetch(`${url}/_public/status`)).ok, {
        timeoutMs: 20_000,
      });
      return server;
    };
    let server = await serve();
    start("worker", "run", "worker/tasks/echo-task.ts", "--url", url, "--concurrency", "50");

    const acknowledged = new Map<string, string>();
    const headers = {
      authorization: `Bearer ${tokens.CLIENT_TOKEN}`,
      "content-type": "application/json",
    };
    const submitting = Promise.all(
      Array.from({ length: callers }, async (_, caller) => {
        for (let n = caller; n < jobsWanted;) {
          const message = `job ${n}`;
          try {
            const answer = await fetch(`${url}/api/v1/jobs/test`, {
              method: "POST",
              headers: { ...headers, "idempotency-key": message },
              body: JSON.stringify({ message, multiply: 2 }),
            });
            if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`);
            const { job_id } = (await answer.json()) as { job_id: string };
            acknowledged.set(job_id, message);
            n += callers;
          } catch {
            await eventually(async () => (await fetch(`${url}/_public/status`)).ok, {
              timeoutMs: 30_000,
              intervalMs: 20,
            });
          }
        }
      }),
    );
    for (let kill = 1; kill <= kills; kill++) {
      // At a random moment of the next stretch of work.
      const until = Math.floor(((kill - Math.random()) / (kills + 1)) * jobsWanted);
      await eventually(() => acknowledged.size >= until, { timeoutMs: 60_000, intervalMs: 1 });
      expect(await server.kill()).toBe("SIGKILL");
      server = await serve();
    }
    await submitting;
    expect(acknowledged.size).toBe(jobsWanted);
    await eventually(
      async () => {
        const dashboard = await (await fetch(`${url}/api/v1/dashboard`, { headers })).json();
        return (dashboard as { jobs: { finished?: number } }).jobs.finished === jobsWanted;
      },
      { timeoutMs: 120_000, intervalMs: 100 },
    );
    expect(await server.kill("SIGTERM")).toBe(0);

    const blueprints = new BlueprintRegistry();
    for (const { blueprint } of await loadBlueprints("machines")) blueprints.register(blueprint);
    const store = await openEmbeddedStore({ directory, clock: systemClock });
    try {
      const { jobs, violations } = await auditStore(store, blueprints);
      expect(violations).toEqual([]);
      expect([...jobs.keys()].toSorted()).toEqual([...acknowledged.keys()].toSorted());
      expect(await store.countQueues()).toEqual({});
      for (const [jobId, message] of acknowledged) {
        const stored = (await store.loadJob(jobId))!.envelope;
        expect(stored).toContain(`${message} ${message}`);
      }
    } finally {
      await store.close();
    }
  },
);
