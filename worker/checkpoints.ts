// The checkpoints of one attempt: sends the latest, at most one a second, and again until the server has stored it.
import type { Clock, TimerHandle } from "../src/clock.ts";
import { inspectJson } from "../src/protocol/json.ts";
import type { AttemptRef, CheckpointAck } from "../src/protocol/worker-frames.ts";
import { checkpointBytesMax } from "../src/protocol/worker-limits.ts";

/** The server stores no more than one a second of one task. */
const intervalMs = 1_000;

interface Waiter {
  readonly number: number;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

export interface CheckpointsOptions {
  readonly ref: AttemptRef;
  readonly clock: Clock;
  readonly send: (frame: string) => void;
}

export class Checkpoints {
  readonly #options: CheckpointsOptions;
  #number = 0;
  /** The latest one that is not acknowledged. */
  #latest: { readonly number: number; readonly json: string; isSent: boolean } | undefined;
  #waiters: Waiter[] = [];
  #timer: TimerHandle | undefined;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  /**
   * @returns resolves once this checkpoint, or a later one, is durable
   * @throws TypeError where the data are no JSON, RangeError where they are too large
   */
  save(data: unknown): Promise<void> {
    const number = ++this.#number;
    this.#latest = { number, json: jsonOf(data), isSent: false };
    const saved = new Promise<void>((resolve, reject) => {
      this.#waiters.push({ number, resolve, reject });
    });
    // Whoever does not wait for it need not hear of its failure.
    saved.catch(() => undefined);
    if (!this.#timer) this.#sendAndRest();
    return saved;
  }

  /** The server has stored the checkpoints up to a number, or won't. */
  take({ number, status }: CheckpointAck): void {
    const answered = this.#waiters.filter((waiter) => waiter.number <= number);
    this.#waiters = this.#waiters.filter((waiter) => waiter.number > number);
    const refusal = new Error(`The server did not keep the checkpoint: it is ${status}.`);
    for (const waiter of answered)
      if (status === "kept") waiter.resolve();
      else waiter.reject(refusal);
    if (this.#latest && this.#latest.number <= number) this.#latest = undefined;
  }

  /** There is a new connection: what was on its way over the old one may be lost. */
  resume(): void {
    if (!this.#latest) return;
    this.#latest.isSent = false;
    if (!this.#timer) this.#sendAndRest();
  }

  /** Send what is held back, before the word that ends the attempt. */
  flush(): void {
    this.#timer?.cancel();
    this.#sendLatest();
  }

  /** The attempt is over. */
  end(reason: Error): void {
    this.#timer?.cancel();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
    this.#latest = undefined;
  }

  /** What the server has not stored yet, for the word that gives the attempt back. */
  unsaved(): { readonly checkpoint?: unknown } {
    return this.#latest ? { checkpoint: JSON.parse(this.#latest.json) as unknown } : {};
  }

  #sendAndRest(): void {
    this.#sendLatest();
    this.#timer = this.#options.clock.schedule(intervalMs, () => {
      this.#timer = undefined;
      if (this.#latest?.isSent === false) this.#sendAndRest();
    });
  }

  #sendLatest(): void {
    if (!this.#latest || this.#latest.isSent) return;
    const { ref, send } = this.#options;
    const { number, json } = this.#latest;
    this.#latest.isSent = true;
    const head = JSON.stringify({ type: "checkpoint", ...ref, number });
    send(`${head.slice(0, -1)},"data":${json}}`);
  }
}

function jsonOf(data: unknown): string {
  const json = JSON.stringify(data ?? null) as string | undefined;
  if (json === undefined) throw new TypeError("A checkpoint is JSON.");
  const bytes = Buffer.byteLength(json);
  if (bytes > checkpointBytesMax)
    throw new RangeError(`A checkpoint has at most ${checkpointBytesMax} bytes, not ${bytes}.`);
  // Inside its frame it is one level deeper.
  const refused = inspectJson([JSON.parse(json)]);
  if (refused) throw new TypeError(`The checkpoint can't be sent. ${refused.message}`);
  return json;
}
