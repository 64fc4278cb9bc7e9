// The main thread's side of its sockets: one thread has them all, and lives as long as there are any.
import { MessageChannel, Worker, type MessagePort } from "node:worker_threads";
import type { z } from "zod";
import type { Hello } from "../src/protocol/worker-frames.ts";
import type { GuardedTimes } from "./heartbeat-guard.ts";
import {
  type FromSocket,
  type HeldChange,
  type OpenSocket,
  type ToSocket,
} from "./socket-messages.ts";
import { threadEntry } from "./thread-entry.ts";
import { TurnNote } from "./turn-note.ts";

/** How long the thread is kept when it has no connection. */
const idleMs = 60_000;
/** Of short-lived garbage, in MiB: texts pass through and leave nothing behind. */
const youngMb = 16;
/** The code of a connection that has ended without a word. */
const broken = 1006;

const program = new URL(
  import.meta.url.endsWith(".ts") ? "./socket-program.ts" : "./socket-program.js",
  import.meta.url,
);

export interface SocketHandlers {
  onOpen(): void;
  /** @param at when it came, by `threadTime`: it may have waited for this thread since */
  onMessage(text: string, at: number): void;
  onPing(): void;
  /**
   * Called once, and last. The thread keeps what is held alive nevertheless, until `end`.
   *
   * @param code of the WebSocket, or a status of HTTP where the server refused the upgrade
   */
  onClose(code: number, said: string): void;
}

/** A WebSocket that stays alive while this thread is busy. While it is there, so is the process. */
export class ThreadSocket {
  readonly #port: MessagePort;
  readonly #taken = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #handlers: SocketHandlers;
  readonly #note = new TurnNote();
  #isClosed = false;
  #isEnded = false;

  constructor(open: Omit<OpenSocket, "taken" | "note">, handlers: SocketHandlers) {
    const { port1, port2 } = new MessageChannel();
    this.#handlers = handlers;
    this.#port = port1;
    port1.on("message", (message: FromSocket) => this.#take(message));
    // The thread has died.
    port1.once("close", () => {
      this.#closed(broken, "the thread with the socket has ended");
      this.end();
    });
    socketThread.connect({ ...open, taken: this.#taken, note: this.#note.memory }, port2);
  }

  /** Send messages, and say which attempts this thread has begun or ended. @param beats whether a heartbeat is among them */
  send(messages: readonly string[], change: HeldChange, beats: boolean): void {
    this.#post({ type: "send", messages, ...change, beats });
    this.#note.clear();
  }

  /**
   * An attempt, as `refText` writes it, begins now, and will be accepted with the next messages; should this thread not
   * come to send any, it is accepted in its place.
   *
   * @returns false where the messages have to be sent at once, because too much has begun
   */
  begins(ref: string): boolean {
    return this.#note.add(ref);
  }

  /**
   * From now on, have these attempts and those that are held later kept alive while this thread is busy, over connections
   * that are made for that with the same hello, should this one be lost.
   */
  guard(times: GuardedTimes, hold: readonly string[], hello: z.input<typeof Hello>): void {
    this.#post({ type: "guard", times, hold, hello });
  }

  renew(token: string): void {
    this.#post({ type: "token", token });
  }

  close(code: number, reason: string): void {
    this.#post({ type: "close", code, reason });
  }

  terminate(): void {
    this.#post({ type: "terminate" });
  }

  /** The connection is lost, and nothing is to be kept alive in its place any more. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    // The end of a port is noticed later than what it says.
    this.#post({ type: "end" });
    this.#port.close();
    socketThread.disconnected();
  }

  #post(message: ToSocket): void {
    this.#port.postMessage(message);
  }

  #take(message: FromSocket): void {
    switch (message.type) {
      case "message":
        Atomics.add(this.#taken, 0, message.text.length);
        this.#handlers.onMessage(message.text, message.at);
        return;
      case "open":
        this.#handlers.onOpen();
        return;
      case "ping":
        this.#handlers.onPing();
        return;
      case "asked":
        this.#post({ type: "here" });
        return;
      case "closed":
        this.#closed(message.code, message.said);
    }
  }

  #closed(code: number, said: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handlers.onClose(code, said);
  }
}

/** The thread itself. One is enough for all connections of a process, and a second would cost as much memory again. */
class SocketThread {
  #worker: Worker | undefined;
  #connections = 0;
  #idle: NodeJS.Timeout | undefined;

  connect(open: OpenSocket, port: MessagePort): void {
    clearTimeout(this.#idle);
    this.#connections++;
    this.#worker ??= this.#start();
    this.#worker.postMessage({ ...open, port }, [port]);
  }

  disconnected(): void {
    if (--this.#connections > 0) return;
    this.#idle = setTimeout(() => void this.end(), idleMs).unref();
  }

  /** End the thread. Connections that it has are lost, and the next one starts it anew. */
  async end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(threadEntry(program, process.execArgv), {
      eval: true,
      resourceLimits: { maxYoungGenerationSizeMb: youngMb },
    });
    // It is the connections that keep the process, by their ports.
    worker.unref();
    const gone = (): void => {
      if (this.#worker === worker) this.#worker = undefined;
    };
    worker.once("error", gone);
    worker.once("exit", gone);
    return worker;
  }
}

export const socketThread = new SocketThread();
