// Speaks for the main thread while that is too busy to: accepts what it has begun, and sends heartbeats for what it holds.
import { refsPerFrameMax } from "../src/protocol/worker-limits.ts";
import { refText, type HeldChange } from "./socket-messages.ts";
import type { TurnNote } from "./turn-note.ts";

interface Ref {
  readonly task_id?: unknown;
  readonly attempt?: unknown;
}
interface Answer extends Ref {
  readonly type?: unknown;
  readonly lost?: readonly Ref[];
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
}

export class HeartbeatGuard {
  readonly #send: (message: string) => void;
  readonly #note: TurnNote;
  /** Attempts as JSON. */
  readonly #held = new Set<string>();
  #everyMs = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The main thread has missed a heartbeat, and has not sent one since. */
  #isOn = false;
  #looking: NodeJS.Timeout | undefined;
  /** The turn of the main thread at the last look, and how many attempts have been accepted in it. */
  #turn = -1;
  #accepted = 0;

  constructor(note: TurnNote, send: (message: string) => void) {
    this.#note = note;
    this.#send = send;
  }

  /** Watch over a connection from its welcome on. */
  start({ everyMs, acceptMs }: GuardedTimes, held: readonly string[]): void {
    this.#everyMs = everyMs;
    for (const ref of held) this.#held.add(ref);
    this.#beaten();
    this.#looking = setInterval(() => this.#look(), acceptMs / looks);
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
  }

  /** The main thread says what it holds now. @param beats whether it has sent its heartbeat */
  change({ hold, letGo }: HeldChange, beats: boolean): void {
    if (hold) for (const ref of hold) this.#held.add(ref);
    if (letGo) for (const ref of letGo) this.#held.delete(ref);
    if (beats) this.#beaten();
  }

  /**
   * The server says something. What is not this worker's any more, or has been answered, is not listed again: while the
   * main thread can't hear of it, somebody has to.
   */
  hear(text: string): void {
    if (!this.#isOn || !/"(heartbeat_ack|result_ack)"/.test(text)) return;
    for (const { type, task_id, attempt, lost = [] } of answersIn(text))
      for (const ref of type === "result_ack" ? [{ task_id, attempt }] : lost)
        this.#held.delete(refText(ref));
  }

  /** The main thread has not come to an end of its turn since the last look: say in its place what it has begun. */
  #look(): void {
    const { turn, refs } = this.#note.read() ?? { turn: -1, refs: [] };
    if (turn !== this.#turn) this.#accepted = 0;
    else
      for (const ref of refs.slice(this.#accepted)) {
        this.#accepted++;
        this.#held.add(ref);
        this.#send(`{"type":"accept",${ref.slice(1)}`);
      }
    this.#turn = turn;
  }

  #beaten(): void {
    this.#isOn = false;
    this.#beatIn(lateness * this.#everyMs);
  }

  #beatIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isOn = true;
      const held = [...this.#held];
      for (let from = 0; from < held.length; from += refsPerFrameMax) {
        const page = held.slice(from, from + refsPerFrameMax);
        this.#send(`{"type":"heartbeat","running":[${page.join(",")}]}`);
      }
      this.#beatIn(this.#everyMs);
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
