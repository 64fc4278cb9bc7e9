// What a task handler tells while it runs, besides its progress: checkpoints, events, lines of log, streams.
import type { Logger } from "pino";
import type { Clock } from "../src/clock.ts";
import type { AttemptRef } from "../src/protocol/worker-frames.ts";
import { streamsMax, type Feature } from "../src/protocol/worker-limits.ts";
import { knows, type AttemptWire, type ReportAnswer } from "./attempt-wire.ts";
import { Checkpoints } from "./checkpoints.ts";
import { Events, type EventOutcome } from "./events.ts";
import { LogRelay } from "./relayed-logger.ts";
import { StreamWriter, type TaskStream } from "./stream-writer.ts";

/** How long a result waits for the server to have the attempt's streams. */
const finishMs = 10_000;

export interface AttemptReportsOptions {
  readonly ref: AttemptRef;
  readonly clock: Clock;
  /** Made when it is asked for: many task handlers log nothing. */
  readonly log: () => Logger;
  /** Absent where there is nobody to tell, as in some tests of task handlers. */
  readonly wire: AttemptWire | undefined;
}

export class AttemptReports {
  readonly #options: AttemptReportsOptions;
  readonly #streams = new Map<string, StreamWriter>();
  #checkpoints: Checkpoints | undefined;
  #events: Events | undefined;
  #logger: Logger | undefined;
  #warned = new Set<Feature>();
  #isOver = false;
  #aborted: (() => Error) | undefined;

  constructor(options: AttemptReportsOptions) {
    this.#options = options;
  }

  /** The attempt's logger; its lines go to those who watch, too. */
  get log(): Logger {
    const { ref, clock, log, wire } = this.#options;
    this.#logger ??= new LogRelay({
      ref,
      clock,
      isOpen: () =>
        !this.#isOver && !this.#aborted && wire !== undefined && knows(wire, ref, "log"),
      send: (frame) => wire?.send(ref, frame),
    }).around(log());
    return this.#logger;
  }

  checkpoint(data: unknown): Promise<void> {
    const { ref, clock } = this.#options;
    this.#refuseWhenOver();
    const wire = this.#wireFor("checkpoint");
    if (!wire) return Promise.resolve();
    this.#checkpoints ??= new Checkpoints({
      ref,
      clock,
      send: (frame) => wire.send(ref, frame),
    });
    return this.#checkpoints.save(data);
  }

  sendEvent(type: string, data?: Readonly<Record<string, unknown>>): Promise<EventOutcome> {
    const { ref, clock, wire } = this.#options;
    this.#refuseWhenOver();
    if (!wire) return Promise.resolve("ignored");
    if (!this.#wireFor("event"))
      return Promise.reject(new Error("The server is too old to take events of workers."));
    this.#events ??= new Events({ ref, clock, send: (frame) => wire.send(ref, frame) });
    return this.#events.post(type, data);
  }

  stream(stream: string): TaskStream {
    const { ref } = this.#options;
    if (typeof stream !== "string" || !/^[\w.-]{1,64}$/.test(stream))
      throw new TypeError("A stream's name has 1 to 64 letters, digits and `_.-`.");
    const open = this.#streams.get(stream);
    if (open) return open;
    this.#refuseWhenOver();
    if (this.#streams.size >= streamsMax)
      throw new RangeError(`An attempt has at most ${streamsMax} streams.`);
    const wire = this.#wireFor("chunk");
    const writer = new StreamWriter({
      ref,
      stream,
      windowBytes: wire ? wire.server(ref).windowBytes : Infinity,
      send: (frame) => wire?.send(ref, frame),
    });
    // Where nobody takes it, it goes nowhere, at once.
    if (wire) this.#streams.set(stream, writer);
    return writer;
  }

  take(frame: ReportAnswer): void {
    switch (frame.type) {
      case "checkpoint_ack":
        return this.#checkpoints?.take(frame);
      case "event_ack":
        return this.#events?.take(frame);
      case "stream_credit":
        return this.#streams.get(frame.stream)?.take(frame);
    }
  }

  /** There is a new connection, on which the server goes on with the attempt. */
  resume(): void {
    const { ref, wire } = this.#options;
    if (!wire || this.#aborted) return;
    this.#checkpoints?.resume();
    this.#events?.resume();
    const { windowBytes } = wire.server(ref);
    for (const stream of this.#streams.values()) stream.resume(windowBytes);
  }

  /**
   * The task handler has ended: before the server hears of the result, it has answered every event, and has had some time to
   * take the ends of the streams.
   */
  async finish(): Promise<void> {
    this.#isOver = true;
    if (this.#aborted) return;
    this.#checkpoints?.flush();
    await this.#events?.settled();
    if (this.#streams.size === 0) return;
    const ends = Promise.allSettled([...this.#streams.values()].map((stream) => stream.end()));
    let giveUp!: () => void;
    const late = new Promise<"late">((resolve) => (giveUp = () => resolve("late")));
    const timer = this.#options.clock.schedule(finishMs, giveUp);
    if ((await Promise.race([ends, late])) === "late")
      this.log.warn("the server does not take the task's streams; its result goes ahead");
    timer.cancel();
  }

  /** What the next attempt is to have, where the server does not have it yet. */
  unsaved(): { readonly checkpoint?: unknown } {
    return this.#checkpoints?.unsaved() ?? {};
  }

  /**
   * Nobody wants to hear of the attempt any more, or its result says it all.
   *
   * @param why makes the error that whoever still tells or waits gets: most task handlers do neither
   */
  end(why: () => Error): void {
    if (this.#aborted) return;
    this.#aborted = why;
    if (!this.#checkpoints && !this.#events && this.#streams.size === 0) return;
    const reason = why();
    this.#checkpoints?.flush();
    this.#checkpoints?.end(reason);
    this.#events?.end(reason);
    for (const stream of this.#streams.values()) stream.abort(reason);
  }

  #refuseWhenOver(): void {
    if (this.#aborted) throw this.#aborted();
    if (this.#isOver) throw new Error("The handler has ended; nothing can be told any more.");
  }

  #wireFor(feature: Feature): AttemptWire | undefined {
    const { ref, wire } = this.#options;
    if (!wire || knows(wire, ref, feature)) return wire;
    if (!this.#warned.has(feature)) this.log.warn({ feature }, "the server is too old for this");
    this.#warned.add(feature);
    return undefined;
  }
}
