// How busy a worker is: said with its heartbeats, and told to those who look at workers. Real sockets, virtual time.
import { afterEach, beforeEach, expect, test } from "vitest";
import { workerAnswer } from "../../../src/http/job-answer.ts";
import { echoFlow } from "../../support/sample-blueprints.ts";
import { eventually } from "../../support/eventually.ts";
import { openWire, type Wire } from "../../support/wire-world.ts";

let wire: Wire;
beforeEach(async () => {
  wire = await openWire([echoFlow]);
});
afterEach(() => wire.close());

test("a worker's heartbeats say how busy it is, and its server tells it", async () => {
  await wire
    .make()
    .task("echo", () => ({}))
    .start();
  expect(wire.runtime.workers.list()[0]).not.toHaveProperty("usage");
  await eventually(async () => {
    await wire.workerClock.advance(1_000);
    return wire.runtime.workers.list()[0]?.usage !== undefined;
  });
  const [worker] = wire.runtime.workers.list();
  const { cpu, memoryBytes, loopLagMs } = worker!.usage!;
  expect(cpu).toBeGreaterThanOrEqual(0);
  expect(cpu).toBeLessThanOrEqual(1);
  expect(memoryBytes).toBeGreaterThan(10 * 1024 * 1024);
  expect(loopLagMs).toBeGreaterThanOrEqual(0);
  expect(workerAnswer(worker!, "n1").usage).toEqual({
    cpu,
    memory_bytes: memoryBytes,
    loop_lag_ms: loopLagMs,
  });
});

test("the latest heartbeat that says it counts, and what it leaves out is not known", async () => {
  const { peer } = await wire.welcomed();
  const beat = async (more: object) => {
    peer.send({ type: "heartbeat", running: [], ...more });
    await peer.next("heartbeat_ack");
    return wire.runtime.workers.list()[0]!.usage;
  };
  expect(await beat({})).toBeUndefined();
  expect(await beat({ load: { cpu: 0.5, memory_bytes: 7 } })).toEqual({ cpu: 0.5, memoryBytes: 7 });
  expect(await beat({})).toEqual({ cpu: 0.5, memoryBytes: 7 });
  expect(await beat({ load: { loop_lag_ms: 9.5 } })).toEqual({ loopLagMs: 9.5 });
});
