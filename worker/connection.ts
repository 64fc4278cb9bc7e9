// The worker's one connection to the server: connects, introduces itself, speaks frames, and connects again for ever.
import type { IncomingMessage } from "node:http";
import { WebSocket, type RawData } from "ws";
import type { Logger } from "pino";
import type { z } from "zod";
import type { Clock, TimerHandle } from "../src/clock.ts";
import { RuntimeError } from "../src/errors.ts";
import { decodeMessage, joinFrames, serverFrames } from "../src/protocol/message.ts";
import {
  closeCodes,
  frameBytesMax,
  workerSubprotocol,
  type Hello,
  type ServerFrame,
  type Welcome,
} from "../src/protocol/worker-frames.ts";
import { Backoff } from "./backoff.ts";
import { helloFrames, withPage } from "./pages.ts";

/** How long the server may take to answer the upgrade, and again to answer the hello. */
const answerMs = 10_000;
/** A connection that lasts this long proves that things are well again. */
const stableMs = 60_000;
/** How long the server may take to answer a close. */
const closeMs = 1_000;

/** Answers that another try will hardly change: a wrong token, a wrong place, a wrong protocol. */
const refusedStatuses = [401, 403, 426];
const refusedCodes: readonly number[] = [
  closeCodes.auth,
  closeCodes.forbidden,
  closeCodes.protocol,
];

export interface ConnectionOptions {
  /** The WebSocket address of the server's worker path. */
  readonly url: string;
  readonly token: string;
  readonly clock: Clock;
  /** From 0 to below 1; spreads reconnections. */
  readonly random: () => number;
  readonly log: Logger;
  /** Beat at least this often, whatever the server asks for. */
  readonly heartbeatMsMax: number | undefined;
  /** What to say first on a new connection. */
  hello(): z.input<typeof Hello>;
  onWelcome(welcome: Welcome): void;
  onFrame(frame: ServerFrame): void;
  /** The server is about to close and wants to be left: call `leave` when nothing is under way. */
  onGoaway(): void;
  /** Time for a heartbeat. */
  onBeat(everyMs: number): void;
  /** There is no connection (any more), and another try is due in `delayMs`; returns whether to make it. */
  onLost(delayMs: number): boolean;
  /** The server refuses this worker; nothing will be tried any more. */
  onRefused(error: RuntimeError): void;
}

interface Refusal {
  readonly status: number;
  readonly message: string;
}

export const connect = (options: ConnectionOptions): Connection => new Connection(options);

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #backoff: Backoff;
  #socket: WebSocket | undefined;
  #token: string;
  #welcomed = false;
  /** The pages of a welcome of which more are to come. */
  #pages: Welcome | undefined;
  #takesTokens = false;
  #outgoing: string[] = [];
  #refusals = 0;
  #silentTicks = 0;
  /** Monotonic time before which the server does not want to see this worker again. */
  #notBefore = 0;
  #askedToGo = false;
  #closing = false;
  #timers: TimerHandle[] = [];
  #retry: TimerHandle | undefined;
  #goneWaiters: (() => void)[] = [];

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#token = options.token;
    this.#backoff = new Backoff(options.random);
  }

  /** Whether the server has welcomed this worker on the connection that is open now. */
  get isOpen(): boolean {
    return this.#welcomed;
  }

  /** Connect, now and whenever the connection is lost. */
  open(): void {
    const { url } = this.#options;
    const socket = new WebSocket(url, [workerSubprotocol], {
      headers: { authorization: `Bearer ${this.#token}` },
      perMessageDeflate: false,
      maxPayload: frameBytesMax,
      handshakeTimeout: answerMs,
      followRedirects: false,
    });
    this.#socket = socket;
    let refusal: Refusal | undefined;
    let trouble: Error | undefined;
    socket.on("open", () => {
      for (const frame of helloFrames(this.#options.hello())) socket.send(JSON.stringify(frame));
      this.#after(answerMs, () => {
        if (!this.#welcomed) socket.terminate();
      });
    });
    socket.on("message", (data) => this.#receive(data));
    socket.on("ping", () => (this.#silentTicks = 0));
    socket.on("unexpected-response", (_request, response) => {
      void readRefusal(response).then((read) => {
        refusal = read;
        socket.terminate();
      });
    });
    socket.on("error", (error) => (trouble = error));
    socket.once("close", (code, reason) => {
      this.#lost();
      const said = refusal?.message ?? (reason.toString() || trouble?.message) ?? "";
      if (!this.#closing) this.#connectAgain(refusal?.status ?? code, said);
    });
  }

  /** Send a frame, together with all others of this turn of the event loop; it is lost where there is no connection. */
  send(frame: object): void {
    this.sendEncoded(JSON.stringify(frame));
  }

  /** As `send`, for a frame that is JSON already. */
  sendEncoded(frame: string): void {
    if (!this.#welcomed) return;
    if (this.#outgoing.push(frame) === 1) setImmediate(() => this.#flush());
  }

  /** Use another token from now on, and tell it the server where that can take it over the connection that is open. */
  authenticate(token: string): void {
    this.#token = token;
    if (this.#takesTokens) this.send({ type: "auth", token });
  }

  /** Whether the server of the connection that is open now wants to be left. */
  get isAskedToGo(): boolean {
    return this.#askedToGo;
  }

  /** Leave a server that asked for it, to come back when it said. */
  leave(): void {
    this.#askedToGo = false;
    this.#flush();
    this.#hangUp("as you wish");
  }

  /** Say goodbye where anyone listens, and stay away. */
  async close(reason: string): Promise<void> {
    this.#closing = true;
    this.#retry?.cancel();
    const socket = this.#socket;
    if (!socket) return;
    const gone = new Promise<void>((resolve) => this.#goneWaiters.push(resolve));
    this.send({ type: "bye", reason });
    this.#flush();
    this.#hangUp(reason);
    await gone;
  }

  #hangUp(reason: string): void {
    const socket = this.#socket;
    socket?.close(closeCodes.bye, reason);
    this.#after(closeMs, () => socket?.terminate());
  }

  #flush(): void {
    const frames = this.#outgoing;
    this.#outgoing = [];
    for (const message of joinFrames(frames)) this.#socket?.send(message);
  }

  #receive(data: RawData): void {
    this.#silentTicks = 0;
    // ws gives one Buffer unless it is told otherwise.
    for (const { frame, problem } of decodeMessage((data as Buffer).toString(), serverFrames)) {
      if (problem) this.#options.log.warn({ problem }, "the server sent what is no frame; ignored");
      else if (frame.type === "welcome") this.#welcomePage(frame);
      else if (frame.type === "welcome_more" && this.#pages)
        this.#welcomePage(withPage(this.#pages, frame));
      else if (frame.type === "goaway") this.#goaway(frame.reason, frame.reconnect_after_ms);
      else if (frame.type === "error")
        this.#options.log.error(frame, "the server reports an error");
      else if (this.#welcomed) this.#options.onFrame(frame);
    }
  }

  /** The welcome is whole with its last page. */
  #welcomePage(welcome: Welcome): void {
    this.#pages = welcome.more ? welcome : undefined;
    if (!welcome.more) this.#welcome(welcome);
  }

  #welcome(welcome: Welcome): void {
    if (this.#welcomed) return;
    this.#welcomed = true;
    this.#takesTokens = welcome.features.includes("auth");
    this.#after(stableMs, () => {
      this.#backoff.reset();
      this.#refusals = 0;
    });
    const everyMs = Math.min(welcome.heartbeat_ms, this.#options.heartbeatMsMax ?? Infinity);
    const silentMs = welcome.heartbeat_ms * welcome.heartbeats_missed_max;
    this.#beat(everyMs, Math.ceil(silentMs / everyMs));
    this.#options.onWelcome(welcome);
  }

  /** The server closes soon. What runs goes on, and reports over the next connection. */
  #goaway(reason: string, reconnectAfterMs: number): void {
    this.#notBefore = this.#options.clock.monotonic() + reconnectAfterMs;
    this.#options.log.info({ reason, reconnectAfterMs }, "the server is about to close");
    this.#askedToGo = true;
    this.#options.onGoaway();
  }

  #beat(everyMs: number, silentTicksMax: number): void {
    this.#after(everyMs, () => {
      if (++this.#silentTicks >= silentTicksMax) {
        this.#options.log.warn("nothing heard from the server for too long");
        this.#socket?.terminate();
        return;
      }
      this.#options.onBeat(everyMs);
      this.#beat(everyMs, silentTicksMax);
    });
  }

  /** A timer that dies with the connection. */
  #after(delayMs: number, run: () => void): void {
    const handle = this.#options.clock.schedule(delayMs, () => {
      this.#timers = this.#timers.filter((timer) => timer !== handle);
      run();
    });
    this.#timers.push(handle);
  }

  #lost(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#socket = undefined;
    this.#welcomed = false;
    this.#pages = undefined;
    this.#takesTokens = false;
    this.#askedToGo = false;
    this.#outgoing = [];
    this.#silentTicks = 0;
    for (const resolve of this.#goneWaiters.splice(0)) resolve();
  }

  #connectAgain(code: number, said: string): void {
    const { clock, log } = this.#options;
    if (refusedStatuses.includes(code) || refusedCodes.includes(code)) {
      if (++this.#refusals > 1) {
        const message = `The server refuses this worker (${code}): ${said}`;
        this.#options.onRefused(new RuntimeError("worker.refused", message, { code }));
        return;
      }
    }
    const delayMs = Math.max(this.#backoff.next(), this.#notBefore - clock.monotonic());
    const goesOn = this.#options.onLost(delayMs);
    const facts = { code, reason: said, delayMs: Math.round(delayMs) };
    log.warn(facts, goesOn ? "no connection; will try again" : "no connection");
    if (!goesOn) return;
    this.#retry = clock.schedule(delayMs, () => this.open());
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
