// What a worker process left behind that has ended, delivered in its name by another one over a real connection.
import { pino } from "pino";
import { expect, test } from "vitest";
import { workerPath } from "../../../src/protocol/worker-frames.ts";
import { refsPerFrameMax } from "../../../src/protocol/worker-limits.ts";
import { connect } from "../../../worker/connection.ts";
import { Courier } from "../../../worker/courier.ts";
import type { Leftover } from "../../../worker/outbox-folder.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { openGateway, token } from "../gateway/gateway-world.ts";

test("four thousand results keep their leases by heartbeats of as many pages as they take, until they are delivered", async () => {
  const server = await openGateway();
  const clock = new FakeClock();
  const url = `${server.url.replace("http", "ws")}${workerPath}`;
  const leftovers = Array.from({ length: 4_000 }, (_, n): Leftover => {
    const ref = { task_id: `t${n}`, attempt: 1 };
    const result = { type: "result", ...ref, outcome: "ok", output: n };
    return { url, ref, frame: JSON.stringify(result), path: `/result-${n}.json` };
  });
  const ids = leftovers.map(({ ref }) => ref.task_id);
  let settle = () => {};
  const settled = new Promise<void>((resolve) => (settle = resolve));
  server.workers.onResult = async () => {
    await settled;
    return { status: "applied" };
  };
  const delivered: string[] = [];
  const courier = new Courier({
    url,
    token,
    clock,
    random: () => 0,
    heartbeatMsMax: undefined,
    log: pino({ level: "silent" }),
    instance: { worker_id: "w1", instance_id: "i1" },
    leftovers,
    connect,
    onDelivered: ({ ref }) => void delivered.push(ref.task_id),
  });
  await eventually(() => server.workers.results.length >= ids.length);
  expect(server.workers.introductions[0]!.outbox.map(({ taskId }) => taskId)).toEqual(ids);

  await clock.advance(10_000);
  const beats = () => server.workers.calls.filter((call) => call.startsWith("heartbeat "));
  const pages = Math.ceil(ids.length / refsPerFrameMax);
  await eventually(() => beats().length >= pages);
  const said = beats().map((call) => call.slice("heartbeat ".length).split(","));
  expect(said.map(({ length }) => length)).toEqual([1_500, 1_500, 1_000]);
  expect(said.flat()).toEqual(ids);

  settle();
  expect(await courier.ended).toBe(true);
  expect(delivered.toSorted()).toEqual(ids.toSorted());
  await server.close();
});
