// What workers say of attempts that are not theirs: refused, logged, and without effect. Real sockets, virtual time.
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { echoFlow } from "../../support/sample-blueprints.ts";
import { eventually } from "../../support/eventually.ts";
import { done, openWire, refOf, type Wire } from "../../support/wire-world.ts";
import type { Peer } from "./gateway-world.ts";

let wire: Wire;
let lines: Record<string, unknown>[];
beforeEach(async () => {
  lines = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  wire = await openWire([echoFlow], { log: pino({ level: "info" }, { write }) });
});
afterEach(() => wire.close());

const said = () =>
  lines.filter(({ msg }) => msg === "said of an attempt that is not this worker's");

/** A job whose task has been given to one worker, and another worker that knows of it. */
async function givenToAnother() {
  const jobId = await wire.start();
  const { peer: holder } = await wire.welcomed({ worker_id: "holder" });
  const task = await holder.next("task");
  holder.send({ type: "accept", ...refOf(task) });
  // The other one takes no tasks: what is given back by mistake must not come to it.
  const { peer: other } = await wire.welcomed({ worker_id: "other", credits: 0 });
  return { jobId, holder, other, ref: refOf(task) };
}

/** Everything that was sent before has been acted on. */
async function settled(peer: Peer): Promise<void> {
  peer.send({ type: "heartbeat", running: [] });
  await peer.next("heartbeat_ack");
}

/** Let the lease of a task end, while its holder does not say a word. */
async function lapse(taskId: string): Promise<void> {
  const isLeased = async () => (await wire.store.loadTask(taskId))?.state === "leased";
  for (let second = 0; second < 90 && (await isLeased()); second++) await wire.clock.advance(1_000);
  expect(await isLeased()).toBe(false);
}

describe("an attempt whose lease has ended and that nobody took since", () => {
  test("is settled by the worker that held it", async () => {
    const { jobId, holder, ref } = await givenToAnother();
    holder.socket.terminate();
    await lapse(ref.task_id);
    // Credit for nothing: the next attempt must not come here before the result is there.
    const { peer } = await wire.welcomed({ worker_id: "holder", credits: 0 });
    peer.send(done(ref, { late: true }));
    expect((await peer.next("result_ack")).status).toBe("applied");
    await wire.reaches(jobId, "completed");
  });

  test("is neither settled nor taken up by any other, not even by another process of that worker", async () => {
    const { jobId, holder, other, ref } = await givenToAnother();
    holder.socket.terminate();
    await lapse(ref.task_id);
    await wire.clock.advance(0);
    const { peer: namesake } = await wire.welcomed({
      worker_id: "holder",
      instance_id: "another",
      credits: 0,
    });
    for (const peer of [other, namesake]) {
      peer.send({ type: "heartbeat", running: [ref] });
      expect((await peer.next("heartbeat_ack")).lost).toEqual([{ ...ref, reason: "fenced" }]);
      peer.send(done(ref, { forged: true }));
      expect((await peer.next("result_ack")).status).toBe("fenced");
      peer.send({ type: "release", ...ref });
      await settled(peer);
    }
    const refused = lines.filter(({ msg }) => msg === "result ignored");
    expect(refused.map(({ workerId, status }) => [workerId, status])).toEqual([
      ["other", "fenced"],
      ["holder", "fenced"],
    ]);
    expect(await wire.store.loadTask(ref.task_id)).toMatchObject({ attempt: 1, settled: 0 });
    expect(await wire.state(jobId)).not.toBe("completed");
  });
});

describe("a frame about an attempt of another worker is refused with a line in the log:", () => {
  const chunk = { stream: "s", offset: 0, data: "forged", encoding: "text" };
  test.each([
    ["accept", {}],
    ["progress", { ratio: 0.5 }],
    ["checkpoint", { number: 1, data: "forged" }],
    ["event", { number: 1, event: "FORGED" }],
    ["log", { level: "info", message: "forged" }],
    ["chunk", chunk],
    ["chunk", { ...chunk, end: true }],
    ["reject", { reason: "busy" }],
    ["release", { checkpoint: "forged" }],
  ])("%s %o", async (type, rest) => {
    const { jobId, holder, other, ref } = await givenToAnother();
    await settled(holder);
    const before = await wire.store.loadTask(ref.task_id);
    const heard: object[] = [];
    const unwatch = new AbortController();
    const revision = (await wire.runtime.jobs.get(jobId))!.revision;
    void (async () => {
      for await (const event of wire.runtime.jobs.watch(jobId, revision, unwatch.signal))
        heard.push(event);
    })();
    other.send({ type, ...ref, ...rest });
    await eventually(() => said().length > 0);
    await settled(other);
    expect(said()).toMatchObject([
      { workerId: "other", frame: type, taskId: ref.task_id, attempt: 1 },
    ]);
    expect(await wire.store.loadTask(ref.task_id)).toEqual(before);
    expect(heard).toEqual([]);
    unwatch.abort();
    expect(other.count("stream_credit")).toBe(0);
    // Its holder goes on as if nothing had been.
    holder.send({ type: "chunk", ...ref, ...chunk, data: "mine" });
    expect(await holder.next("stream_credit")).toMatchObject({ stream: "s", acknowledged: 4 });
    holder.send(done(ref));
    expect((await holder.next("result_ack")).status).toBe("applied");
    expect(said()).toHaveLength(1);
  });

  test("a flood of them is counted, and not written down line by line", async () => {
    const { other } = await givenToAnother();
    for (let number = 0; number < 500; number++)
      other.send({ type: "progress", task_id: `0_x:e.${number}.0`, attempt: 1, ratio: 0.5 });
    await settled(other);
    const written = said().length;
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(30);
    await wire.clock.advance(5_000);
    other.send({ type: "progress", task_id: "0_x:e.1000.0", attempt: 1, ratio: 0.5 });
    await settled(other);
    expect(said().at(-1)).toMatchObject({ taskId: "0_x:e.1000.0", dropped: 500 - written });
  });
});
