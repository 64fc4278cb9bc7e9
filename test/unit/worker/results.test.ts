// Results that a worker keeps on disk: what it is still writing when it closes.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { Results } from "../../../worker/results.ts";
import type { Uplinks } from "../../../worker/uplinks.ts";

test("a result that is still being written when the worker closes stays on disk", async () => {
  const outboxDir = await mkdtemp(join(tmpdir(), "avtomatika-results-"));
  try {
    const results = new Results({
      clock: systemClock,
      random: Math.random,
      log: pino({ level: "silent" }),
      heartbeatMsMax: undefined,
      outboxDir,
      instance: { worker_id: "w", instance_id: "i" },
      uplinks: {
        ownerOf: () => ({ url: "ws://127.0.0.1:1/_worker/ws" }),
        sendEncoded: () => undefined,
      } as unknown as Uplinks,
      connect: () => {
        throw new Error("nothing is left behind by others");
      },
    });
    await results.open();
    results.add({ task_id: "0_j:t", attempt: 1 }, `{"type":"result"}`);
    await results.close();
    const left = await readdir(outboxDir, { recursive: true });
    expect(left.filter((name) => /result-\d+\.json$/.test(name))).toHaveLength(1);
  } finally {
    await rm(outboxDir, { recursive: true, force: true });
  }
});
