// Blueprints, their contracts and their charts over HTTP.
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { contractOf } from "../../../src/blueprint/contract.ts";
import { flow } from "../../../src/blueprint/flow.ts";
import { BlueprintRegistry } from "../../../src/blueprint/registry.ts";
import { ChartRenderer } from "../../../src/chart/chart-renderer.ts";
import {
  BlueprintContract,
  chartContentTypes,
  chartFormats,
} from "../../../src/protocol/blueprint-contract.ts";
import { loadBlueprints } from "../../../src/blueprint/load.ts";
import { clientToken, door, jobIdIn, openHttpWorld, type HttpWorld } from "./http-world.ts";

let world: HttpWorld;
beforeEach(async () => {
  world = await openHttpWorld();
});

test("every blueprint is listed with where it is started", async () => {
  expect((await world.call("GET", "/api/blueprints")).body).toEqual([
    {
      name: "door",
      version: "2",
      style: "native",
      shape: expect.any(String),
      start: "/api/v2/doors",
    },
    {
      name: "test_flow",
      version: "1",
      style: "flow",
      shape: expect.any(String),
      start: "/api/v1/jobs/test",
    },
    {
      name: "test_workflow",
      version: "1",
      style: "flow",
      shape: expect.any(String),
      start: "/api/jobs/test",
    },
  ]);
});

test.each([
  ["", "svg", "image/svg+xml"],
  ["?format=json", "json", "application/json; charset=utf-8"],
  ["?format=mermaid", "mermaid", "text/plain; charset=utf-8"],
  ["?format=dot&version=2", "dot", "text/vnd.graphviz"],
])("a chart is drawn for %j", async (query, format, contentType) => {
  const answer = await world.app.request(`/api/blueprints/door/chart${query}`, {
    headers: { "x-avtomatika-token": "client-token-of-the-tests" },
  });
  expect([answer.status, await answer.text()]).toEqual([200, `${format} of door 2`]);
  expect(answer.headers.get("content-type")).toBe(contentType);
  // A picture that is opened by itself runs nothing that a state's name may have smuggled in.
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
});

describe("as they are really drawn", () => {
  beforeEach(async () => {
    const registry = new BlueprintRegistry();
    const documents = await loadBlueprints(join(import.meta.dirname, "../../support/document"));
    for (const one of [door, ...documents.map(({ blueprint }) => blueprint)])
      registry.register(one);
    world = await openHttpWorld({ blueprints: registry, charts: new ChartRenderer(registry) });
  });

  test.each<[(typeof chartFormats)[number], RegExp]>([
    ["svg", /^<svg [^]*<\/svg>$/],
    ["json", /^\{"id":"parcel"/],
    ["mermaid", /^stateDiagram-v2\n/],
    ["dot", /digraph /],
    ["scxml", /^<\?xml [^]*<scxml [^]*<\/scxml>/],
    ["machine", /^\{[^]*"name": *"parcel"/],
  ])("%s is what its content type says", async (format, looks) => {
    const answer = await world.app.request(`/api/blueprints/parcel/chart?format=${format}`, {
      headers: { "x-avtomatika-token": clientToken },
    });
    const text = (await answer.text()).trim();
    expect(answer.status).toBe(200);
    expect(text).toMatch(looks);
    expect(answer.headers.get("content-type")).toBe(chartContentTypes[format]);
    if (chartContentTypes[format].startsWith("application/json")) JSON.parse(text);
  });

  test("every format of the contract is among them, and a machine without names is refused", async () => {
    expect(chartFormats).toEqual(["svg", "json", "mermaid", "dot", "scxml", "machine"]);
    const refused = await world.call("GET", "/api/blueprints/door/chart?format=machine");
    expect(refused).toMatchObject({ status: 422, body: { code: "interchange.not_exportable" } });
  });
});

test("the graph is the chart in the language of Graphviz", async () => {
  const { body, headers } = await world.call("GET", "/api/v1/blueprints/door/graph");
  expect([body, headers.get("content-type")]).toEqual(["dot of door 2", "text/vnd.graphviz"]);
});

test.each([
  ["/api/blueprints/nope/graph", 404, "blueprint.not_found"],
  ["/api/blueprints/door/chart?version=9", 404, "blueprint.not_found"],
  ["/api/blueprints/door/chart?format=png", 400, "request.invalid"],
])("%s is answered %i", async (path, status, code) => {
  expect(await world.call("GET", path)).toMatchObject({ status, body: { code } });
});

describe("a contract", () => {
  const billing = flow("billing", { version: "4", input: z.object({ customer: z.string() }) })
    .event("PAY", z.object({ amount: z.number() }))
    .state("start", { isStart: true, to: ["completed"], events: ["PAY"] }, (ctx) =>
      ctx.actions.dispatchTask({
        type: "bill",
        transitions: { success: "completed" },
        eventTransitions: { PAY: "completed" },
      }),
    )
    .build();

  test("tells what a blueprint takes and gives", async () => {
    const billed = await openHttpWorld({}, [billing]);
    const answer = await billed.call("GET", "/api/v1/blueprints/billing/contract?version=4");
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(contractOf(billing));
    expect(BlueprintContract.parse(answer.body)).toEqual(answer.body);
  });

  test("is refused for a blueprint that is not there, and without a token", async () => {
    const missing = await world.call("GET", "/api/v1/blueprints/nothing/contract");
    expect([missing.status, missing.body]).toMatchObject([404, { code: "blueprint.not_found" }]);
    const newer = await world.call("GET", "/api/v1/blueprints/door/contract?version=99");
    expect(newer.status).toBe(404);
    const headers = { "x-avtomatika-token": "wrong" };
    const stranger = await world.call(
      "GET",
      "/api/v1/blueprints/door/contract",
      undefined,
      headers,
    );
    expect(stranger.status).toBe(401);
  });

  test("of events stands in the OpenAPI document, too", async () => {
    const billed = await openHttpWorld({}, [billing]);
    const { body } = await billed.call("GET", "/openapi.json");
    expect(body).toMatchObject({
      paths: {
        "/api/v1/jobs/{id}/events": {
          post: {
            requestBody: {
              content: {
                "application/json": {
                  schema: {
                    anyOf: [
                      {
                        title: "PAY of billing 4",
                        properties: { type: { const: "PAY" }, amount: { type: "number" } },
                        required: ["type", "amount"],
                      },
                      { title: "Any other" },
                    ],
                  },
                },
              },
            },
          },
        },
      },
    });
  });

  test("is held to: an event that does not fit is answered with what is wrong", async () => {
    const billed = await openHttpWorld({}, [billing]);
    const started = await billed.call("POST", "/jobs", {
      blueprint: "billing",
      data: { customer: "c" },
    });
    const path = `/api/v1/jobs/${jobIdIn(started)}/events`;
    expect(await billed.call("POST", path, { type: "PAY", amount: "a lot" })).toMatchObject({
      status: 422,
      body: { code: "event.invalid", details: { issues: [{ path: "amount" }] } },
    });
    expect(await billed.call("POST", path, { type: "PAY", amount: 5 })).toMatchObject({
      status: 202,
    });
  });
});
