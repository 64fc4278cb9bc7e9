// The events of one attempt: sent one after the other, each again until the server has answered it.
import type { Clock, TimerHandle } from "../src/clock.ts";
import { inspectJson } from "../src/protocol/json.ts";
import type { AttemptRef, EventAck } from "../src/protocol/worker-frames.ts";
import { eventBytesMax, eventTypeCharsMax } from "../src/protocol/worker-limits.ts";

/** What became of an event: the job took it (or keeps it for later), or has no transition for it now. */
export type EventOutcome = "accepted" | "ignored";

/** How long an answer may take before the event is sent again. */
const answerMs = 10_000;

interface Waiting {
  readonly number: number;
  readonly frame: string;
  readonly resolve: (outcome: EventOutcome) => void;
  readonly reject: (reason: Error) => void;
}

export interface EventsOptions {
  readonly ref: AttemptRef;
  readonly clock: Clock;
  readonly send: (frame: string) => void;
}

export class Events {
  readonly #options: EventsOptions;
  #number = 0;
  /** Not answered yet; the first one is on its way. */
  #waiting: Waiting[] = [];
  #timer: TimerHandle | undefined;
  #settled: (() => void)[] = [];

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  /**
   * @returns resolves once what follows from the event is durable; rejects where the server refuses it
   * @throws TypeError for a type that is none or data that are no JSON, RangeError where these are too large
   */
  post(event: string, data: Readonly<Record<string, unknown>> | undefined): Promise<EventOutcome> {
    const number = this.#number + 1;
    const frame = frameOf(this.#options.ref, { number, event, data });
    this.#number = number;
    const posted = new Promise<EventOutcome>((resolve, reject) => {
      this.#waiting.push({ number, frame, resolve, reject });
    });
    // Whoever does not wait for it need not hear of its failure.
    posted.catch(() => undefined);
    if (this.#waiting.length === 1) this.#sendFirst();
    return posted;
  }

  take({ number, status, code }: EventAck): void {
    const [first] = this.#waiting;
    if (first?.number !== number) return;
    this.#waiting.shift();
    if (status === "accepted" || status === "ignored") first.resolve(status);
    else first.reject(new Error(`The server did not take the event: it is ${code ?? status}.`));
    this.#sendFirst();
  }

  /** There is a new connection: what was on its way over the old one may be lost. */
  resume(): void {
    this.#sendFirst();
  }

  /** Resolves when all are answered, or the attempt is over. */
  settled(): Promise<void> {
    if (this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#settled.push(resolve));
  }

  /** The attempt is over. */
  end(reason: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
    this.#sendFirst();
  }

  #sendFirst(): void {
    this.#timer?.cancel();
    const { clock, send } = this.#options;
    const [first] = this.#waiting;
    if (!first) {
      for (const resolve of this.#settled.splice(0)) resolve();
      return;
    }
    send(first.frame);
    this.#timer = clock.schedule(answerMs, () => this.#sendFirst());
  }
}

function frameOf(
  ref: AttemptRef,
  event: { readonly number: number; readonly event: string; readonly data: unknown },
): string {
  const { event: type, data = {} } = event;
  if (typeof type !== "string" || type === "" || type.length > eventTypeCharsMax)
    throw new TypeError(`An event's type is a text of 1 to ${eventTypeCharsMax} characters.`);
  if (typeof data !== "object" || data === null || Array.isArray(data))
    throw new TypeError("An event's data are an object.");
  const bytes = Buffer.byteLength(JSON.stringify(data));
  if (bytes > eventBytesMax)
    throw new RangeError(`An event's data have at most ${eventBytesMax} bytes, not ${bytes}.`);
  const frame = JSON.stringify({ type: "event", ...ref, ...event });
  const refused = inspectJson(JSON.parse(frame));
  if (refused) throw new TypeError(`The event can't be sent. ${refused.message}`);
  return frame;
}
