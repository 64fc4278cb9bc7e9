// What a worker process left behind that has ended, delivered in its name by another one over a real connection.
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { WorkerTokens } from "../../../src/gateway/worker-tokens.ts";
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

describe("a delivery that is refused", () => {
  /** A server that does not know the token with which a result of an ended worker is brought. */
  async function refusing() {
    const tokens = new WorkerTokens(token, new Map([["w1", { token: "of-w1" }]]));
    const server = await openGateway({}, tokens);
    const clock = new FakeClock();
    const url = `${server.url.replace("http", "ws")}${workerPath}`;
    const ref = { task_id: "t1", attempt: 1 };
    const frame = JSON.stringify({ type: "result", ...ref, outcome: "ok", output: 1 });
    const delivered: string[] = [];
    const lines: { msg: string; delayMs?: number }[] = [];
    const write = (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]);
    const courier = new Courier({
      url,
      token,
      clock,
      random: () => 0.5,
      heartbeatMsMax: undefined,
      log: pino({ level: "info" }, { write }),
      instance: { worker_id: "w1", instance_id: "i1" },
      leftovers: [{ url, ref, frame, path: "/result-1.json" }],
      connect,
      onDelivered: (one) => void delivered.push(one.ref.task_id),
    });
    const refusals = () => lines.filter(({ msg }) => msg.endsWith("will be tried again"));
    /** Let time go by until it has been given up so many times. */
    const until = (times: number) =>
      eventually(async () => {
        await clock.advance(10_000);
        return refusals().length >= times;
      });
    return { server, tokens, clock, courier, delivered, lines, refusals, until };
  }

  test("is tried again with growing pauses, until the server takes it", async () => {
    const { server, tokens, clock, courier, delivered, refusals, until } = await refusing();
    await until(3);
    const [first = 0, second = 0, third = 0] = refusals().map(({ delayMs }) => delayMs);
    expect(first).toBeGreaterThan(1_000);
    expect(second).toBeGreaterThan(first);
    expect(third).toBeGreaterThan(second);
    expect(delivered).toEqual([]);
    tokens.replace(new Map());
    await eventually(async () => {
      await clock.advance(10_000);
      return delivered.length === 1;
    });
    expect(await courier.ended).toBe(true);
    await server.close();
  });

  test("is tried again at once with a new token", async () => {
    const { server, courier, delivered, until } = await refusing();
    await until(1);
    courier.authenticate("of-w1");
    await eventually(() => delivered.length === 1);
    expect(await courier.ended).toBe(true);
    await server.close();
  });

  test("does not keep a worker that stops", async () => {
    const { server, courier, until } = await refusing();
    await until(1);
    await courier.close();
    expect(await courier.ended).toBe(false);
    await server.close();
  });

  test("for good, because nobody wants the result any more, is dropped with a line in the log", async () => {
    const { server, courier, delivered, lines, until } = await refusing();
    await until(1);
    server.workers.onResult = async () => ({ status: "fenced" });
    courier.authenticate("of-w1");
    expect(await courier.ended).toBe(true);
    expect(delivered).toEqual(["t1"]);
    expect(lines).toContainEqual(
      expect.objectContaining({
        msg: "a result is not wanted any more; it is dropped",
        taskId: "t1",
        attempt: 1,
        status: "fenced",
      }),
    );
    await server.close();
  });
});
