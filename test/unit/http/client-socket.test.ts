// A client's socket: who gets one, what is said over it, and what becomes of requests when one side goes.
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { connectClient } from "../../../src/client/connect.ts";
import type { HttpServer } from "../../../src/http/serve.ts";
import { requestBytesMax } from "../../../src/protocol/contract.ts";
import {
  clientCallsMax,
  clientPath,
  clientSubprotocol,
} from "../../../src/protocol/client-frames.ts";
import { eventually } from "../../support/eventually.ts";
import { clientToken, openHttpWorld, opsToken, type HttpWorld } from "./http-world.ts";

let world: HttpWorld;
let http: HttpServer;
let sockets: WebSocket[];
beforeEach(async () => {
  world = await openHttpWorld();
  http = await world.serve();
  sockets = [];
});
afterEach(async () => {
  world.stop.abort();
  for (const socket of sockets) socket.terminate();
  await http.close(0);
});

interface Opening {
  readonly path?: string;
  readonly protocols?: string[];
  readonly headers?: Readonly<Record<string, string>>;
}
const authorization = `Bearer ${clientToken}`;

function begin({ path = clientPath, protocols = [clientSubprotocol], headers }: Opening = {}) {
  const url = `${http.url.replace("http", "ws")}${path}`;
  const socket = new WebSocket(url, protocols, { headers: headers ?? { authorization } });
  socket.on("error", () => undefined);
  sockets.push(socket);
  return socket;
}

interface Frame {
  readonly type: string;
  readonly id: number;
  readonly status: number;
  readonly body: { readonly code?: string; readonly job_id?: string; readonly error?: string };
  readonly headers?: Readonly<Record<string, string>>;
}

async function open(opening?: Opening) {
  const socket = begin(opening);
  const answers: Frame[] = [];
  const messages: string[] = [];
  let closed: number | undefined;
  socket.on("message", (data) => {
    const text = (data as Buffer).toString();
    messages.push(text);
    answers.push(...([JSON.parse(text)].flat() as Frame[]));
  });
  socket.on("close", (code) => (closed = code));
  await once(socket, "open");
  return {
    socket,
    answers,
    messages,
    say: (...frames: unknown[]) =>
      socket.send(JSON.stringify(frames.length === 1 ? frames[0] : frames)),
    answer: (id: number) => eventually(() => answers.find((frame) => frame.id === id)),
    closed: () => eventually(() => closed),
  };
}

const start = (id: number, name: unknown = "front") => ({
  type: "call",
  id,
  method: "POST",
  path: "/jobs",
  body: { blueprint: "door", data: { name } },
});
const get = (id: number, path: string) => ({ type: "call", id, method: "GET", path });

describe("a socket is refused", () => {
  test.each<[string, number, Opening]>([
    ["without a token", 401, { headers: {} }],
    ["with a wrong token", 401, { headers: { authorization: "Bearer wrong" } }],
    ["to a browser", 403, { headers: { authorization, origin: "http://evil.example" } }],
    ["with the token in the address", 401, { path: `${clientPath}?token=${clientToken}` }],
    ["without the subprotocol", 426, { protocols: [] }],
  ])("%s", async (_, status, opening) => {
    const socket = begin(opening);
    const [, response] = (await once(socket, "unexpected-response")) as [
      unknown,
      { statusCode: number },
    ];
    expect(response.statusCode).toBe(status);
  });

  test("where the server stops", async () => {
    world.stop.abort();
    const [, response] = (await once(begin(), "unexpected-response")) as [
      unknown,
      { statusCode: number },
    ];
    expect(response.statusCode).toBe(503);
  });
});

describe("requests", () => {
  test("that come together are answered together", async () => {
    const { say, answer, messages } = await open();
    say(start(1), start(2), get(3, "/api/v1/jobs/nothing"));
    expect(await answer(1)).toMatchObject({ status: 202, body: { status: "accepted" } });
    expect(await answer(2)).toMatchObject({ status: 202 });
    expect(await answer(3)).toMatchObject({ status: 404, body: { code: "job.not_found" } });
    expect(messages.length).toBeLessThan(3);
  });

  test("have paths with queries and parameters, as over HTTP", async () => {
    const { say, answer } = await open();
    say(start(1));
    const { body } = await answer(1);
    say(get(2, `/api/v2/jobs/${body.job_id}/history?after=1`));
    expect(await answer(2)).toMatchObject({ status: 200, body: [] });
    say(get(3, "/api/jobs/page?limit=1"));
    expect(await answer(3)).toMatchObject({ body: { jobs: [{ job_id: body.job_id }] } });
  });

  test("have headers, and answers may have some", async () => {
    const { say, answer } = await open();
    say({ ...start(1), headers: { prefer: "wait=1", "idempotency-key": "k" } });
    say({ ...start(2), headers: { "idempotency-key": "k" } });
    const second = await answer(2);
    await world.clock.advance(1000);
    const first = await answer(1);
    expect(first.headers).toMatchObject({ "preference-applied": "wait=1" });
    expect(second.body.job_id).toBe(first.body.job_id);
  });

  test("are made in the name of the token", async () => {
    const { say, answer } = await open({ headers: { "x-avtomatika-token": opsToken } });
    say(start(1));
    const { job_id } = (await answer(1)).body;
    say({
      type: "call",
      id: 2,
      method: "POST",
      path: `/api/jobs/${job_id}/restart`,
      body: { revision: 1 },
    });
    expect(await answer(2)).toMatchObject({ status: 202 });
    const { body } = await world.call("GET", `/api/jobs/${job_id}/history`);
    expect(JSON.stringify(body)).toContain("token ops");
  });

  test.each([
    ["GET", "/nowhere", 404, "request.not_found"],
    ["GET", "/api/jobs", 200, undefined],
    ["POST", "/api/workers", 405, "request.method_not_allowed"],
    ["POST", "/api/v1/jobs/no_such_blueprint", 404, "blueprint.not_found"],
    ["GET", "/api/jobs/%zz", 404, "job.not_found"],
    ["GET", "/api/jobs/j/events", 400, "request.streams"],
    ["GET", "/console/", 404, "request.not_found"],
    ["GET", "/readyz", 200, undefined],
  ])("%s %s is answered with %d", async (method, path, status, code) => {
    const { say, answer } = await open();
    say({ type: "call", id: 1, method, path, ...(method === "POST" && { body: {} }) });
    const found = await answer(1);
    expect(found.status).toBe(status);
    expect(found.body.code).toBe(code);
  });

  test("are read as over HTTP: queries with two marks or names, headers with spaces", async () => {
    const { say, answer } = await open();
    say({ ...start(1), headers: { "idempotency-key": " k " } });
    say({ ...start(2), headers: { "idempotency-key": "k" } });
    expect((await answer(2)).body.job_id).toBe((await answer(1)).body.job_id);
    say(get(3, "/api/jobs/page?limit=1&limit=x"), get(4, "/api/jobs/page?limit=1?x"));
    expect(await answer(3)).toMatchObject({ status: 200 });
    expect(await answer(4)).toMatchObject({ status: 400, body: { code: "request.invalid" } });
  });

  test("with bodies up to the same size as over HTTP are taken", async () => {
    const { say, answer } = await open();
    say(start(1, "x".repeat(requestBytesMax - 100)));
    expect(await answer(1)).toMatchObject({ status: 202 });
    say(start(2, "x".repeat(requestBytesMax)));
    expect(await answer(2)).toMatchObject({
      status: 413,
      body: { code: "request.body_too_large" },
    });
  });

  test("for what is text have it as their body", async () => {
    const { say, answer } = await open();
    say(get(1, "/api/blueprints/door/chart?format=dot"));
    expect(await answer(1)).toMatchObject({
      headers: { "content-type": "text/vnd.graphviz" },
      body: "dot of door 2",
    });
  });

  test("that are given up are answered no more, and their ids are free", async () => {
    const { say, answer, answers } = await open();
    say(start(1));
    const { job_id } = (await answer(1)).body;
    say(get(2, `/api/jobs/${job_id}/wait?timeout_ms=60000`));
    await eventually(() => world.clock.pending > 0);
    say({ type: "abandon", id: 2 }, get(2, "/healthz"));
    expect(await answer(2)).toMatchObject({ body: { status: "ok" } });
    await world.clock.advance(60_000);
    say(get(3, "/healthz"));
    await answer(3);
    expect(answers.filter(({ id }) => id === 2)).toHaveLength(1);
  });

  test("more than may be under way are put off", async () => {
    const { say, answer } = await open();
    say(start(0));
    const { job_id } = (await answer(0)).body;
    const wait = `/api/jobs/${job_id}/wait?timeout_ms=60000`;
    for (let id = 1; id <= clientCallsMax; id++) say(get(id, wait));
    say(get(clientCallsMax + 1, wait));
    expect(await answer(clientCallsMax + 1)).toMatchObject({
      status: 503,
      headers: { "retry-after": "1" },
      body: { code: "server.busy" },
    });
  });
});

describe("what is no request", () => {
  test.each<[string, unknown, string]>([
    ["a bad method", { ...start(1), method: "PUT" }, "request.invalid"],
    ["a path without a slash", { ...start(1), path: "jobs" }, "request.invalid"],
    [
      "a body that reaches for a prototype",
      JSON.parse(
        '{"type":"call","id":1,"method":"POST","path":"/jobs","body":{"blueprint":"door","data":{"constructor":1}}}',
      ),
      "request.invalid_json",
    ],
    ["a body that is too deep", { ...start(1), body: deep(70) }, "request.invalid_json"],
    [
      "no body where one is needed",
      { type: "call", id: 1, method: "POST", path: "/jobs" },
      "request.invalid_json",
    ],
  ])("is refused by its id: %s", async (_, frame, code) => {
    const { say, answer } = await open();
    say(frame);
    expect(await answer(1)).toMatchObject({ status: 400, body: { code } });
    say(get(2, "/healthz"));
    expect(await answer(2)).toMatchObject({ status: 200 });
  });

  test.each<[string, string | Buffer]>([
    ["no JSON", "{"],
    ["no object", "7"],
    ["no type", '{"id":1}'],
    ["an unknown type", '{"type":"hello","id":1}'],
    ["no id", '{"type":"call","method":"GET","path":"/healthz"}'],
    ["a negative id", '{"type":"call","id":-1,"method":"GET","path":"/healthz"}'],
    [
      "too many frames",
      JSON.stringify(Array.from({ length: 257 }, (_, id) => get(id, "/healthz"))),
    ],
    ["bytes", Buffer.from([1, 2, 3])],
  ])("ends the connection, saying why: %s", async (_, message) => {
    const { socket, answers, closed } = await open();
    socket.send(message);
    expect(await closed()).toBe(4010);
    expect(answers.at(-1)).toMatchObject({ type: "error", code: "protocol.frame_invalid" });
  });

  test.each([
    ["a request", (frame: object) => frame],
    ["what is none", (frame: object) => ({ ...frame, method: "PUT" })],
  ])("ends the connection where an id is under way: %s", async (_, again) => {
    const { say, answer, closed } = await open();
    say(start(1));
    const { job_id } = (await answer(1)).body;
    const wait = get(2, `/api/jobs/${job_id}/wait?timeout_ms=60000`);
    say(wait, again(wait));
    expect(await closed()).toBe(4010);
  });

  test("ends the connection where it is too large", async () => {
    const { say, closed } = await open();
    say({ ...start(1), body: "x".repeat(2 * 1024 * 1024) });
    expect(await closed()).toBe(1009);
  });
});

describe("the end", () => {
  test("of a connection ends what is waited for", async () => {
    const { socket, say, answer } = await open();
    say(start(1));
    const { job_id } = (await answer(1)).body;
    const idle = world.clock.pending;
    say(get(2, `/api/jobs/${job_id}/wait?timeout_ms=60000`));
    await eventually(() => world.clock.pending > idle);
    socket.terminate();
    await eventually(() => world.clock.pending < idle);
  });

  test("of the server comes after what is under way has been answered", async () => {
    const { say, answer, closed } = await open();
    say(start(1));
    const { job_id } = (await answer(1)).body;
    say(get(2, `/api/jobs/${job_id}/wait?timeout_ms=60000`), get(3, "/healthz"));
    await answer(3);
    world.stop.abort();
    const ended = world.clientSockets.close(10_000);
    expect(await answer(2)).toMatchObject({ status: 200, body: { finished: false } });
    expect(await closed()).toBe(4012);
    await ended;
  });

  test("of a connection fails what was asked over it, and the next request opens another", async () => {
    const client = connectClient({ url: http.url, token: clientToken });
    const upgrade = once(http.server, "upgrade") as Promise<[unknown, Socket]>;
    const { job_id } = await client.start("door", { name: "front" });
    const [, connection] = await upgrade;
    const idle = world.clock.pending;
    const waiting = client.wait(job_id);
    await eventually(() => world.clock.pending > idle);
    connection.destroy();
    await expect(waiting).rejects.toMatchObject({ code: "server.unreachable" });
    expect(await client.get(job_id)).toMatchObject({ job_id });
    client.close();
  });
});

function deep(levels: number): unknown {
  return levels === 0 ? 1 : { a: deep(levels - 1) };
}
