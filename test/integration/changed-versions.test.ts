// A version keeps its shape from one start of a server to the next: on real servers, over LMDB and over a real Redis.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "vitest";
import type { Blueprint } from "../../src/blueprint/blueprint.ts";
import { systemClock } from "../../src/clock.ts";
import { openStore, type StoreChoice } from "../../src/open-store.ts";
import { startServer, type Server, type ServerOptions } from "../../src/server.ts";
import type { Store } from "../../src/store/store.ts";
import { eventually } from "../support/eventually.ts";
import { clientToken, workerToken } from "../support/live-server.ts";
import { charging, ends, first, made } from "../support/order-versions.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";

const states = { open: { on: { PAY: "charging" } }, charging, ...ends };
const changed = made("1", {
  initial: "open",
  states: {
    open: { on: { PAY: "review" } },
    review: { type: "parallel", states: { clerk: {}, stock: {} }, on: { PAY: "charging" } },
    charging: {
      invoke: { ...charging.invoke, src: "check" },
      after: { haste: "failed" },
    },
    paid: ends.paid,
    failed: ends.failed,
  },
});
/** What has changed of it, as it is printed. */
const spelt = [
  'In state "order.open" the event PAY leads to order.review now, and led to order.charging.',
  'State "order.review" is new.',
  'Region "order.review.clerk" of "order.review" is new.',
  'Region "order.review.stock" of "order.review" is new.',
  'State "order.charging" invokes check (task check) as "charge" now, in place of charge (task charge).',
  'State "order.charging" waits for the delay "haste" now, in place of the delay "patience".',
];
/** The same states with other code. */
const recoded = made("1", { initial: "open", states, context: { is: "recoded" } });
const second = made("2", { initial: "open", states });
const other = (version: string) => made(version, { initial: "paid", states: ends });

interface Line {
  readonly msg: string;
  readonly level: number;
  readonly blueprint?: string;
}
let lines: Line[];
let running: Server[];
let choice: StoreChoice;
beforeEach(() => {
  lines = [];
  running = [];
});
afterEach(async () => {
  for (const server of running) await server.close(0);
});

async function serve(
  blueprints: readonly Blueprint[],
  options: Partial<ServerOptions> = {},
): Promise<Server> {
  const log = pino({ level: "debug" }, { write: (line) => void lines.push(JSON.parse(line)) });
  const server = await startServer({
    ...choice,
    blueprints,
    clientToken,
    workerToken,
    log,
    ...options,
  });
  running.push(server);
  return server;
}
async function stop(server: Server): Promise<void> {
  running = running.filter((one) => one !== server);
  await server.close(0);
}
const start = async ({ runtime }: Server, version = "1"): Promise<string> =>
  (await runtime.jobs.start({ blueprint: "order", version, input: 1 })).jobId;
const said = (part: string): readonly Line[] => lines.filter(({ msg }) => msg.includes(part));
/** But for those of the linter. */
const warnings = (): readonly Line[] =>
  lines.filter(({ level, msg }) => level >= 40 && !msg.startsWith("lint: "));
const refusal = (blueprints: readonly Blueprint[]) =>
  serve(blueprints).then(
    () => expect.fail("it has started"),
    (error: unknown) => error as Error & { code: string; details: unknown },
  );
/** Look into the store while no server is over it. */
async function within<Result>(look: (store: Store) => Promise<Result>): Promise<Result> {
  const { store } = await openStore(choice, systemClock, "looking");
  try {
    return await look(store);
  } finally {
    await store.close();
  }
}
const versions = () => within(async ({ shapes }) => [...(await shapes.all()).keys()].toSorted());
const put = (version: string, row: string) =>
  within(async ({ shapes }) => {
    await shapes.swap(version, (await shapes.all()).get(version), row);
  });

function sharedCases(): void {
  test("refuses a changed shape while jobs have the old one, with every difference on a line of its own", async () => {
    const server = await serve([first]);
    const jobId = await start(server);
    await stop(server);
    const error = await refusal([changed, second]);
    expect(error.code).toBe("blueprint.shape_changed");
    expect(error.message.split("\n")).toEqual([
      "These versions were served with another shape before, and jobs of them are still in the store:",
      "  order@1",
      ...spelt.map((sentence) => `    ${sentence}`),
      "Give each change a new version, and serve the old shape under the old one.",
    ]);
    expect(error.details).toEqual({
      changes: [{ blueprint: "order", version: "1", difference: spelt }],
    });
    expect(await versions()).toEqual(["order@1"]);
    const again = await serve([first, second]);
    expect(await again.runtime.jobs.send(jobId, { type: "PAY" })).toMatchObject({
      outcome: "accepted",
    });
    expect(await again.runtime.jobs.get(jobId)).toMatchObject({ currentState: "charging" });
  });

  test("refuses it for jobs that have ended, whose past could not be told any more", async () => {
    const server = await serve([first]);
    const jobId = await start(server);
    await server.runtime.jobs.cancel(jobId, "not wanted");
    await eventually(async () => (await server.runtime.jobs.get(jobId))?.status === "cancelled");
    await stop(server);
    expect((await refusal([changed])).code).toBe("blueprint.shape_changed");
    await within((store) => store.removeJob(jobId));
    await serve([changed]);
    expect(said("has changed that nothing needs")).toMatchObject([
      { level: 30, difference: spelt },
    ]);
  });

  test("starts with what is unchanged, with new versions, and with a change of what nobody has used", async () => {
    const server = await serve([first, other("7")]);
    await start(server);
    await stop(server);
    const same = await serve([first, other("7")]);
    await stop(same);
    expect(warnings()).toEqual([]);
    const used = made("7", { initial: "failed", states: ends });
    const more = await serve([first, second, used]);
    await stop(more);
    expect(await versions()).toEqual(["order@1", "order@2", "order@7"]);
    expect(warnings()).toEqual([]);
  });

  test("warns of changed code once, and goes on", async () => {
    const server = await serve([first]);
    const jobId = await start(server);
    await stop(server);
    await stop(await serve([recoded]));
    await stop(await serve([recoded]));
    expect(said("the code of a version has changed")).toMatchObject([
      { level: 40, blueprint: "order", version: "1" },
    ]);
    const again = await serve([recoded]);
    expect(await again.runtime.jobs.send(jobId, { type: "PAY" })).toMatchObject({
      outcome: "accepted",
    });
  });

  test("forgets a version that is not served when no job is of it", async () => {
    const server = await serve([first, second]);
    const jobId = await start(server, "1");
    await stop(server);
    await stop(await serve([second]));
    expect(await versions()).toEqual(["order@1", "order@2"]);
    await stop(
      await serve([first, second]).then(async (one) => {
        await one.runtime.jobs.cancel(jobId, "not wanted");
        return one;
      }),
    );
    await within((store) => store.removeJob(jobId));
    await stop(await serve([second]));
    expect(await versions()).toEqual(["order@2"]);
    expect(said("a version is forgotten")).toMatchObject([{ blueprint: "order", version: "1" }]);
    await serve([changed, second]);
  });

  test("takes a changed shape in development, says so, and jobs of the old one wait for it", async () => {
    const server = await serve([first]);
    const jobId = await start(server);
    await stop(server);
    const dev = await serve([changed], { changedShapes: "take" });
    expect(said("the shape of a version has changed")).toMatchObject([
      { level: 40, blueprint: "order", version: "1", difference: spelt },
    ]);
    expect(await dev.runtime.jobs.get(jobId)).toMatchObject({
      currentState: "open",
      waits: [{ kind: "version", reason: "changed" }],
    });
    const fresh = await start(dev);
    await dev.runtime.jobs.send(fresh, { type: "PAY" });
    expect(await dev.runtime.jobs.get(fresh)).toMatchObject({
      currentState: expect.stringContaining("review"),
    });
    await stop(dev);
    lines = [];
    await stop(await serve([changed], { changedShapes: "take" }));
    expect(said("the shape of a version has changed")).toEqual([]);
    const back = await serve([first], { changedShapes: "take" });
    await back.runtime.jobs.send(jobId, { type: "PAY" });
    expect(await back.runtime.jobs.get(jobId)).toMatchObject({ currentState: "charging" });
  });

  test.each([
    ["no JSON", "{", "could not be read"],
    ["JSON of something else", '{"format":1,"states":7}', "could not be read"],
    ["nothing that a release writes", '"x"', "could not be read"],
    ["of a newer release", '{"format":2,"tree":[]}', "kept by a newer release"],
  ])("starts where what is kept is %s, and says so", async (_, row, sentence) => {
    const server = await serve([first]);
    const jobId = await start(server);
    await stop(server);
    await put("order@1", row);
    const again = await serve([first]);
    expect(said(sentence)).toMatchObject([{ level: 40, blueprint: "order", version: "1" }]);
    await again.runtime.jobs.send(jobId, { type: "PAY" });
    await stop(again);
    const kept = await within(async ({ shapes }) => (await shapes.all()).get("order@1"));
    const isNewer = sentence.includes("newer");
    expect(kept === row).toBe(isNewer);
    // A damaged row is mended, so the next change is told again.
    if (!isNewer) expect((await refusal([changed])).message).toContain(spelt[0]);
  });
}

describe("over LMDB", () => {
  beforeEach(async () => {
    choice = { dataDirectory: await mkdtemp(join(tmpdir(), "avtomatika-versions-")) };
  });
  afterEach(() => rm(choice.dataDirectory, { recursive: true, force: true }));
  sharedCases();
});

describe("over Redis", () => {
  let redis: RedisServer;
  let prefixes = 0;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(() => redis.close());
  beforeEach(() => {
    choice = {
      dataDirectory: "not-used",
      redis: {
        deployment: { kind: "single", server: { host: "127.0.0.1", port: redis.port } },
        access: {},
        prefix: `versions${prefixes++}`,
        replicas: 1,
      },
    };
  });
  sharedCases();

  test("a node is refused that would serve a version in another shape than a node that runs, even without jobs", async () => {
    const a = await serve([first], { instanceId: "a" });
    const error = await refusal([changed]);
    expect(error).toMatchObject({ code: "blueprint.shape_changed" });
    expect(error.message).toMatch(
      /^These versions were served with another shape before, and node a-\w+, which/,
    );
    for (const sentence of spelt) expect(error.message).toContain(`\n    ${sentence}`);
    const jobId = await start(a);
    await a.runtime.jobs.send(jobId, { type: "PAY" });
    expect(await a.runtime.jobs.get(jobId)).toMatchObject({ currentState: "charging" });
    // The refused one has left, and is not waited for.
    await serve([first, second], { instanceId: "b" });
    expect(await versions()).toEqual(["order@1", "order@2"]);
  });

  test("of two nodes that start at once with two shapes of a version, one is refused", async () => {
    const both = await Promise.allSettled([serve([first]), serve([changed])]);
    const refused = both.filter(({ status }) => status === "rejected");
    expect(refused).toMatchObject([{ reason: { code: "blueprint.shape_changed" } }]);
  });

  test("a node forgets nothing while another one serves something else", async () => {
    const a = await serve([first], { instanceId: "a" });
    const b = await serve([second], { instanceId: "b" });
    expect(await versions()).toEqual(["order@1", "order@2"]);
    await stop(b);
    await stop(a);
    await serve([second]);
    expect(await versions()).toEqual(["order@2"]);
  });
});
