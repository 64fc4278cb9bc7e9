// Blueprints and their charts over HTTP.
import { beforeEach, expect, test } from "vitest";
import { openHttpWorld, type HttpWorld } from "./http-world.ts";

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
