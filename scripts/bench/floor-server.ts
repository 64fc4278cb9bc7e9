// The least that a server can do: answers every POST with the same text, and every WebSocket message with itself.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { answerOfFloor } from "./floor-texts.ts";

const server = createServer((request, response) => {
  if (request.url === "/cpu") {
    const { user, system } = process.cpuUsage();
    response.end(String((user + system) / 1000));
    return;
  }
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => (text += chunk));
  request.on("end", () => {
    JSON.parse(text);
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(answerOfFloor),
    });
    response.end(answerOfFloor);
  });
});
new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket) =>
  socket.on("message", (data) => socket.send((data as Buffer).toString())),
);
server.listen(0, "127.0.0.1", () =>
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`),
);
process.on("SIGTERM", () => process.exit(0));
