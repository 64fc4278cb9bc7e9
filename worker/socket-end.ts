// One connection in the thread that has the sockets: what comes goes to the main thread, what that says goes out.
import type { IncomingMessage } from "node:http";
import type { MessagePort } from "node:worker_threads";
import { WebSocket, type RawData } from "ws";
import type { z } from "zod";
import type { AttemptRef, Hello } from "../src/protocol/worker-frames.ts";
import { Backoff } from "./backoff.ts";
import { HeartbeatGuard } from "./heartbeat-guard.ts";
import { helloFrames } from "./pages.ts";
import { threadTime, type FromSocket, type OpenSocket, type ToSocket } from "./socket-messages.ts";
import { TurnNote } from "./turn-note.ts";

/** When more than this waits for the main thread, in characters, nothing more is read until it has caught up. */
const waitingCharsMax = 16 * 1024 * 1024;
/** How often to look whether it has. */
const lookMs = 20;
/** The main thread answers within this time, where it is not busy. */
const promptMs = 1_000;

interface Refusal {
  readonly status: number;
  readonly message: string;
}

export class SocketEnd {
  readonly #port: MessagePort;
  readonly #open: OpenSocket;
  readonly #guard: HeartbeatGuard;
  readonly #backoff = new Backoff(Math.random);
  #token: string;
  #socket: WebSocket;
  /** What a connection begins with that is made in the place of the main thread. */
  #hello: z.input<typeof Hello> | undefined;
  /** Frames may be sent. The main thread waits for its welcome by itself. */
  #isWelcome = true;
  #isOver = false;
  /** Since the connection was lost: when to look whether another one has to be made here. */
  #retry: NodeJS.Timeout | undefined;
  /** It has answered since it was asked last. */
  #isMainFree = false;
  /** Characters passed on so far, wrapping around as those that were taken do. */
  #passed = 0;

  constructor(port: MessagePort, open: OpenSocket) {
    this.#port = port;
    this.#open = open;
    this.#token = open.token;
    this.#guard = new HeartbeatGuard({
      note: new TurnNote(open.note),
      send: (message) => this.#send(message),
      onSilence: () => this.#socket.terminate(),
    });
    this.#socket = this.#connect();
    this.#socket.on("open", () => this.#say({ type: "open" }));
    this.#socket.on("message", (data) => this.#pass(data));
    this.#socket.on("ping", () => this.#say({ type: "ping" }));
    port.on("message", (message: ToSocket) => this.#take(message));
    port.once("close", () => this.#end());
  }

  #connect(): WebSocket {
    const { url, subprotocol, messageBytesMax, answerMs } = this.#open;
    const socket = new WebSocket(url, [subprotocol], {
      headers: { authorization: `Bearer ${this.#token}` },
      perMessageDeflate: false,
      maxPayload: messageBytesMax,
      handshakeTimeout: answerMs,
      followRedirects: false,
    });
    let refusal: Refusal | undefined;
    let trouble: Error | undefined;
    socket.on("ping", () => this.#guard.heard());
    socket.on("unexpected-response", (_request, response) => {
      void readRefusal(response).then((read) => {
        refusal = read;
        socket.terminate();
      });
    });
    socket.on("error", (error) => (trouble = error));
    socket.once("close", (code, reason) => {
      const said = refusal?.message ?? (reason.toString() || trouble?.message) ?? "";
      this.#closed({ type: "closed", code: refusal?.status ?? code, said });
    });
    return socket;
  }

  /** Where the main thread is too busy to connect again, that is done in its place, as long as it holds anything. */
  #closed(last: FromSocket): void {
    if (this.#isOver) return;
    if (this.#retry === undefined) this.#say(last);
    this.#watchMain();
  }

  /** Being free for a turn is not enough to connect: it is asked again and again, until it has another connection. */
  #watchMain(): void {
    this.#isMainFree = false;
    this.#say({ type: "asked" });
    this.#retry = setTimeout(() => {
      if (this.#isMainFree) this.#backoff.reset();
      else if (this.#hello && this.#guard.held.length > 0) return this.#standIn(this.#hello);
      this.#watchMain();
    }, promptMs + this.#backoff.next());
  }

  /** Connect to keep what runs, and for nothing else: the main thread takes over with a connection of its own. */
  #standIn(hello: z.input<typeof Hello>): void {
    const socket = this.#connect();
    this.#socket = socket;
    this.#isWelcome = false;
    this.#guard.takeOver();
    socket.on("message", (data: Buffer) => {
      this.#isWelcome = true;
      this.#guard.hear(data.toString());
    });
    socket.on("open", () => {
      this.#backoff.reset();
      const running = this.#guard.held.map((ref) => JSON.parse(ref) as AttemptRef);
      for (const frame of helloFrames({ ...hello, credits: 0, running, outbox: [] }))
        socket.send(JSON.stringify(frame));
    });
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#retry);
    this.#guard.stop();
    this.#socket.terminate();
  }

  #take(message: ToSocket): void {
    switch (message.type) {
      case "send":
        this.#guard.change(message, message.beats);
        // What was meant for a connection that is lost is lost with it.
        if (this.#retry === undefined) for (const one of message.messages) this.#send(one);
        return;
      case "guard":
        this.#hello = message.hello;
        this.#guard.start(message.times, message.hold);
        return;
      case "token":
        this.#token = message.token;
        return;
      case "close":
        this.#socket.close(message.code, message.reason);
        return;
      case "terminate":
        this.#socket.terminate();
        return;
      case "here":
        this.#isMainFree = true;
        return;
      case "end":
        this.#end();
    }
  }

  #send(message: string): void {
    const socket = this.#socket;
    if (this.#isWelcome && socket.readyState === WebSocket.OPEN) socket.send(message);
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
    return (this.#passed - Atomics.load(this.#open.taken, 0)) | 0;
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
