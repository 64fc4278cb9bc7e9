// The pages that a worker serves for those who watch it, over a real socket, and what is no request for any of them.
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HealthServer } from "../../../worker/health-server.ts";

let server: HealthServer;
beforeEach(async () => {
  server = await HealthServer.open({
    host: "127.0.0.1",
    port: 0,
    readiness: () => ({ isReady: true, details: { slots: 3 } }),
    metrics: () => "slots 3\n",
  });
});
afterEach(() => server.close());

/** The first line of the answer to a request for exactly this target. */
async function statusOf(target: string, method = "GET"): Promise<string> {
  const socket = connect(server.port, "127.0.0.1");
  socket.write(`${method} ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, "close");
  return text.split("\r\n", 1)[0]!;
}

test.each([
  ["/health", 200],
  ["/ready?verbose", 200],
  ["/metrics", 200],
  ["/", 404],
  ["//", 404],
  ["//health", 404],
  ["/\\", 404],
  ["http://[", 404],
  ["*", 404],
  ["/__proto__", 404],
])("GET %s is answered with %d, and the worker goes on", async (target, status) => {
  expect(await statusOf(target)).toContain(`HTTP/1.1 ${status}`);
  expect(await statusOf("/health", "HEAD")).toContain("HTTP/1.1 200");
});

test("POST is refused", async () => {
  expect(await statusOf("/health", "POST")).toContain("HTTP/1.1 405");
});
