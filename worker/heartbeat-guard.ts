// Speaks for the main thread while that is too busy to: accepts what it has begun, and sends heartbeats for what it holds.
import { refsPerFrameMax } from "../src/protocol/worker-limits.ts";
import { LoadMeter } from "./load-meter.ts";
import { acceptText, refText, type HeldChange } from "./socket-messages.ts";
import type { TurnNote } from "./turn-note.ts";

/** What the server says of attempts, as far as it concerns heartbeats. */
interface Answer {
  readonly type?: string;
  readonly task_id?: unknown;
  readonly attempt?: unknown;
  readonly lost?: readonly object[];
  readonly drop?: readonly object[];
}

/** The main thread is busy where its heartbeat is this much late, in intervals. */
const lateness = 1.5;
/** How often to look what it has begun, within the time that the server waits for an answer: two looks make sure. */
const looks = 5;

export interface GuardedTimes {
  /** Between two heartbeats. */
  readonly everyMs: number;
  /** How long the server waits for a task to be accepted. */
  readonly acceptMs: number;
  /** A connection on which nothing is heard for so many heartbeats is dead. */
  readonly silentTicksMax: number;
}

export interface HeartbeatGuardOptions {
  readonly note: TurnNote;
  readonly send: (message: string) => void;
  /** Nothing is heard from the server, and the main thread does not notice. */
  readonly onSilence: () => void;
}

export class HeartbeatGuard {
  readonly #options: HeartbeatGuardOptions;
  /** Attempts as `refText` writes them. */
  readonly #held = new Set<string>();
  #times: GuardedTimes = { everyMs: Infinity, acceptMs: Infinity, silentTicksMax: Infinity };
  readonly #load = new LoadMeter();
  #silentTicks = 0;
  /** When the main thread sent its last heartbeat. */
  #beatenAt = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The main thread has missed a heartbeat, and has not sent one since. */
  #isOn = false;
  #looking: NodeJS.Timeout | undefined;
  /** The turn of the main thread at the last look, and how many attempts have been accepted in it. */
  #turn = -1;
  #accepted = 0;

  constructor(options: HeartbeatGuardOptions) {
    this.#options = options;
  }

  /** What heartbeats list. */
  get held(): readonly string[] {
    return [...this.#held];
  }

  /** Watch over a connection from its welcome on. */
  start(times: GuardedTimes, held: readonly string[]): void {
    this.#times = times;
    for (const ref of held) this.#held.add(ref);
    this.#beaten();
    this.#looking = setInterval(() => this.#look(), times.acceptMs / looks);
  }

  /** The main thread is busy, as its silence about something else shows. */
  takeOver(): void {
    this.#isOn = true;
    this.#silentTicks = 0;
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
  }

  /** The main thread says what it holds now. @param beats whether it has sent its heartbeat */
  change({ hold, letGo }: HeldChange, beats: boolean): void {
    if (hold !== "") for (const ref of hold.split("\n")) this.#held.add(ref);
    if (letGo !== "") for (const ref of letGo.split("\n")) this.#held.delete(ref);
    if (beats) this.#beaten();
  }

  /** The server lives. */
  heard(): void {
    this.#silentTicks = 0;
  }

  /**
   * The server says something. What is not this worker's any more, or has been answered, is not listed again: while the
   * main thread can't hear of it, somebody has to.
   */
  hear(text: string): void {
    this.heard();
    if (!this.#isOn || !/"(heartbeat_ack|result_ack|welcome)/.test(text)) return;
    for (const answer of answersIn(text)) {
      if (answer.type === "result_ack") this.#held.delete(refText(answer));
      for (const ref of answer.lost ?? answer.drop ?? []) this.#held.delete(refText(ref));
    }
  }

  /** The main thread has not come to an end of its turn since the last look: say in its place what it has begun. */
  #look(): void {
    const { turn, refs } = this.#options.note.read() ?? { turn: -1, refs: [] };
    if (turn !== this.#turn) this.#accepted = 0;
    else
      for (const ref of refs.slice(this.#accepted)) {
        this.#accepted++;
        this.#held.add(ref);
        this.#options.send(acceptText(ref));
      }
    this.#turn = turn;
  }

  #beaten(): void {
    this.#isOn = false;
    this.#beatenAt = performance.now();
    this.#beatIn(lateness * this.#times.everyMs);
  }

  #beatIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isOn = true;
      if (++this.#silentTicks >= this.#times.silentTicksMax) this.#options.onSilence();
      const { held } = this;
      const lateMs = performance.now() - this.#beatenAt - this.#times.everyMs;
      const load = JSON.stringify(this.#load.take(lateMs));
      for (let from = 0; from < held.length; from += refsPerFrameMax) {
        const page = held.slice(from, from + refsPerFrameMax);
        this.#options.send(`{"type":"heartbeat","running":[${page.join(",")}],"load":${load}}`);
      }
      this.#beatIn(this.#times.everyMs);
    }, ms);
  }
}

/** What the main thread will say of it, should it be nonsense, is for that to decide. */
function answersIn(text: string): readonly Answer[] {
  try {
    return [JSON.parse(text) as Answer | readonly Answer[]].flat();
  } catch {
    return [];
  }
}
