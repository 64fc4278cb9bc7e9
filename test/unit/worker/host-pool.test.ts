// The threads and processes of handlers: one that has been told to end is given nothing more to do.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock, type Clock } from "../../../src/clock.ts";
import { HostPool, type Place } from "../../../worker/host-pool.ts";
import type { TaskContext } from "../../../worker/task.ts";

const log = pino({ level: "silent" });
const module = join(import.meta.dirname, "isolated-tasks.ts");

// Hosts are started as this process was, which was not started to run TypeScript by itself.
const { execArgv } = process;
beforeAll(() => (process.execArgv = ["--import", "tsx", "--conditions=source"]));
afterAll(() => (process.execArgv = execArgv));

test.each(["thread", "process"] as const)(
  "a %s that is being killed when its handler answers after all is not used again",
  async (isolation) => {
    const folder = await mkdtemp(join(tmpdir(), "avtomatika-hosts-"));
    // Time goes by when this test says so, and at once.
    const due: (() => void)[] = [];
    const clock: Clock = {
      ...systemClock,
      schedule(_, run) {
        due.push(run);
        return { cancel: () => due.splice(due.indexOf(run), 1) };
      },
    };
    const pool = new HostPool({ clock, log });
    try {
      const path = join(folder, "answered");
      const place = (type: string): Place => ({
        isolation,
        module,
        type,
        memoryLimitMb: undefined,
        killAfterMs: 200,
      });
      const controller = new AbortController();
      let started!: () => void;
      const running = new Promise<void>((resolve) => (started = resolve));
      const context = (params: unknown, signal: AbortSignal): TaskContext =>
        ({ params, signal, log, progress: () => started() }) as unknown as TaskContext;
      const first = pool.run(place("late"), context({ path }, controller.signal));
      await running;
      controller.abort(new Error("not wanted"));
      // Its answer is on its way, but this thread reads nothing before the time is over.
      while (!existsSync(path));
      for (const run of due.splice(0)) run();
      const { pid } = (await first) as { pid: number };
      const second = await pool.run(place("where"), context({}, new AbortController().signal));
      if (isolation === "process") expect(second).not.toMatchObject({ pid });
      else expect(second).toHaveProperty("threadId");
    } finally {
      pool.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
);
