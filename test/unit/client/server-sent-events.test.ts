// Server-sent events, however the bytes of the stream are cut.
import { describe, expect, test } from "vitest";
import { serverSentEvents, type ServerSentEvent } from "../../../src/client/server-sent-events.ts";

const stream =
  'retry: 1000\n\nevent: state\nid: 3\ndata: {"a":1}\n\n: still here\n\ndata: é\ndata:line\n\n';

async function eventsIn(chunks: readonly Uint8Array[]): Promise<readonly ServerSentEvent[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const events: ServerSentEvent[] = [];
  for await (const event of serverSentEvents(body)) events.push(event);
  return events;
}

describe("events in a stream", () => {
  test("carry data and ids; comments and settings are none", async () => {
    expect(await eventsIn([Buffer.from(stream)])).toEqual([
      { id: "3", data: '{"a":1}' },
      { data: "é\nline" },
    ]);
  });

  test("are the same wherever the stream is cut", async () => {
    const bytes = Buffer.from(stream);
    const whole = await eventsIn([bytes]);
    for (let cut = 1; cut < bytes.length; cut++)
      expect(await eventsIn([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(whole);
  });

  test("may end their lines as Windows does", async () => {
    const bytes = Buffer.from(stream.replaceAll("\n", "\r\n"));
    expect(await eventsIn([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(
      await eventsIn([Buffer.from(stream)]),
    );
  });

  test("that are cut off are left out", async () => {
    expect(await eventsIn([Buffer.from("data: 1\n\ndata: 2\n")])).toEqual([{ data: "1" }]);
  });
});

test("a reader that stops early closes the stream", async () => {
  let closed = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(Buffer.from("data: again\n\n")),
    cancel: () => void (closed = true),
  });
  for await (const event of serverSentEvents(body)) {
    expect(event.data).toBe("again");
    break;
  }
  expect(closed).toBe(true);
});
