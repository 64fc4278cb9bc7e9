// The thread that has the worker's sockets: answers pings, passes messages on, and beats while the main thread is busy.
import { parentPort, type MessagePort } from "node:worker_threads";
import type { FromSocket, OpenSocket } from "./socket-messages.ts";
import { SocketEnd } from "./socket-end.ts";

parentPort!.on("message", ({ port, ...open }: OpenSocket & { readonly port: MessagePort }) => {
  try {
    new SocketEnd(port, open);
  } catch (error) {
    // An address or a token that no request can carry.
    const said = (error as Error).message;
    port.postMessage({ type: "closed", code: 1006, said } satisfies FromSocket);
  }
});
