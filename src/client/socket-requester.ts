// Requests over one WebSocket: those of the same moment travel in one message, and each answer finds its request.
import type { IncomingMessage } from "node:http";
import { WebSocket, type RawData } from "ws";
import { RuntimeError } from "../errors.ts";
import { clientPath, clientSubprotocol } from "../protocol/client-frames.ts";
import { requestBytesMax } from "../protocol/contract.ts";
import { joinFrames } from "../protocol/message.ts";
import type { ClientOptions } from "./client.ts";
import {
  answerMs,
  baseOf,
  createRequester,
  readAnswer,
  readJson,
  refusalIn,
  unexpected,
  unreachable,
  type Requester,
  type RequestOptions,
} from "./request.ts";

export interface SocketRequester extends Requester {
  /** Hang up. What has not been answered by then fails with `server.unreachable`. */
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface Pending {
  answer(answer: Answer): void;
  fail(error: unknown): void;
}

/** An answer that is a string in its message may be as long as this. */
const messageBytesMax = 64 * 1024 * 1024;

/**
 * What streams goes over HTTP, as ever. The socket is opened by the first request, and after a break by the next one:
 * a request that was under way then has failed, and may have been done or not.
 *
 * @throws RuntimeError `config.invalid` where the url is not one of http or https.
 */
export function createSocketRequester(options: ClientOptions): SocketRequester {
  const base = baseOf(options.url);
  const overHttp = createRequester(options);
  let line: Line | undefined;

  return {
    async json(schema, path, call = {}) {
      if (!line || line.isOver) line = new Line(base, options.token);
      const { status, body } = await line.ask(path, call);
      if (status >= 400) throw refusalIn(base, status, body);
      return readAnswer(base, schema, path, body);
    },
    text: (path, call) => overHttp.text(path, call),
    stream: (path, call) => overHttp.stream(path, call),
    close: () => line?.close(),
  };
}

/** One connection, from its opening to its end. */
class Line {
  readonly #base: string;
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, Pending>();
  #outgoing: string[] = [];
  #lastId = 0;
  #isOpen = false;
  #isOver = false;

  constructor(base: string, token: string) {
    this.#base = base;
    this.#socket = new WebSocket(`${base.replace(/^http/, "ws")}${clientPath}`, clientSubprotocol, {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      maxPayload: messageBytesMax,
      handshakeTimeout: answerMs,
    });
    this.#socket
      .on("open", () => {
        this.#isOpen = true;
        this.#flush();
      })
      .on("message", (data) => this.#receive(data))
      .on("unexpected-response", (_, response) => this.#refused(response))
      .on("error", (error) => this.#end(unreachable(base, error)))
      .on("close", (code) =>
        this.#end(unreachable(base, `the connection has ended with code ${code}`)),
      );
  }

  /** No further request can be made over it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  ask(path: string, { body, headers, signal, waitMs = 0 }: RequestOptions): Promise<Answer> {
    signal?.throwIfAborted();
    const id = ++this.#lastId;
    const method = body === undefined ? "GET" : "POST";
    const frame = JSON.stringify({ type: "call", id, method, path, headers, body });
    if (frame.length * 3 > requestBytesMax && Buffer.byteLength(frame) > requestBytesMax)
      throw new RuntimeError(
        "request.body_too_large",
        `The body is larger than ${requestBytesMax} bytes.`,
        { bytesMax: requestBytesMax },
      );
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        settle(() => reject(unreachable(this.#base, "there was no answer in time")));
        this.#send(JSON.stringify({ type: "abandon", id }));
      }, answerMs + waitMs);
      const abandon = (): void => {
        settle(() => reject(signal!.reason as Error));
        this.#send(JSON.stringify({ type: "abandon", id }));
      };
      const settle = (done: () => void): void => {
        clearTimeout(late);
        signal?.removeEventListener("abort", abandon);
        this.#pending.delete(id);
        done();
      };
      signal?.addEventListener("abort", abandon);
      this.#pending.set(id, {
        answer: (answer) => settle(() => resolve(answer)),
        fail: (error) => settle(() => reject(error as Error)),
      });
      this.#send(frame);
    });
  }

  close(): void {
    this.#socket.close();
    this.#end(unreachable(this.#base, "the client has been closed"));
  }

  /** Send a frame, together with all others of this turn of the event loop. */
  #send(frame: string): void {
    if (this.#outgoing.push(frame) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (!this.#isOpen || this.#isOver) return;
    for (const message of joinFrames(this.#outgoing)) this.#socket.send(message);
    this.#outgoing = [];
  }

  #receive(data: RawData): void {
    let value: unknown;
    try {
      value = readJson(this.#base, (data as Buffer).toString());
    } catch (error) {
      this.#end(error);
      return;
    }
    for (const frame of Array.isArray(value) ? value : [value]) this.#take(frame);
  }

  #take(frame: unknown): void {
    const { type, id, status, body, code, message } = (frame ?? {}) as Record<string, unknown>;
    if (type === "answer" && typeof id === "number" && typeof status === "number")
      // One that has been given up is not waited for any more.
      this.#pending.get(id)?.answer({ status, body });
    else if (type === "error") this.#end(refusalIn(this.#base, 400, { error: message, code }));
    else this.#end(unexpected(this.#base, "what it says over its socket is no answer"));
  }

  #refused(response: IncomingMessage): void {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("error", (error) => this.#end(unreachable(this.#base, error)));
    response.on("end", () => this.#end(this.#refusal(response, Buffer.concat(chunks).toString())));
  }

  #refusal({ statusCode = 0 }: IncomingMessage, text: string): unknown {
    try {
      return refusalIn(this.#base, statusCode, readJson(this.#base, text));
    } catch (error) {
      return error;
    }
  }

  #end(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#outgoing = [];
    for (const pending of this.#pending.values()) pending.fail(error);
    if (this.#socket.readyState !== WebSocket.CLOSING) this.#socket.terminate();
  }
}
