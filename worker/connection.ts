// The worker's one connection to the server: connects, introduces itself, speaks frames, and connects again for ever.
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
  type AttemptRef,
  type ServerFrame,
  type TaskAssign,
  type Welcome,
} from "../src/protocol/worker-frames.ts";
import { Backoff } from "./backoff.ts";
import { helloFrames, withPage } from "./pages.ts";
import { acceptText, refText, threadTime } from "./socket-messages.ts";
import { ThreadSocket } from "./socket-thread.ts";

/** How long the server may take to answer the upgrade, and again to answer the hello. */
const answerMs = 10_000;
/** A connection that lasts this long proves that things are well again. */
const stableMs = 60_000;
/** Frames of a turn that is longer than this go out before its end: a task handler may report from a loop that takes minutes. */
const turnMs = 50;
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

export const connect = (options: ConnectionOptions): Connection => new Connection(options);

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #backoff: Backoff;
  #socket: ThreadSocket | undefined;
  /** The connection that was lost, whose thread keeps what runs while this one is too busy to make the next. */
  #lostSocket: ThreadSocket | undefined;
  #token: string;
  /** What the present connection began with. */
  #hello: z.input<typeof Hello> | undefined;
  #welcomed = false;
  /** The pages of a welcome of which more are to come. */
  #pages: Welcome | undefined;
  #takesTokens = false;
  #outgoing: string[] = [];
  #flushing: NodeJS.Immediate | undefined;
  /** When the first frame of the present turn was sent. */
  #turnAt = 0;
  /** What heartbeats list, as `refText` writes it, and what has changed of it since the last flush. */
  readonly #held = new Set<string>();
  #begun: string[] = [];
  #over: string[] = [];
  /** A heartbeat is among the outgoing frames. */
  #beats = false;
  /** How long the server waits for a task to be accepted. */
  #acceptMs = 0;
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
    const open = {
      url: this.#options.url,
      subprotocol: workerSubprotocol,
      token: this.#token,
      messageBytesMax: frameBytesMax,
      answerMs,
    };
    const socket = new ThreadSocket(open, {
      onOpen: () => {
        this.#hello = this.#options.hello();
        const frames = helloFrames(this.#hello).map((frame) => JSON.stringify(frame));
        socket.send(frames, { hold: "", letGo: "" }, false);
        this.#after(answerMs, () => {
          if (!this.#welcomed) socket.terminate();
        });
      },
      onMessage: (text, at) => this.#receive(text, at),
      onPing: () => (this.#silentTicks = 0),
      onClose: (code, said) => {
        this.#lost(socket);
        if (!this.#closing) this.#connectAgain(code, said);
      },
    });
    this.#socket = socket;
  }

  /** Send a frame, together with all others of this turn of the event loop; it is lost where there is no connection. */
  send(frame: object): void {
    this.sendEncoded(JSON.stringify(frame));
  }

  /** As `send`, for a frame that is JSON already. */
  sendEncoded(frame: string): void {
    if (!this.#welcomed) return;
    this.#outgoing.push(frame);
    this.#flushSoon();
    if (performance.now() - this.#turnAt > turnMs) this.#flush();
  }

  /** Accept an attempt, and have it listed in heartbeats: also where its task handler keeps this thread busy from here on. */
  accept(ref: AttemptRef): void {
    const text = refText(ref);
    this.sendEncoded(acceptText(text));
    this.#change(text, true);
    if (this.#socket?.begins(text) === false) this.#flush();
  }

  /** Have the attempt listed in heartbeats, whoever sends them, over this connection and later ones. */
  hold(ref: AttemptRef): void {
    this.#change(refText(ref), true);
  }

  /** The attempt is over, or the business of another connection. */
  letGo(ref: AttemptRef): void {
    this.#change(refText(ref), false);
  }

  /** Use another token from now on, and tell it the server where that can take it over the connection that is open. */
  authenticate(token: string): void {
    this.#token = token;
    this.#refusals = 0;
    this.#socket?.renew(token);
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
    this.#replaceLost(undefined);
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

  #change(ref: string, isHeld: boolean): void {
    if (isHeld === this.#held.has(ref)) return;
    if (isHeld) this.#held.add(ref);
    else this.#held.delete(ref);
    if (!this.#welcomed) {
      if (!isHeld) this.#lostSocket?.send([], { hold: "", letGo: ref }, false);
      return;
    }
    (isHeld ? this.#begun : this.#over).push(ref);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#turnAt = performance.now();
    this.#flushing = setImmediate(() => {
      this.#flushing = undefined;
      this.#flush();
    });
  }

  #flush(): void {
    const frames = this.#outgoing;
    const [hold, letGo] = [this.#begun.join("\n"), this.#over.join("\n")];
    if (frames.length === 0 && hold === "" && letGo === "") return;
    this.#outgoing = [];
    this.#begun = [];
    this.#over = [];
    const beats = this.#beats;
    this.#beats = false;
    this.#socket?.send(joinFrames(frames), { hold, letGo }, beats);
  }

  /** @param at when the message came, by `threadTime` */
  #receive(text: string, at: number): void {
    this.#silentTicks = 0;
    const cameAt = performance.now() - (threadTime() - at);
    for (const { frame, problem } of decodeMessage(text, serverFrames)) {
      if (problem) this.#options.log.warn({ problem }, "the server sent what is no frame; ignored");
      else if (frame.type === "welcome") this.#welcomePage(frame);
      else if (frame.type === "welcome_more" && this.#pages)
        this.#welcomePage(withPage(this.#pages, frame));
      else if (frame.type === "goaway") this.#goaway(frame.reason, frame.reconnect_after_ms);
      else if (frame.type === "error")
        this.#options.log.error(frame, "the server reports an error");
      else if (frame.type === "task" && performance.now() - cameAt > this.#acceptMs)
        this.#tooLate(frame);
      else if (this.#welcomed) this.#options.onFrame(frame);
    }
  }

  /** This thread was busy for so long that the server has taken the task back; it hears that the slot is free again. */
  #tooLate({ task_id, attempt }: TaskAssign): void {
    this.#options.log.debug({ taskId: task_id, attempt }, "a task came while the worker was busy");
    this.send({ type: "reject", task_id, attempt, reason: "busy", retry_after_ms: 0 });
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
    this.#acceptMs = welcome.accept_ms;
    this.#after(stableMs, () => {
      this.#backoff.reset();
      this.#refusals = 0;
    });
    const everyMs = Math.min(welcome.heartbeat_ms, this.#options.heartbeatMsMax ?? Infinity);
    const silentMs = welcome.heartbeat_ms * welcome.heartbeats_missed_max;
    const silentTicksMax = Math.ceil(silentMs / everyMs);
    this.#beat(everyMs, silentTicksMax);
    const times = { everyMs, acceptMs: this.#acceptMs, silentTicksMax };
    if (this.#hello) this.#socket?.guard(times, [...this.#held], this.#hello);
    this.#replaceLost(undefined);
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
      this.#beats = true;
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

  #lost(socket: ThreadSocket): void {
    if (this.#welcomed && !this.#closing) {
      const [hold, letGo] = [this.#begun.join("\n"), this.#over.join("\n")];
      socket.send([], { hold, letGo }, false);
      this.#replaceLost(socket);
    } else socket.end();
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#socket = undefined;
    this.#welcomed = false;
    this.#pages = undefined;
    this.#takesTokens = false;
    this.#askedToGo = false;
    this.#outgoing = [];
    this.#begun = [];
    this.#over = [];
    this.#beats = false;
    this.#silentTicks = 0;
    for (const resolve of this.#goneWaiters.splice(0)) resolve();
  }

  #replaceLost(socket: ThreadSocket | undefined): void {
    this.#lostSocket?.end();
    this.#lostSocket = socket;
  }

  #connectAgain(code: number, said: string): void {
    const { clock, log } = this.#options;
    if (refusedStatuses.includes(code) || refusedCodes.includes(code)) {
      if (++this.#refusals > 1) {
        this.#replaceLost(undefined);
        const message = `The server refuses this worker (${code}): ${said}`;
        this.#options.onRefused(new RuntimeError("worker.refused", message, { code }));
        return;
      }
    }
    const delayMs = Math.max(this.#backoff.next(), this.#notBefore - clock.monotonic());
    const goesOn = this.#options.onLost(delayMs);
    const facts = { code, reason: said, delayMs: Math.round(delayMs) };
    log.warn(facts, goesOn ? "no connection; will try again" : "no connection");
    if (!goesOn) return this.#replaceLost(undefined);
    this.#retry = clock.schedule(delayMs, () => this.open());
  }
}
