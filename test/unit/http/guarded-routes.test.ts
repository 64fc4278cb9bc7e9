// Every route that is not open refuses who has no client's token, or another's.
import { beforeAll, describe, expect, test } from "vitest";
import {
  clientToken,
  openHttpWorld,
  readAnswer,
  workerToken,
  type HttpWorld,
} from "./http-world.ts";
import { servedRoutes } from "./served-routes.ts";

// One for all: nothing here changes anything.
let world: HttpWorld;
beforeAll(async () => {
  world = await openHttpWorld();
});

const guarded = servedRoutes.filter(({ auth }) => auth === "client");

describe.each(guarded)("$name at $method $path", ({ method, path }) => {
  const send = async (headers: Record<string, string>) =>
    readAnswer(
      await world.app.request(path, { method, headers, ...(method === "POST" && { body: "{}" }) }),
    );

  test("refuses who has no token", async () => {
    const { status, body, headers } = await send({});
    expect([status, body]).toEqual([
      401,
      { error: "Missing X-Avtomatika-Token header", code: "auth.missing_token" },
    ]);
    expect(headers.get("www-authenticate")).toMatch(/^Bearer/);
  });

  test.each([
    ["another token", { "x-avtomatika-token": "wrong" }],
    ["another bearer token", { authorization: "Bearer wrong" }],
    ["the worker's token", { "x-avtomatika-token": workerToken }],
    ["the worker's token as a bearer", { authorization: `Bearer ${workerToken}` }],
    ["the client's token with more", { "x-avtomatika-token": `${clientToken}x` }],
  ])("refuses who has %s", async (_, headers) => {
    const { status, body } = await send(headers);
    expect([status, body]).toEqual([
      401,
      { error: "Unauthorized: Invalid token", code: "auth.invalid_token" },
    ]);
  });

  test.each([
    ["its own header", { "x-avtomatika-token": clientToken }],
    ["a bearer", { authorization: `bearer ${clientToken}` }],
  ])("lets in who has the client's token in %s", async (_, headers) => {
    expect((await send(headers)).status).not.toBe(401);
  });

  test("does not take the worker's header", async () => {
    expect((await send({ "x-worker-token": clientToken })).status).toBe(401);
  });
});
