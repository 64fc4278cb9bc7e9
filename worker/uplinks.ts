// The connections to every server that this worker works for: which one gave which attempt, and how many slots each has.
import type { z } from "zod";
import type { TimerHandle } from "../src/clock.ts";
import { RuntimeError } from "../src/errors.ts";
import type { AttemptRef, Hello, ServerFrame, Welcome } from "../src/protocol/worker-frames.ts";
import type { Feature } from "../src/protocol/worker-limits.ts";
import { keyOf } from "./attempt-key.ts";
import type { ConnectionOptions } from "./connection.ts";
import { LoadMeter, LoopLag } from "./load-meter.ts";
import { shares, type OrchestratorMode } from "./orchestrators.ts";

/** One connection that comes back by itself: `Connection`, or what stands for it in tests. */
export interface Line {
  readonly isOpen: boolean;
  readonly isAskedToGo: boolean;
  open(): void;
  send(frame: object): void;
  sendEncoded(frame: string): void;
  /** Accept an attempt at once, and have it listed in heartbeats. */
  accept(ref: AttemptRef): void;
  hold(ref: AttemptRef): void;
  letGo(ref: AttemptRef): void;
  leave(): void;
  /** Use another token from now on. */
  authenticate(token: string): void;
  close(reason: string): Promise<void>;
}

/** A server with its connection. */
export class Uplink {
  readonly url: string;
  readonly weight: number;
  /** What it is to be shown. */
  token: string;
  line!: Line;
  /** Credits as the server knows them. */
  told = 0;
  /** What the server can be told besides what all can, and how many bytes of a stream may be on their way to it. */
  features: ReadonlySet<string> = new Set();
  windowBytes = 0;
  /** How busy this process has been since the last heartbeat that went there. */
  readonly load = new LoadMeter();
  readonly lag = new LoopLag();
  /** Nobody answers there now. */
  isDown = false;
  hasRefused = false;
  /** It is open, or will be: its connection tries by itself. */
  isStarted = false;
  /** Monotonic time before which another try is too early. */
  readyAt = 0;

  constructor(url: string, token: string, weight: number) {
    this.url = url;
    this.token = token;
    this.weight = weight;
  }
}

type Shared = Pick<ConnectionOptions, "clock" | "random" | "log" | "heartbeatMsMax">;

export interface UplinksOptions extends Shared {
  /** The preferred first; with the WebSocket addresses. */
  readonly orchestrators: readonly {
    readonly url: string;
    readonly token: string;
    readonly weight: number;
  }[];
  readonly mode: OrchestratorMode;
  connect(options: ConnectionOptions): Line;
  /** The slots that are to be divided. */
  slots(): number;
  hello(uplink: Uplink, credits: number): z.input<typeof Hello>;
  /** `lost` are attempts that are not this worker's any more. */
  onWelcome(uplink: Uplink, welcome: Welcome, lost: Welcome["drop"]): void;
  onFrame(uplink: Uplink, frame: ServerFrame): void;
  onBeat(uplink: Uplink, everyMs: number): void;
  /** A connection is about to end, or has ended. */
  onChange(): void;
  /** No server wants this worker. */
  onRefused(error: RuntimeError): void;
}

export class Uplinks {
  readonly #options: UplinksOptions;
  readonly #all: readonly Uplink[];
  readonly #owners = new Map<string, { readonly ref: AttemptRef; readonly uplink: Uplink }>();
  /** With `failover`: the one that gives tasks. */
  #active: Uplink;
  #timers = new Set<TimerHandle>();
  #closing = false;

  constructor(options: UplinksOptions) {
    this.#options = options;
    this.#all = options.orchestrators.map((orchestrator) => this.#uplink(orchestrator));
    this.#active = this.#all[0]!;
  }

  get all(): readonly Uplink[] {
    return this.#all;
  }

  /** Whether a server has welcomed this worker on a connection that is open now. */
  get isOpen(): boolean {
    return this.#all.some(({ line }) => line.isOpen);
  }

  get #hasOneAtATime(): boolean {
    return this.#options.mode === "failover";
  }

  open(): void {
    for (const uplink of this.#hasOneAtATime ? [this.#active] : this.#all) this.#start(uplink, 0);
  }

  /** The server that the attempt's frames go to; the preferred one where nobody is known to have given it. */
  ownerOf(ref: AttemptRef): Uplink {
    return this.#owners.get(keyOf(ref))?.uplink ?? this.#active;
  }

  /**
   * What a server is to be told at the beginning of a connection. One that takes the place of another is asked whether it
   * goes on with that one's attempts, as a node of the same cluster does; results count as attempts there, because one
   * that does not know them is not to be given them.
   */
  held(uplink: Uplink, running: readonly AttemptRef[], outbox: readonly AttemptRef[]) {
    const isItsOwn = (ref: AttemptRef): boolean => this.ownerOf(ref) === uplink;
    if (!this.#hasOneAtATime || uplink !== this.#active)
      return { running: running.filter(isItsOwn), outbox: outbox.filter(isItsOwn) };
    const foreign = outbox.filter((ref) => !isItsOwn(ref));
    return { running: [...running, ...foreign], outbox: outbox.filter(isItsOwn) };
  }

  /** The attempt is that server's: its lease is extended there, and its result goes there. */
  own(ref: AttemptRef, uplink: Uplink): void {
    const key = keyOf(ref);
    const before = this.#owners.get(key)?.uplink;
    if (before !== uplink) before?.line.letGo(ref);
    this.#owners.set(key, { ref, uplink });
    uplink.line.hold(ref);
  }

  /** Take an attempt on from the server that gives it, and say so before its task handler begins. */
  accept(ref: AttemptRef, uplink: Uplink): void {
    uplink.line.accept(ref);
    this.own(ref, uplink);
  }

  /** The attempt is over. */
  forget(ref: AttemptRef): void {
    this.#owners.get(keyOf(ref))?.uplink.line.letGo(ref);
    this.#owners.delete(keyOf(ref));
  }

  /** Say something about an attempt to the server that gave it. */
  send(frame: AttemptRef & Readonly<Record<string, unknown>>): void {
    this.ownerOf(frame).line.send(frame);
  }

  /** As `send`, for a frame that is JSON already. */
  sendEncoded(ref: AttemptRef, frame: string): void {
    this.ownerOf(ref).line.sendEncoded(frame);
  }

  /** Say something to every server; lost where there is no connection. */
  broadcast(frame: object): void {
    for (const { line } of this.#all) line.send(frame);
  }

  /**
   * Use another token from now on: for the server at this address, or for every one where there is none. One that was
   * given up, because it refused the one before, is tried again.
   *
   * @throws RuntimeError `config.invalid` where this worker works for no such server.
   */
  authenticate(token: string, url?: string): void {
    const meant = this.#all.filter((uplink) => url === undefined || uplink.url === url);
    if (meant.length === 0)
      throw new RuntimeError("config.invalid", `This worker does not work for ${url}.`);
    for (const uplink of meant) {
      uplink.token = token;
      uplink.line.authenticate(token);
      if (uplink.hasRefused) this.#tryAgain(uplink);
    }
  }

  /** Say something to every server that knows of it. */
  announce(feature: Feature, frame: object): void {
    for (const { line, features } of this.#all) if (features.has(feature)) line.send(frame);
  }

  /** The slots have become more or fewer. */
  divide(): void {
    for (const uplink of this.#all) {
      const credits = this.#creditsOf(uplink);
      if (!uplink.line.isOpen || credits === uplink.told) continue;
      uplink.told = credits;
      uplink.line.send({ type: "credit", credits });
    }
  }

  /** Leave the servers that want to be left, or are not needed, where nothing is under way. */
  leaveIdle(): void {
    for (const uplink of this.#all) {
      const isSpare = this.#hasOneAtATime && uplink !== this.#active;
      const { line } = uplink;
      if (line.isOpen && (line.isAskedToGo || isSpare) && !this.#owes(uplink)) line.leave();
    }
  }

  /** Connect anew, to say hello again. */
  reconnect(): void {
    for (const { line } of this.#all) if (line.isOpen) line.leave();
  }

  /** Say goodbye where anyone listens, and stay away. */
  async close(reason: string): Promise<void> {
    this.#closing = true;
    for (const timer of this.#timers) timer.cancel();
    for (const { lag } of this.#all) lag.stop();
    await Promise.all(this.#all.map(({ line }) => line.close(reason)));
  }

  #uplink({ url, token, weight }: UplinksOptions["orchestrators"][number]): Uplink {
    const { clock, random, heartbeatMsMax, log } = this.#options;
    const uplink = new Uplink(url, token, weight);
    uplink.line = this.#options.connect({
      url,
      token,
      clock,
      random,
      heartbeatMsMax,
      log: this.#options.orchestrators.length > 1 ? log.child({ orchestrator: url }) : log,
      hello: () => {
        uplink.isDown = false;
        uplink.told = this.#creditsOf(uplink);
        return this.#options.hello(uplink, uplink.told);
      },
      onWelcome: (welcome) => this.#welcomed(uplink, welcome),
      onFrame: (frame) => this.#options.onFrame(uplink, frame),
      onBeat: (everyMs) => this.#options.onBeat(uplink, everyMs),
      onGoaway: () => {
        // What runs goes on there; new tasks come from elsewhere in the meantime.
        if (uplink === this.#active) this.#failOver();
        this.#options.onChange();
      },
      onLost: (delayMs) => this.#lost(uplink, delayMs),
      onRefused: (error) => this.#refused(uplink, error),
    });
    return uplink;
  }

  #start(uplink: Uplink, delayMs: number): void {
    if (uplink.isStarted || this.#closing) return;
    uplink.isStarted = true;
    if (delayMs <= 0) {
      uplink.line.open();
      return;
    }
    const timer = this.#options.clock.schedule(delayMs, () => {
      this.#timers.delete(timer);
      uplink.line.open();
    });
    this.#timers.add(timer);
  }

  #welcomed(uplink: Uplink, welcome: Welcome): void {
    uplink.readyAt = 0;
    uplink.features = new Set(welcome.features);
    uplink.windowBytes = welcome.stream_window_bytes;
    // A server that goes on with another's attempts is a node of the same cluster; one that does not know them is none.
    for (const ref of welcome.keep) this.own(ref, uplink);
    const lost = welcome.drop.filter((ref) => this.ownerOf(ref) === uplink);
    this.#options.onWelcome(uplink, welcome, lost);
    for (const other of this.#all) if (this.#owes(other)) this.#start(other, 0);
    this.leaveIdle();
    this.divide();
  }

  /** @returns whether the connection is to be tried again by itself. */
  #lost(uplink: Uplink, delayMs: number): boolean {
    uplink.isDown = true;
    uplink.readyAt = this.#options.clock.monotonic() + delayMs;
    if (uplink === this.#active) this.#failOver();
    this.divide();
    this.#options.onChange();
    const goesOn = !this.#hasOneAtATime || uplink === this.#active || this.#owes(uplink);
    uplink.isStarted = goesOn;
    return goesOn;
  }

  #refused(uplink: Uplink, error: RuntimeError): void {
    uplink.isDown = true;
    uplink.hasRefused = true;
    if (this.#all.every(({ hasRefused }) => hasRefused)) {
      this.#options.onRefused(error);
      return;
    }
    this.#options.log.error({ err: error, orchestrator: uplink.url }, "a server is given up");
    if (uplink === this.#active) this.#failOver();
    this.divide();
  }

  #tryAgain(uplink: Uplink): void {
    uplink.hasRefused = false;
    uplink.isStarted = false;
    const isWanted = !this.#hasOneAtATime || uplink === this.#active || this.#owes(uplink);
    if (isWanted) this.#start(uplink, 0);
  }

  /** Take tasks from the next server that may be tried now, or else from the one that may be tried first. */
  #failOver(): void {
    if (!this.#hasOneAtATime || this.#all.length === 1) return;
    const now = this.#options.clock.monotonic();
    const at = this.#all.indexOf(this.#active);
    const inTurn = [...this.#all.slice(at + 1), ...this.#all.slice(0, at + 1)];
    const usable = inTurn.filter(({ hasRefused, line }) => !hasRefused && !line.isAskedToGo);
    const next =
      usable.find((one) => one !== this.#active && one.readyAt <= now) ??
      usable.toSorted((a, b) => a.readyAt - b.readyAt)[0];
    if (!next || next === this.#active) return;
    this.#options.log.info({ from: this.#active.url, to: next.url }, "another server is asked");
    this.#active = next;
    this.#start(next, next.readyAt - now);
    this.divide();
  }

  #owes(uplink: Uplink): boolean {
    for (const owner of this.#owners.values()) if (owner.uplink === uplink) return true;
    return false;
  }

  #creditsOf(uplink: Uplink): number {
    const slots = this.#options.slots();
    if (this.#hasOneAtATime) return uplink === this.#active ? slots : 0;
    const sharing = this.#all.filter((one) => !one.isDown);
    // What was given by servers that are away takes its slots all the same.
    let free = slots;
    for (const owner of this.#owners.values()) if (owner.uplink.isDown) free--;
    const weights = sharing.map(({ weight }) => (this.#options.mode === "weighted" ? weight : 1));
    return shares(Math.max(0, free), weights)[sharing.indexOf(uplink)] ?? 0;
  }
}
