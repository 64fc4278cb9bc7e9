// One connection in the thread that has the sockets: what comes goes to the main thread, what that says goes out.
import type { IncomingMessage } from "node:http";
import type { MessagePort } from "node:worker_threads";
import { WebSocket, type RawData } from "ws";
import { HeartbeatGuard } from "./heartbeat-guard.ts";
import { threadTime, type FromSocket, type OpenSocket, type ToSocket } from "./socket-messages.ts";
import { TurnNote } from "./turn-note.ts";

/** When more than this waits for the main thread, in characters, nothing more is read until it has caught up. */
const waitingCharsMax = 16 * 1024 * 1024;
/** How often to look whether it has. */
const lookMs = 20;

interface Refusal {
  readonly status: number;
  readonly message: string;
}

export class SocketEnd {
  readonly #port: MessagePort;
  readonly #socket: WebSocket;
  readonly #taken: Int32Array;
  readonly #guard: HeartbeatGuard;
  /** Characters passed on so far, wrapping around as those that were taken do. */
  #passed = 0;

  constructor(port: MessagePort, open: OpenSocket) {
    const { url, subprotocol, token, messageBytesMax, answerMs, taken, note } = open;
    const socket = new WebSocket(url, [subprotocol], {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      maxPayload: messageBytesMax,
      handshakeTimeout: answerMs,
      followRedirects: false,
    });
    this.#port = port;
    this.#socket = socket;
    this.#taken = taken;
    this.#guard = new HeartbeatGuard(new TurnNote(note), (message) => socket.send(message));
    let refusal: Refusal | undefined;
    let trouble: Error | undefined;
    port.on("message", (message: ToSocket) => this.#take(message));
    socket.on("open", () => this.#say({ type: "open" }));
    socket.on("message", (data) => this.#pass(data));
    socket.on("ping", () => this.#say({ type: "ping" }));
    socket.on("unexpected-response", (_request, response) => {
      void readRefusal(response).then((read) => {
        refusal = read;
        socket.terminate();
      });
    });
    socket.on("error", (error) => (trouble = error));
    socket.once("close", (code, reason) => {
      this.#guard.stop();
      const said = refusal?.message ?? (reason.toString() || trouble?.message) ?? "";
      this.#say({ type: "closed", code: refusal?.status ?? code, said });
      port.close();
    });
  }

  #take(message: ToSocket): void {
    const socket = this.#socket;
    switch (message.type) {
      case "send":
        this.#guard.change(message, message.beats);
        if (socket.readyState === WebSocket.OPEN)
          for (const one of message.messages) socket.send(one);
        return;
      case "guard":
        this.#guard.start(message.times, message.hold);
        return;
      case "close":
        socket.close(message.code, message.reason);
        return;
      case "terminate":
        socket.terminate();
    }
  }

  #say(message: FromSocket): void {
    this.#port.postMessage(message);
  }

  /** What the main thread has not taken waits in the port, in order, and within bounds. */
  #pass(data: RawData): void {
    // ws gives one Buffer unless it is told otherwise.
    const text = (data as Buffer).toString();
    this.#guard.hear(text);
    this.#passed = (this.#passed + text.length) | 0;
    this.#say({ type: "message", text, at: threadTime() });
    if (this.#waiting() > waitingCharsMax && !this.#socket.isPaused) this.#pause();
  }

  #pause(): void {
    const socket = this.#socket;
    socket.pause();
    const look = setInterval(() => {
      if (this.#waiting() > waitingCharsMax / 2 && socket.readyState !== WebSocket.CLOSED) return;
      clearInterval(look);
      socket.resume();
    }, lookMs);
  }

  #waiting(): number {
    return (this.#passed - Atomics.load(this.#taken, 0)) | 0;
  }
}

/** What a server says that answers an upgrade with an ordinary response. */
async function readRefusal(response: IncomingMessage): Promise<Refusal> {
  const status = response.statusCode ?? 0;
  let body = "";
  try {
    for await (const chunk of response) {
      body += String(chunk);
      if (body.length > 4096) break;
    }
    const { error } = JSON.parse(body) as { error?: unknown };
    if (typeof error === "string") return { status, message: error };
  } catch {
    // Not one of ours, or cut short: the status has to do.
  }
  return { status, message: response.statusMessage ?? "" };
}
