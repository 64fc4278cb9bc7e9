// Requests over one WebSocket: those of the same moment travel in one message, and each answer finds its request.
import type { IncomingMessage } from "node:http";
import { WebSocket, type RawData } from "ws";
import { RuntimeError } from "../errors.ts";
import { clientCallsMax, clientPath, clientSubprotocol } from "../protocol/client-frames.ts";
import { requestBytesMax } from "../protocol/contract.ts";
import { joinFrames } from "../protocol/message.ts";
import type { ClientOptions } from "./client.ts";
import {
  answerMs,
  baseOf,
  createRequester,
  isJson,
  proxyStatuses,
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

/** The longest message, in bytes: one answer may be a history with large contexts. */
const messageBytesMax = 64 * 1024 * 1024;
/** The server pings three times in this time, in milliseconds: where nothing is heard for it, nobody is there. */
const silentMs = 45_000;

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
  /** Requests that wait for the end of this turn, or of others: the server takes so many at once. In order. */
  readonly #unsent = new Map<number, string>();
  #abandoned: number[] = [];
  #isFlushing = false;
  #lastId = 0;
  #heardAt = performance.now();
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
      .on("ping", () => this.#heard())
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
    const text = body === undefined ? undefined : JSON.stringify(body);
    if (text !== undefined && text.length * 3 > requestBytesMax) refuseTooLarge(text);
    const method = text === undefined ? "GET" : "POST";
    const head = JSON.stringify({ type: "call", id, method, path, headers });
    const frame = text === undefined ? head : `${head.slice(0, -1)},"body":${text}}`;
    return new Promise((resolve, reject) => {
      const giveUp = (reason: unknown): void => {
        settle(() => reject(reason as Error));
        // What has not gone out yet is not done either.
        if (this.#unsent.delete(id)) return;
        this.#abandoned.push(id);
        this.#flushSoon();
      };
      const late = setTimeout(() => {
        giveUp(unreachable(this.#base, "there was no answer in time"));
        if (performance.now() - this.#heardAt > silentMs)
          this.#end(unreachable(this.#base, "nothing has been heard for too long"));
      }, answerMs + waitMs);
      const abandon = (): void => giveUp(signal!.reason);
      const settle = (done: () => void): void => {
        clearTimeout(late);
        signal?.removeEventListener("abort", abandon);
        this.#pending.delete(id);
        if (this.#unsent.size > 0) this.#flushSoon();
        done();
      };
      signal?.addEventListener("abort", abandon);
      this.#pending.set(id, {
        answer: (answer) => settle(() => resolve(answer)),
        fail: (error) => settle(() => reject(error as Error)),
      });
      this.#unsent.set(id, frame);
      this.#flushSoon();
    });
  }

  close(): void {
    this.#socket.close();
    this.#end(unreachable(this.#base, "the client has been closed"));
  }

  /** Send what there is, together with all else of this turn of the event loop. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    if (!this.#isOpen || this.#isOver) return;
    const frames = this.#abandoned.map((id) => JSON.stringify({ type: "abandon", id }));
    this.#abandoned = [];
    let room = clientCallsMax - (this.#pending.size - this.#unsent.size);
    for (const [id, frame] of this.#unsent) {
      if (room-- <= 0) break;
      this.#unsent.delete(id);
      frames.push(frame);
    }
    for (const message of joinFrames(frames)) this.#socket.send(message);
  }

  #heard(): void {
    this.#heardAt = performance.now();
  }

  #receive(data: RawData): void {
    this.#heard();
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

  #refusal({ statusCode = 0, headers }: IncomingMessage, text: string): unknown {
    if (proxyStatuses.includes(statusCode) && !isJson(headers["content-type"]))
      return unreachable(this.#base, `a proxy answers with status ${statusCode}`);
    try {
      return refusalIn(this.#base, statusCode, readJson(this.#base, text));
    } catch (error) {
      return error;
    }
  }

  #end(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unsent.clear();
    for (const pending of this.#pending.values()) pending.fail(error);
    if (this.#socket.readyState !== WebSocket.CLOSING) this.#socket.terminate();
  }
}

/** @throws RuntimeError `request.body_too_large` */
function refuseTooLarge(text: string): void {
  if (Buffer.byteLength(text) <= requestBytesMax) return;
  throw new RuntimeError(
    "request.body_too_large",
    `The body is larger than ${requestBytesMax} bytes.`,
    { bytesMax: requestBytesMax },
  );
}
