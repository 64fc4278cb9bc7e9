// A worker of several servers: who is asked, who gives how many tasks, and where results go.
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readWorkerConfig } from "../../../worker/config.ts";
import { createWorker, type Worker, type WorkerOptions } from "../../../worker/index.ts";
import { byPreference, shares } from "../../../worker/orchestrators.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { openGateway, token } from "../gateway/gateway-world.ts";
import { leasedTask } from "../gateway/recording-workers.ts";
import { gate } from "./worker-world.ts";

describe("slots", () => {
  test.each([
    [10, [1, 1], [5, 5]],
    [10, [1, 1, 1], [4, 3, 3]],
    [10, [3, 1], [8, 2]],
    [10, [100, 1], [9, 1]],
    [2, [100, 1, 1], [2, 0, 0]],
    [3, [1000, 1, 1], [1, 1, 1]],
    [0, [1, 1], [0, 0]],
    [5, [], []],
  ])("%d of them are divided by %j into %j", (slots, weights, expected) => {
    expect(shares(slots, weights)).toEqual(expected);
  });
});

describe("the environment", () => {
  test("names several servers with commas", () => {
    const { orchestrators, orchestratorMode } = readWorkerConfig({
      ORCHESTRATOR_URL: "http://a:1, http://b:2",
      MULTI_ORCHESTRATOR_MODE: "ROUND_ROBIN",
    });
    expect(orchestrators).toEqual([{ url: "http://a:1" }, { url: "http://b:2" }]);
    expect(orchestratorMode).toBe("round_robin");
  });

  test("names them with priorities as the original does", () => {
    const config =
      '[{"url":"http://b","priority":20},{"url":"http://a","priority":1},{"url":"http://c"}]';
    const { orchestrators } = readWorkerConfig({ ORCHESTRATORS_CONFIG: config });
    expect(byPreference(orchestrators).map(({ url }) => url)).toEqual([
      "http://a",
      "http://c",
      "http://b",
    ]);
  });

  test.each([
    { MULTI_ORCHESTRATOR_MODE: "SOMETIMES" },
    { ORCHESTRATORS_CONFIG: "[]" },
    { ORCHESTRATORS_CONFIG: '[{"url":"http://a","weight":0}]' },
    { ORCHESTRATOR_URL: "http://a," },
  ])("is refused where it can't be understood: %j", (env) => {
    expect(() => readWorkerConfig(env)).toThrow(Object.keys(env)[0]);
  });
});

type Server = Awaited<ReturnType<typeof openGateway>>;
let a: Server;
let b: Server;
let clock: FakeClock;
let worker: Worker | undefined;
function make(options: WorkerOptions): Worker {
  const made = createWorker({
    url: `${a.url},${b.url}`,
    token,
    id: "w1",
    maxConcurrentTasks: 10,
    clock,
    random: () => 0,
    log: pino({ level: "silent" }),
    ...options,
  });
  worker = made;
  return made;
}
const connects = ({ workers }: Server): number =>
  workers.calls.filter((call) => call.startsWith("connect")).length;
const resultsOf = ({ workers }: Server): readonly string[] =>
  workers.results.map(({ attempt }) => attempt.taskId);
const passing = (condition: () => boolean) =>
  eventually(async () => {
    await clock.advance(1);
    return condition();
  });

describe("a worker", () => {
  beforeEach(async () => {
    [a, b] = await Promise.all([openGateway(), openGateway()]);
    clock = new FakeClock();
  });
  afterEach(async () => {
    const stopped = worker?.stop({ graceMs: 0 }).catch(() => undefined);
    worker = undefined;
    await clock.advance(0);
    await stopped;
    await Promise.all([a.close(), b.close()]);
  });

  describe("round robin", () => {
    test("takes tasks from all, in equal parts, and gives each its results", async () => {
      const { open, opened } = gate();
      await make({ orchestratorMode: "round_robin" })
        .task("echo", () => opened)
        .start();
      await eventually(() => connects(a) === 1 && connects(b) === 1);
      expect([a, b].map(({ workers }) => workers.introductions[0]?.credits)).toEqual([5, 5]);
      a.workers.session.push(leasedTask("a1"), 45_000);
      b.workers.session.push(leasedTask("b1"), 45_000);
      await eventually(() =>
        [a, b].every(({ workers }) => workers.calls.some((call) => call.startsWith("accept"))),
      );
      await clock.advance(10_000);
      await eventually(
        () => a.workers.calls.includes("heartbeat a1") && b.workers.calls.includes("heartbeat b1"),
      );
      open();
      await eventually(() => resultsOf(a).length === 1 && resultsOf(b).length === 1);
      expect([resultsOf(a), resultsOf(b)]).toEqual([["a1"], ["b1"]]);
    });

    test("gives the slots of a server that is away to the others, but for those that its tasks take", async () => {
      const { open, opened } = gate();
      await make({ orchestratorMode: "round_robin" })
        .task("echo", () => opened)
        .start();
      await eventually(() => connects(a) === 1 && connects(b) === 1);
      a.workers.session.push(leasedTask("a1"), 45_000);
      await eventually(() => a.workers.calls.includes("accept a1#1"));
      a.drop();
      await eventually(() => b.workers.credits.at(-1) === 9);
      await passing(() => connects(a) === 2);
      await eventually(() => b.workers.credits.at(-1) === 5);
      expect(a.workers.introductions[1]).toMatchObject({
        credits: 5,
        running: [{ taskId: "a1", attempt: 1 }],
      });
      open();
    });

    test("goes on with those that want the worker", async () => {
      const orchestrators = [{ url: a.url, token: "wrong" }, { url: b.url }];
      await make({ orchestrators, orchestratorMode: "round_robin" })
        .task("echo", () => 1)
        .start();
      await passing(
        () => b.workers.introductions[0]?.credits === 10 || b.workers.credits.at(-1) === 10,
      );
      b.workers.session.push(leasedTask("b1"), 45_000);
      await eventually(() => resultsOf(b).length === 1);
    });
  });

  test("weighted divides the slots by weight", async () => {
    const orchestrators = [
      { url: a.url, weight: 1 },
      { url: b.url, weight: 4 },
    ];
    await make({ orchestrators, orchestratorMode: "weighted" })
      .task("echo", () => 1)
      .start();
    await eventually(() => connects(a) === 1 && connects(b) === 1);
    expect([a, b].map(({ workers }) => workers.introductions[0]?.credits)).toEqual([2, 8]);
  });

  describe("failover", () => {
    test("works for the preferred server alone, and for the next when that is gone", async () => {
      await make({})
        .task("echo", () => 1)
        .start();
      expect([connects(a), connects(b)]).toEqual([1, 0]);
      a.drop();
      await eventually(() => connects(b) === 1);
      expect(b.workers.introductions[0]?.credits).toBe(10);
      b.workers.session.push(leasedTask("b1"), 45_000);
      await eventually(() => resultsOf(b).length === 1);
      // Nothing is owed to the first one, so nobody calls there.
      await clock.advance(60_000);
      expect(connects(a)).toBe(1);
      b.drop();
      await passing(() => connects(a) === 2);
    });

    test("begins with the next where the preferred one can't be reached, and goes round for ever", async () => {
      await a.close();
      const started = make({ url: `${a.url},http://127.0.0.1:1,${b.url}` })
        .task("echo", () => 1)
        .start();
      await passing(() => connects(b) === 1);
      await started;
      b.drop();
      await passing(() => connects(b) === 2);
      a = await openGateway();
    });

    test("goes on with attempts that the next server knows, as another node of the cluster does", async () => {
      const { open, opened } = gate();
      await make({})
        .task("echo", () => opened)
        .start();
      a.workers.session.push(leasedTask("t1"), 45_000);
      await eventually(() => a.workers.calls.includes("accept t1#1"));
      b.workers.onConnect = async () => ({
        keep: [{ taskId: "t1", attempt: 1 }],
        drop: [],
        want: [],
      });
      a.drop();
      await eventually(() => connects(b) === 1);
      expect(b.workers.introductions[0]?.running).toEqual([{ taskId: "t1", attempt: 1 }]);
      open();
      await eventually(() => resultsOf(b).length === 1);
      expect(resultsOf(a)).toEqual([]);
    });

    test("brings results back to the server that gave the task, where the next one does not know it", async () => {
      const { open, opened } = gate();
      await make({})
        .task("echo", () => opened)
        .start();
      a.workers.session.push(leasedTask("t1"), 45_000);
      await eventually(() => a.workers.calls.includes("accept t1#1"));
      b.workers.onConnect = async () => ({
        keep: [],
        drop: [{ taskId: "t1", attempt: 1, reason: "unknown" }],
        want: [],
      });
      a.drop();
      await eventually(() => connects(b) === 1);
      await passing(() => connects(a) === 2);
      expect(a.workers.introductions[1]).toMatchObject({
        credits: 0,
        running: [{ taskId: "t1", attempt: 1 }],
      });
      open();
      await eventually(() => resultsOf(a).length === 1);
      expect(resultsOf(b)).toEqual([]);
      // Now that nothing is owed there, the worker leaves.
      await eventually(
        () => a.workers.calls.filter((call) => call.startsWith("disconnect")).length === 2,
      );
      expect(connects(a)).toBe(2);
    });

    test("keeps a result for its server that comes while only the other one is there", async () => {
      const { open, opened } = gate();
      a.workers.onResult = () => Promise.reject(new Error("not now"));
      await make({})
        .task("echo", () => opened)
        .start();
      a.workers.session.push(leasedTask("t1"), 45_000);
      await eventually(() => a.workers.calls.includes("accept t1#1"));
      open();
      await eventually(() => resultsOf(a).length === 1);
      b.workers.onConnect = async () => ({
        keep: [],
        drop: [{ taskId: "t1", attempt: 1, reason: "unknown" }],
        want: [],
      });
      a.workers.onResult = async () => ({ status: "applied" });
      a.drop();
      await passing(() => resultsOf(a).length === 2);
      expect(resultsOf(b)).toEqual([]);
    });
  });
});
