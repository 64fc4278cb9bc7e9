// The client against the real application: with a request for each call, and over its socket.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient, type Client } from "../../../src/client/client.ts";
import { connectClient, type ConnectedClient } from "../../../src/client/connect.ts";
import { RuntimeError } from "../../../src/errors.ts";
import type { HttpServer } from "../../../src/http/serve.ts";
import { clientCallsMax } from "../../../src/protocol/client-frames.ts";
import { requestBytesMax } from "../../../src/protocol/contract.ts";
import { eventually } from "../../support/eventually.ts";
import { clientToken, openHttpWorld, type HttpWorld } from "../http/http-world.ts";

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RuntimeError);
  return (error as RuntimeError).code;
}

describe.each(["a request for each call", "one socket"])("over %s", (over) => {
  let world: HttpWorld;
  let http: HttpServer;
  let client: Client;
  let opened: ConnectedClient[];
  const clientWith = (token: string): Client => {
    if (over !== "one socket") return createClient({ url: `${http.url}/`, token });
    const connected = connectClient({ url: `${http.url}/`, token });
    opened.push(connected);
    return connected;
  };

  beforeEach(async () => {
    world = await openHttpWorld();
    http = await world.serve();
    opened = [];
    client = clientWith(clientToken);
  });
  afterEach(async () => {
    world.stop.abort();
    for (const connected of opened) connected.close();
    await http.close(0);
  });

  describe("a job", () => {
    test("is started, and shown as it is", async () => {
      const { job_id } = await client.start("door", { name: "front" });
      expect(await client.get(job_id)).toMatchObject({
        job_id,
        blueprint_name: "door",
        current_state: "closed",
        finished: false,
      });
    });

    test("is the same for the same key", async () => {
      const start = () => client.start("door", { name: "front" }, { idempotencyKey: "k" });
      expect((await start()).job_id).toBe((await start()).job_id);
    });

    test("takes events, or ignores them", async () => {
      const { job_id } = await client.start("door", { name: "front" });
      expect(await client.send(job_id, { type: "OPEN" })).toMatchObject({ status: "accepted" });
      expect(await client.send(job_id, { type: "LOCK" })).toMatchObject({ status: "ignored" });
    });

    test("is listed, page by page and by its blueprint", async () => {
      for (const name of ["a", "b", "c"]) await client.start("door", { name });
      const first = await client.list({ limit: 2, blueprint: "door" });
      expect(first.jobs).toHaveLength(2);
      const second = await client.list({ limit: 2, blueprint: "door", cursor: first.next! });
      expect(second.jobs).toHaveLength(1);
      expect(await client.list({ blueprint: "window" })).toEqual({ jobs: [] });
      expect(await client.list({ status: "finished" })).toEqual({ jobs: [] });
    });

    test("has a history, of which the later steps can be had alone", async () => {
      const { job_id } = await client.start("door", { name: "front" });
      await client.send(job_id, { type: "OPEN" });
      const states = (await client.history(job_id)).map((step) => step.current_state);
      expect(states).toEqual(["closed", "open"]);
      expect(await client.history(job_id, { after: 1 })).toMatchObject([
        { revision: 2, message: { type: "event", event: { type: "OPEN" } } },
      ]);
    });

    test("can be cancelled once", async () => {
      const { job_id } = await client.start("door", { name: "front" });
      await client.cancel(job_id);
      expect(await client.get(job_id)).toMatchObject({ status: "cancelled", finished: true });
      expect(await codeOf(client.cancel(job_id))).toBe("job.finished");
    });

    test("is waited for until it ends", async () => {
      const { job_id } = await client.start("door", { name: "front" });
      const waiting = client.wait(job_id);
      await client.send(job_id, { type: "LOCK" });
      expect(await waiting).toMatchObject({ current_state: "locked", finished: true });
    });

    test("is run to its end", async () => {
      const running = client.run("door", { name: "front" }, { idempotencyKey: "k" });
      const { job_id } = await client.start("door", { name: "front" }, { idempotencyKey: "k" });
      await client.send(job_id, { type: "LOCK" });
      expect(await running).toMatchObject({ job_id, state: "locked", status: "finished" });
    });

    test("is run for longer than one request waits", async () => {
      const running = client.run("door", { name: "front" }, { idempotencyKey: "k" });
      const { job_id } = await client.start("door", { name: "front" }, { idempotencyKey: "k" });
      await eventually(() => world.clock.pending > 0);
      await world.clock.advance(30_000);
      await client.send(job_id, { type: "LOCK" });
      expect(await running).toMatchObject({ job_id, state: "locked", status: "finished" });
    });

    test("is waited for no longer than wanted", async () => {
      const { job_id } = await client.start("door", { name: "front" });
      const waiting = client.wait(job_id, { timeoutMs: 40_000 });
      // One request waits for 30 seconds at most, so this takes two.
      for (const stepMs of [30_000, 10_000]) {
        await eventually(() => world.clock.pending > 0);
        await world.clock.advance(stepMs);
      }
      expect(await waiting).toMatchObject({ finished: false });
    });

    test("is watched from its start to its end", async () => {
      const { job_id } = await client.start("door", { name: "front" });
      const told: string[] = [];
      for await (const event of client.watch(job_id)) {
        told.push(event.type === "state" ? event.current_state : event.type);
        if (told.length === 1) await client.send(job_id, { type: "LOCK" });
      }
      expect(told).toEqual(["closed", "locked", "finished"]);
    });

    test("whose end is known has nothing more to watch", async () => {
      const { job_id } = await client.start("door", { name: "front" });
      const { revision } = await client.send(job_id, { type: "LOCK" });
      expect(await client.watch(job_id, { after: revision }).next()).toEqual({
        done: true,
        value: undefined,
      });
    });
  });

  test("workers are listed", async () => {
    await world.worker("w1", "echo_task");
    expect(await client.workers()).toMatchObject([
      { worker_id: "w1", supported_tasks: ["echo_task"] },
    ]);
  });

  test("jobs and workers are counted", async () => {
    await world.worker("w1", "echo_task");
    await client.start("door", { name: "front" });
    expect(await client.dashboard()).toMatchObject({
      workers: { total: 1 },
      jobs: { waiting_for_event: 1 },
    });
  });

  test("blueprints are listed, each with its chart", async () => {
    const door = (await client.blueprints()).find(({ name }) => name === "door");
    expect(door).toMatchObject({ version: "2", style: "native" });
    expect(await client.chart("door")).toBe("svg of door 2");
    expect(await client.chart("door", { format: "dot", version: "2" })).toBe("dot of door 2");
    expect(await codeOf(client.chart("door", { version: "3" }))).toBe("blueprint.not_found");
  });

  describe("a refusal", () => {
    test("has the server's own code", async () => {
      expect(await codeOf(client.get("nothing"))).toBe("job.not_found");
      expect(await codeOf(client.start("nothing", {}))).toBe("blueprint.not_found");
      expect(await codeOf(client.start("door", { name: 7 }))).toBe("blueprint.input_invalid");
      expect(await codeOf(clientWith("wrong").get("nothing"))).toBe("auth.invalid_token");
    });

    test("of what is too large comes before it is sent, or instead of an answer", async () => {
      const large = client.start("door", { name: "x".repeat(requestBytesMax) });
      expect(await codeOf(large)).toBe("request.body_too_large");
    });

    test("of a watch comes at once", async () => {
      expect(await codeOf(client.watch("nothing").next())).toBe("job.not_found");
    });
  });
});

describe("an answer that is not a server's", () => {
  const clientOf = (answer: () => Response | Promise<Response>): Client =>
    createClient({ url: "http://elsewhere", token: "t", fetch: answer });

  test.each([
    ["a page", () => new Response("<h1>Hello</h1>")],
    ["JSON of another kind", () => Response.json({ hello: "world" })],
    ["an error page", () => new Response("Oh no", { status: 500 })],
    ["an error of another kind", () => Response.json({ message: "no" }, { status: 404 })],
    ["a code that is not known", () => Response.json({ error: "x", code: "y.z" }, { status: 400 })],
  ])("is refused: %s", async (_, answer) => {
    expect(await codeOf(clientOf(answer).get("j"))).toBe("server.answer_unexpected");
  });

  test.each([502, 503, 504])(
    "says that the server can't be reached where a proxy says so with %d",
    async (status) => {
      const proxied = clientOf(() => new Response("<h1>Try later</h1>", { status }));
      expect(await codeOf(proxied.get("j"))).toBe("server.unreachable");
    },
  );

  test("is told from no answer at all", async () => {
    const nobody = clientOf(() => Promise.reject(new TypeError("fetch failed")));
    expect(await codeOf(nobody.get("j"))).toBe("server.unreachable");
  });
});

test("what the caller ends while it waits is the caller's own reason, over the socket, too", async () => {
  const world = await openHttpWorld();
  const http = await world.serve();
  const client = connectClient({ url: http.url, token: clientToken });
  const { job_id } = await client.start("door", { name: "front" });
  const ending = new AbortController();
  const reason = new Error("changed my mind");
  const idle = world.clock.pending;
  const waiting = client.wait(job_id, { signal: ending.signal });
  await eventually(() => world.clock.pending > idle);
  ending.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  // The server waits no longer either.
  await eventually(() => world.clock.pending === idle);
  client.close();
  await http.close(0);
});

test("more requests than a socket takes at once wait for their turn", async () => {
  const world = await openHttpWorld();
  const http = await world.serve();
  const client = connectClient({ url: http.url, token: clientToken });
  const { job_id } = await client.start("door", { name: "front" });
  const waiting = Array.from({ length: clientCallsMax + 76 }, () => client.wait(job_id));
  // An event would wait behind them, so another client sends it.
  await createClient({ url: http.url, token: clientToken }).send(job_id, { type: "LOCK" });
  expect((await Promise.all(waiting)).every(({ finished }) => finished)).toBe(true);
  client.close();
  await http.close(0);
});

test("what is ended before it has been sent is not done", async () => {
  const world = await openHttpWorld();
  const http = await world.serve();
  const client = connectClient({ url: http.url, token: clientToken });
  const ending = new AbortController();
  const starting = client.start("door", { name: "front" }, { signal: ending.signal });
  ending.abort(new Error("changed my mind"));
  await expect(starting).rejects.toThrow("changed my mind");
  expect(await client.list()).toEqual({ jobs: [] });
  client.close();
  await http.close(0);
});

test("a proxy in the place of a server is told as one that can't be reached, over the socket, too", async () => {
  const proxy = createServer((_, response) => {
    response.writeHead(502, { "content-type": "text/html" }).end("<h1>Try later</h1>");
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const { port } = proxy.address() as AddressInfo;
  const client = connectClient({ url: `http://127.0.0.1:${port}`, token: "t" });
  expect(await codeOf(client.get("j"))).toBe("server.unreachable");
  client.close();
  proxy.close();
});

test("what the caller ends is the caller's own reason", async () => {
  const reason = new Error("changed my mind");
  const call = createClient({ url: "http://127.0.0.1:1", token: "t" });
  await expect(call.get("j", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test.each(["", "localhost:8080", "ftp://server", "not a url"])(
  "the address %j is refused",
  (url) => {
    expect(() => createClient({ url, token: "t" })).toThrow(RuntimeError);
  },
);
