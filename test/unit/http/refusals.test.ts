// What the application refuses, and in which words: no route is open that the contract does not open.
import { beforeEach, describe, expect, test } from "vitest";
import { RuntimeError } from "../../../src/errors.ts";
import { contract, requestBytesMax, type Operation } from "../../../src/protocol/contract.ts";
import type { JobService } from "../../../src/runtime/runtime.ts";
import { clientToken, jobIdIn, openHttpWorld, type HttpWorld } from "./http-world.ts";
import { servedRoutes } from "./served-routes.ts";

let world: HttpWorld;
beforeEach(async () => {
  world = await openHttpWorld();
});

const open = servedRoutes.filter(({ auth }) => auth === "none");

test("only what tells nothing of single jobs, workers and blueprints is open", async () => {
  expect(open.map(({ path }) => path)).toEqual([
    "/_public/status",
    "/_public/metrics",
    "/healthz",
    "/readyz",
  ]);
  for (const { path } of open) expect((await world.app.request(path)).status).toBe(200);
});

test("every route of the application is in the contract, or is the console", () => {
  const served = world.app.routes.map(({ method, path }) => `${method} ${path}`);
  const paths = new Set(
    Object.values<Operation>(contract).flatMap(({ method, path, under }) =>
      (under === "root" ? [""] : ["/api", "/api/v1", "/api/v2"]).map(
        (prefix) => `${method} ${prefix}${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
      ),
    ),
  );
  const others = served.filter((route) => !paths.has(route));
  expect(others.toSorted()).toEqual([
    "GET /",
    "GET /console",
    "GET /console/*",
    "POST /api/jobs/test",
    "POST /api/v1/jobs/test",
    "POST /api/v2/doors",
  ]);
});

test("a path that is not there is answered 404", async () => {
  for (const path of [
    "/nowhere",
    "/api",
    "/api/v9/jobs",
    "/_public/debug/flush_db",
    "/api/jobs/a/b/c",
  ])
    expect(await world.call("GET", path)).toMatchObject({
      status: 404,
      body: { code: "request.not_found", error: expect.stringContaining(path) },
    });
});

test("a start where no blueprint has its endpoint is told so, also where jobs are read", async () => {
  for (const path of ["/api/jobs/nope", "/api/v1/jobs/nope", "/api/v9/jobs/nope"])
    expect(await world.call("POST", path, {})).toMatchObject({
      status: 404,
      body: { code: "blueprint.not_found", error: expect.stringContaining(`POST ${path}`) },
    });
});

test("a method that a path does not take is answered 405 with those that it takes", async () => {
  const wrong = await world.call("DELETE", "/api/jobs/0_x/events");
  expect(wrong).toMatchObject({ status: 405, body: { code: "request.method_not_allowed" } });
  expect(wrong.headers.get("allow")).toBe("GET, HEAD, POST");
  expect((await world.call("PUT", "/api/v1/jobs/0_x/cancel")).headers.get("allow")).toBe("POST");
  expect((await world.call("GET", "/api/v2/doors")).headers.get("allow")).toBe("POST");
});

describe("a body", () => {
  const post = (body: string, headers = {}) => world.call("POST", "/api/jobs/test", body, headers);

  test.each(["", "{", "nothing", '{"a":1,}', "\u0000"])(
    "that is not JSON is refused: %j",
    async (text) => {
      const { status, body } = await post(text);
      expect(status).toBe(400);
      expect(body).toMatchObject({ error: "Invalid JSON body", code: "request.invalid_json" });
    },
  );

  test.each([
    ["a key that reaches a prototype", '{"a":[{"__proto__":{"isAdmin":true}}]}'],
    ["a constructor", '{"constructor":{"prototype":{"isAdmin":true}}}'],
    ["a number that JSON cannot say again", '{"amount":1e999}'],
    ["levels without end", "[".repeat(100) + "]".repeat(100)],
  ])("with %s is refused", async (_, text) => {
    const { status, body } = await post(text);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: "request.invalid_json" });
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  test("may be as large as the limit, and one byte more is refused", async () => {
    const filled = (bytes: number) => `{"input":"${"x".repeat(bytes - 12)}"}`;
    const length = (text: string) => ({ "content-length": String(text.length) });
    const [most, more] = [filled(requestBytesMax), filled(requestBytesMax + 1)];
    expect((await post(most, length(most))).status).toBe(202);
    for (const headers of [length(more), {}])
      expect(await post(more, headers)).toMatchObject({
        status: 413,
        body: { code: "request.body_too_large" },
      });
  });

  test("starts no job when it is refused", async () => {
    await post("{");
    expect((await world.call("GET", "/api/jobs")).body).toEqual([]);
  });
});

describe("an error", () => {
  const failing = (error: Error) =>
    openHttpWorld({ jobs: { get: () => Promise.reject(error) } as unknown as JobService });

  test("that nobody expected is logged once, and told without what it says", async () => {
    const broken = await failing(new Error("secret path /etc/shadow"));
    const { status, body } = await broken.call("GET", "/api/jobs/0_x");
    expect([status, body]).toEqual([
      500,
      { error: expect.stringMatching(/log/), code: "internal" },
    ]);
    expect(broken.logged).toMatchObject([
      {
        level: 50,
        err: { message: "secret path /etc/shadow" },
        method: "GET",
        path: "/api/jobs/0_x",
      },
    ]);
    expect(JSON.stringify(broken.logged)).not.toContain(clientToken);
  });

  test("of the server is logged, and told without its details", async () => {
    const error = new RuntimeError("store.corrupt", "The store is corrupt.", { path: "/data" });
    const broken = await failing(error);
    const { status, body } = await broken.call("GET", "/api/jobs/0_x");
    expect([status, body]).toEqual([
      500,
      { error: "The store is corrupt.", code: "store.corrupt" },
    ]);
    expect(broken.logged).toHaveLength(1);
  });

  test("that only means `not now` is nothing to look at, and says when to ask again", async () => {
    const stopping = await failing(new RuntimeError("server.stopping", "The server is stopping."));
    const { status, headers } = await stopping.call("GET", "/api/jobs/0_x");
    expect([status, headers.get("retry-after")]).toEqual([503, "1"]);
    expect(stopping.logged).toEqual([]);
  });

  test("of the caller is not logged", async () => {
    expect(await world.call("GET", "/api/jobs/0_x")).toMatchObject({
      status: 404,
      body: { error: "Job not found", code: "job.not_found" },
    });
    expect(world.logged).toEqual([]);
  });
});

test("a server that is not ready says why, while it lives", async () => {
  const starting = await openHttpWorld({ unready: () => "The store is being read." });
  expect(await starting.call("GET", "/readyz")).toMatchObject({
    status: 503,
    body: { code: "server.not_ready", error: "The store is being read." },
  });
  expect((await starting.call("GET", "/healthz")).status).toBe(200);
});

test("no answer holds a token", async () => {
  const jobId = jobIdIn(await world.call("POST", "/api/v2/doors", { name: "front" }));
  for (const { method, path } of servedRoutes) {
    const answer = await world.app.request(path.replace("0_x", jobId), {
      method,
      headers: { "x-avtomatika-token": clientToken, "last-event-id": "1" },
      ...(method === "POST" && { body: '{"type":"LOCK"}' }),
    });
    // An event stream of a job that has not ended does not end.
    if (answer.headers.get("content-type")?.startsWith("text/event-stream"))
      await answer.body?.cancel();
    else expect(await answer.text()).not.toContain(clientToken);
  }
});
