// HTTP over real sockets: streams that break and go on, bodies without a length, ports, upgrades, and the end.
import { request, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RuntimeError } from "../../src/errors.ts";
import { serve, type HttpServer } from "../../src/http/serve.ts";
import { requestBytesMax } from "../../src/protocol/contract.ts";
import { StreamEvent } from "../../src/protocol/job-event.ts";
import { eventually } from "../support/eventually.ts";
import { clientToken, openHttpWorld, type HttpWorld } from "../unit/http/http-world.ts";

let world: HttpWorld;
let http: HttpServer;
beforeEach(async () => {
  world = await openHttpWorld();
  http = await serve(world.app, { host: "127.0.0.1", port: 0 });
});
afterEach(() => http.close(0));

const headers = { "x-avtomatika-token": clientToken };
const fetched = (path: string, init: RequestInit = {}) =>
  fetch(`${http.url}${path}`, { ...init, headers });

async function openDoor(): Promise<string> {
  const answer = await fetched("/api/v2/doors", { method: "POST", body: '{"name":"front"}' });
  expect(answer.status).toBe(202);
  const { job_id } = (await answer.json()) as { job_id: string };
  return job_id;
}
const send = (jobId: string, type: string) =>
  fetched(`/api/jobs/${jobId}/events`, { method: "POST", body: JSON.stringify({ type }) });

/** A connection that reads an event stream, and can be torn. */
class Watcher {
  readonly events: { readonly id: number | undefined; readonly event: StreamEvent }[] = [];
  ended = false;
  #response: IncomingMessage | undefined;

  constructor(jobId: string, lastEventId?: number) {
    const options = {
      headers: {
        ...headers,
        ...(lastEventId !== undefined && { "last-event-id": String(lastEventId) }),
      },
    };
    const call = request(`${http.url}/api/jobs/${jobId}/events`, options, (response) => {
      this.#response = response;
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        const blocks = (text + piece).split("\n\n");
        text = blocks.pop()!;
        for (const block of blocks) this.#take(block);
      });
      response.on("end", () => (this.ended = true));
      response.on("error", () => undefined);
    });
    call.on("error", () => undefined).end();
  }

  get lastId(): number | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id;
  }

  tear(how: "end" | "reset"): void {
    if (how === "end") this.#response!.socket.end();
    else this.#response!.socket.resetAndDestroy();
  }

  #take(block: string): void {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    const id = /^id: (.*)$/m.exec(block)?.[1];
    if (data === undefined) return;
    const event = StreamEvent.parse(JSON.parse(data));
    this.events.push({ id: id === undefined ? undefined : Number(id), event });
  }
}

describe("an event stream", () => {
  test.each(["end", "reset"] as const)(
    "that is torn by %s again and again loses nothing and repeats nothing",
    async (how) => {
      const jobId = await openDoor();
      const revisions: number[] = [];
      let last: number | undefined;
      for (let round = 0; round < 5; round++) {
        const watcher = new Watcher(jobId, last);
        await send(jobId, round % 2 === 0 ? "OPEN" : "CLOSE");
        await eventually(() => (watcher.lastId ?? 0) > (last ?? 0));
        watcher.tear(how);
        revisions.push(
          ...watcher.events.flatMap(({ event }) =>
            event.type === "state" ? [event.revision] : [],
          ),
        );
        last = watcher.lastId;
      }
      await send(jobId, "CLOSE");
      await send(jobId, "LOCK");
      const watcher = new Watcher(jobId, last);
      await eventually(() => watcher.ended);
      revisions.push(
        ...watcher.events.flatMap(({ event }) => (event.type === "state" ? [event.revision] : [])),
      );
      expect(revisions).toEqual(revisions.map((_, index) => revisions[0]! + index));
      expect(watcher.events.at(-1)).toMatchObject({ event: { type: "finished" } });
    },
  );

  test("leaves nothing behind when its connection breaks", async () => {
    const jobId = await openDoor();
    const before = world.clock.pending;
    const watchers = Array.from({ length: 30 }, () => new Watcher(jobId));
    await eventually(() => watchers.every(({ events }) => events.length > 0));
    expect(world.clock.pending).toBeGreaterThan(before);
    for (const [index, watcher] of watchers.entries()) watcher.tear(index % 2 ? "end" : "reset");
    await eventually(() => world.clock.pending === before);
    expect(world.logged).toEqual([]);
  });
});

test("a wait ends when its client goes", async () => {
  const jobId = await openDoor();
  const before = world.clock.pending;
  const going = new AbortController();
  const answer = fetched(`/api/jobs/${jobId}/wait?timeout_ms=60000`, { signal: going.signal });
  await eventually(() => world.clock.pending > before);
  going.abort();
  await expect(answer).rejects.toThrow();
  await eventually(() => world.clock.pending === before);
});

describe("a body that is too large", () => {
  const tooLarge = "x".repeat(requestBytesMax + 1);

  test.each([
    ["with its length", tooLarge],
    ["without its length", new Blob([tooLarge]).stream()],
  ])("is refused %s, and the server goes on", async (_, body) => {
    // The server may hang up before all of it is sent; what counts is that it refuses and lives.
    const answer = await fetched("/api/jobs/test", {
      method: "POST",
      body,
      duplex: "half",
    } as RequestInit);
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ code: "request.body_too_large" });
    await openDoor();
  });
});

test("a body that is cut off starts no job and is no error of the server", async () => {
  const socket = connect(http.port, "127.0.0.1");
  socket.write(
    `POST /api/jobs/test HTTP/1.1\r\nHost: localhost\r\nX-Avtomatika-Token: ${clientToken}\r\nContent-Length: 100\r\n\r\n{"input":`,
  );
  // The server has the head of the first request by the time it has answered a second one.
  await openDoor();
  socket.destroy();
  await eventually(() => socket.closed);
  const jobs = (await (await fetched("/api/jobs")).json()) as unknown[];
  expect(jobs).toHaveLength(1);
  expect(world.logged.filter(({ level }) => Number(level) >= 50)).toEqual([]);
});

test("a request that is not HTTP is answered 400", async () => {
  const socket = connect(http.port, "127.0.0.1");
  let text = "";
  socket.on("data", (piece) => (text += piece.toString()));
  socket.write("GET /api/jobs HTTP/1.1\r\nHost: localhost\r\nX-Avtomatika-Token : x\r\n\r\n");
  await eventually(() => text.startsWith("HTTP/1.1 400"));
  socket.destroy();
});

test("a port in use is named, with what can be done", async () => {
  const second = serve(world.app, { host: "127.0.0.1", port: http.port });
  const error = await second.then(() => undefined).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RuntimeError);
  expect(error).toMatchObject({ code: "server.port_in_use" });
  expect((error as RuntimeError).message).toMatch(new RegExp(`Port ${http.port} .*--port`));
});

test("an upgrade that nobody takes is answered 404", async () => {
  const call = request(`${http.url}/elsewhere`, {
    headers: { connection: "Upgrade", upgrade: "websocket" },
  });
  const answer = await new Promise<IncomingMessage>((resolve, reject) =>
    call.on("response", resolve).on("error", reject).end(),
  );
  expect(answer.statusCode).toBe(404);
  answer.resume();
});

test.each([
  ["a job", "POST /api/v2/doors", 202],
  ["a look", "GET /_public/status", 200],
  ["nothing", "GET /nowhere", 404],
])("who offers HTTP/2 as well is answered as ever: %s", async (_, line, status) => {
  const body = line.startsWith("POST") ? '{"name":"front"}' : "";
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const [method, path] = line.split(" ") as [string, string];
    const offer = {
      connection: "Upgrade, HTTP2-Settings",
      upgrade: "h2c",
      "http2-settings": "AAMAAABk",
    };
    request(`${http.url}${path}`, { method, headers: { ...headers, ...offer } }, resolve)
      .on("upgrade", () => reject(new Error("it was taken for an upgrade")))
      .on("error", reject)
      .end(body);
  });
  expect(answer.statusCode).toBe(status);
  answer.resume();
});

test("closing lets what is under way be answered, and frees the port", async () => {
  const jobId = await openDoor();
  const watcher = new Watcher(jobId);
  await eventually(() => watcher.events.length > 0);
  const before = world.clock.pending;
  const waiting = fetched(`/api/jobs/${jobId}/wait?timeout_ms=60000`);
  await eventually(() => world.clock.pending > before);
  world.stop.abort();
  await http.close(600_000);
  expect((await waiting).status).toBe(200);
  expect(watcher.ended).toBe(true);
  const again = await serve(world.app, { host: "127.0.0.1", port: http.port });
  await again.close();
});

test("closing does not wait for connections on which nothing is asked", async () => {
  const socket = connect(http.port, "127.0.0.1");
  let closed = false;
  socket.once("close", () => (closed = true)).on("error", () => undefined);
  await eventually(() => socket.readyState === "open");
  await fetched("/healthz");
  await http.close(600_000);
  await eventually(() => closed);
});
