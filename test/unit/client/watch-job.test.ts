// Watching over connections that break: nothing is missed, nothing comes twice, and hope ends some time.
import { expect, test } from "vitest";
import { createClient } from "../../../src/client/client.ts";
import { RuntimeError } from "../../../src/errors.ts";
import type { StreamEvent } from "../../../src/protocol/job-event.ts";

const at = "2026-01-01T00:00:00.000Z";
const state = (revision: number): string =>
  `id: ${revision}\ndata: ${JSON.stringify({ type: "state", job_id: "j", revision, current_state: `s${revision}`, status: "running", at })}\n\n`;
const job = {
  id: "j",
  job_id: "j",
  blueprint_name: "b",
  blueprint_version: "1",
  current_state: "end",
  status: "finished",
  finished: true,
  created_at: at,
  updated_at: at,
  revision: 3,
  state_value: "end",
  active_states: [],
  initial_data: null,
  state_history: {},
  data: {},
  waits: [],
};
const finished = `id: 3\ndata: ${JSON.stringify({ type: "finished", job_id: "j", revision: 3, job })}\n\n`;

type Connection = (signal: AbortSignal | null | undefined) => Response | Promise<Response>;

/** A server that is a script: one entry for each connection, the last of them again and again. */
function scripted(connections: readonly Connection[]) {
  const asked: (string | null)[] = [];
  const client = createClient({
    url: "http://server",
    token: "t",
    fetch: (_, { headers, signal }) => {
      const connection = connections[Math.min(asked.length, connections.length - 1)]!;
      asked.push(new Headers(headers).get("last-event-id"));
      return connection(signal);
    },
  });
  return { client, asked };
}

const says =
  (...texts: string[]): Connection =>
  () =>
    new Response(texts.join(""));
const breaksAfter =
  (text: string): Connection =>
  () => {
    let told = false;
    const body = new ReadableStream({
      pull(controller) {
        if (told) controller.error(new TypeError("terminated"));
        else controller.enqueue(Buffer.from(text));
        told = true;
      },
    });
    return new Response(body);
  };
const refuses: Connection = () => Promise.reject(new TypeError("fetch failed"));
const stopping: Connection = () =>
  Response.json({ error: "stopping", code: "server.stopping" }, { status: 503 });

async function all(events: AsyncIterable<StreamEvent>): Promise<readonly (number | string)[]> {
  const told: (number | string)[] = [];
  for await (const event of events) told.push(event.type === "state" ? event.revision : event.type);
  return told;
}

test("a connection that breaks is made again, from the last event on", async () => {
  const { client, asked } = scripted([
    breaksAfter(state(1)),
    refuses,
    stopping,
    says(state(2), finished),
  ]);
  expect(await all(client.watch("j"))).toEqual([1, 2, "finished"]);
  expect(asked).toEqual(["0", "1", "1", "1"]);
});

test("a stream that ends before the job does is taken up again", async () => {
  const { client, asked } = scripted([says(state(1)), says(state(2), finished)]);
  expect(await all(client.watch("j", { after: 0 }))).toEqual([1, 2, "finished"]);
  expect(asked).toEqual(["0", "1"]);
});

test("a server that can't be reached at first is not waited for", async () => {
  const { client, asked } = scripted([refuses]);
  await expect(all(client.watch("j"))).rejects.toMatchObject({ code: "server.unreachable" });
  expect(asked).toHaveLength(1);
});

test("a server that does not come back is given up", async () => {
  const { client } = scripted([says(state(1)), refuses]);
  const watched = all(client.watch("j", { patienceMs: 250 }));
  await expect(watched).rejects.toMatchObject({ code: "server.unreachable" });
});

test("with endless patience even the first connection is tried again", async () => {
  const { client, asked } = scripted([refuses, stopping, says(finished)]);
  expect(await all(client.watch("j", { patienceMs: Infinity }))).toEqual(["finished"]);
  expect(asked).toHaveLength(3);
});

test("connections are told of as they come and go", async () => {
  const { client } = scripted([refuses, says(state(1)), stopping, says(finished)]);
  const told: boolean[] = [];
  const onConnection = (isConnected: boolean) => void told.push(isConnected);
  await all(client.watch("j", { patienceMs: Infinity, onConnection }));
  expect(told).toEqual([false, true, false, false, true]);
});

test("a refusal on the way ends the watch", async () => {
  const gone = () => Response.json({ error: "gone", code: "job.not_found" }, { status: 404 });
  const { client } = scripted([says(state(1)), gone]);
  await expect(all(client.watch("j"))).rejects.toBeInstanceOf(RuntimeError);
});

test("what a newer server says beyond is passed over", async () => {
  const { client } = scripted([says('data: {"type":"thought","job_id":"j"}\n\n', finished)]);
  expect(await all(client.watch("j"))).toEqual(["finished"]);
});

test("a watch that is ended just ends", async () => {
  const stop = new AbortController();
  const open: Connection = (signal) => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(state(1)));
        signal?.addEventListener("abort", () => controller.error(signal.reason));
      },
    });
    return new Response(body);
  };
  const { client } = scripted([open]);
  const told: number[] = [];
  for await (const event of client.watch("j", { signal: stop.signal })) {
    if (event.type === "state") told.push(event.revision);
    stop.abort();
  }
  expect(told).toEqual([1]);
});
