// Workers that hold more than one frame can say, and versions that both sides speak.
import { afterEach, beforeEach, expect, test } from "vitest";
import { commonVersion } from "../../../src/gateway/gateway.ts";
import { eventually } from "../../support/eventually.ts";
import { openWorkerWorld, type WorkerWorld } from "../worker/worker-world.ts";
import { openGateway, plainHello } from "./gateway-world.ts";

let world: WorkerWorld;
beforeEach(async () => {
  world = await openWorkerWorld();
});
afterEach(() => world.close());

test("a worker with four thousand attempts comes back with all of them, and goes on with those that are kept", async () => {
  const ids = Array.from({ length: 4_000 }, (_, n) => `t${n}`);
  const stops = new Set<string>();
  const worker = world.make({ maxConcurrentTasks: 5_000 }).task("echo", ({ taskId, signal }) => {
    return new Promise((resolve) =>
      signal.addEventListener("abort", () => {
        stops.add(taskId);
        resolve(undefined);
      }),
    );
  });
  await worker.start();
  for (const id of ids) world.push(id);
  await eventually(() => world.calls("accept") === ids.length);
  world.runtime.onConnect = async () => ({
    keep: ids.slice(0, 2_000).map((taskId) => ({ taskId, attempt: 1 })),
    drop: ids.slice(2_000).map((taskId) => ({ taskId, attempt: 1, reason: "fenced" as const })),
    want: [],
  });
  world.server.drop();
  await world.whileTimePasses(() => world.calls("connect") === 2);
  expect(world.runtime.introductions[1]!.running.map(({ taskId }) => taskId)).toEqual(ids);
  await eventually(() => stops.size === 2_000);
  expect(stops).toEqual(new Set(ids.slice(2_000)));
  await world.clock.advance(10_000);
  const beats = () => world.runtime.calls.filter((call) => call.startsWith("heartbeat "));
  await eventually(() => beats().length === 2);
  expect(beats().flatMap((call) => call.slice(10).split(","))).toEqual(ids.slice(0, 2_000));
});

test("a hello whose next page is another frame is a breach of the protocol", async () => {
  const server = await openGateway();
  const peer = await server.connect();
  peer.send({ ...plainHello, more: true });
  peer.send({ type: "drain" });
  expect(await peer.next("error")).toMatchObject({ code: "protocol.frame_unexpected" });
  expect((await peer.closed).code).toBe(4010);
  expect(server.workers.calls).toEqual([]);
  await server.close();
});

test.each([
  [[1], [1], 1],
  [[1, 2, 3], [1, 2], 2],
  [[2, 1], [1, 2, 4], 2],
  [[3], [1, 2], undefined],
])("of %j and %j the version is %j", (offered, spoken, version) =>
  expect(commonVersion(offered, spoken)).toBe(version),
);
