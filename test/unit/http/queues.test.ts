// Queues over HTTP: what waits and why, pausing and resuming.
import { afterEach, beforeEach, expect, test } from "vitest";
import { contract } from "../../../src/protocol/contract.ts";
import { work } from "../../support/work-world.ts";
import { jobIdIn, openHttpWorld, type HttpWorld } from "./http-world.ts";

let world: HttpWorld;
beforeEach(async () => {
  const limit = { key: "customer 7", concurrency: 2, rate: { count: 5, perMs: 1000 } };
  const requirements = { labels: { zone: ["eu", "us"] } };
  world = await openHttpWorld({}, [
    work("plain"),
    work("picky", { requirements, limit, maxCost: 1, slots: 2, strategy: "cheapest" }),
  ]);
});
afterEach(() => world.runtime.stop());

const start = (blueprint: string) => world.call("POST", "/jobs", { blueprint, data: {} });

test("the queues are listed with what their tasks ask for, how many wait, since when and why", async () => {
  const jobId = jobIdIn(await start("plain"));
  await start("plain");
  await start("picky");
  const { status, body } = await world.call("GET", "/api/v1/queues");
  expect(status).toBe(200);
  expect(contract.listQueues.answers[200].schema.parse(body)).toEqual(body);
  const why = { code: "no_worker", reason: 'No worker that does "work" is connected.' };
  expect(body).toMatchObject({
    paused: [],
    queues: [
      { type: "work", waiting: 2, why },
      {
        type: "work",
        waiting: 1,
        requirements: { labels: { zone: ["eu", "us"] } },
        max_cost: 1,
        slots: 2,
        strategy: "cheapest",
        limit: { key: "customer 7", concurrency: 2, rate: { count: 5, per_ms: 1000 } },
      },
    ],
  });
  expect((await world.call("GET", `/api/v1/jobs/${jobId}`)).body).toMatchObject({
    waits: [{ kind: "task", state: "queued", why }],
  });
});

test("a type is paused and resumed, whatever its name", async () => {
  const type = encodeURIComponent("a/b c");
  expect((await world.call("POST", `/api/v1/queues/${type}/pause`)).body).toEqual({
    type: "a/b c",
    status: "paused",
  });
  expect((await world.call("GET", "/api/queues")).body).toMatchObject({ paused: ["a/b c"] });
  expect((await world.call("POST", `/api/queues/${type}/resume`)).body).toEqual({
    type: "a/b c",
    status: "resumed",
  });
  expect((await world.call("GET", "/api/queues")).body).toMatchObject({ paused: [] });
});

test.each(["x".repeat(129), "local:plain@1"])(
  "%s cannot be paused: it is no type",
  async (type) => {
    expect(await world.call("POST", `/api/v1/queues/${type}/pause`)).toMatchObject({
      status: 400,
      body: { code: "request.invalid" },
    });
  },
);
