// Delivers what a worker process left behind that has ended: in its name, because its leases are its own.
import type { Logger } from "pino";
import type { TimerHandle } from "../src/clock.ts";
import type { AttemptRef, ResultAck } from "../src/protocol/worker-frames.ts";
import { keyOf } from "./attempt-key.ts";
import type { ConnectionOptions } from "./connection.ts";
import type { Instance, Leftover } from "./outbox-folder.ts";
import { refPages } from "./pages.ts";
import type { Line } from "./uplinks.ts";

/** How long a delivery rests that was refused: at first, and at most. Whoever has to change that is a person. */
const refusedMs = { first: 15_000, most: 15 * 60_000 } as const;

export interface CourierOptions extends Pick<
  ConnectionOptions,
  "token" | "clock" | "random" | "heartbeatMsMax"
> {
  readonly url: string;
  readonly log: Logger;
  readonly instance: Instance;
  readonly leftovers: readonly Leftover[];
  connect(options: ConnectionOptions): Line;
  /** A result has arrived, or is not wanted. */
  onDelivered(leftover: Leftover): void;
}

export class Courier {
  readonly #waiting: Map<string, Leftover>;
  readonly #line: Line;
  readonly #options: CourierOptions;
  /** How often it was refused, and when it will be tried again. */
  #refusals = 0;
  #retry: TimerHandle | undefined;
  #ended!: (isDone: boolean) => void;
  /** Resolves with whether everything has been delivered, when nothing more will be. */
  readonly ended = new Promise<boolean>((resolve) => (this.#ended = resolve));

  constructor(options: CourierOptions) {
    this.#options = options;
    const { instance, leftovers } = options;
    this.#waiting = new Map(leftovers.map((one) => [keyOf(one.ref), one]));
    this.#line = options.connect({
      ...options,
      hello: () => ({
        type: "hello",
        protocols: [1],
        ...instance,
        types: [],
        credits: 0,
        outbox: this.#refs(),
        draining: true,
      }),
      onWelcome: () => {
        this.#refusals = 0;
        this.#send();
      },
      onFrame: (frame) => {
        if (frame.type === "result_ack") this.#delivered(frame);
      },
      onBeat: () => {
        for (const running of refPages(this.#refs()))
          this.#line.send({ type: "heartbeat", running });
        this.#send();
      },
      onGoaway: () => this.#line.leave(),
      onLost: () => true,
      onRefused: (error) => this.#refused(error),
    });
    for (const ref of this.#refs()) this.#line.hold(ref);
    this.#line.open();
  }

  /** The server that gave the tasks. */
  get url(): string {
    return this.#options.url;
  }

  /** Use another token from now on. */
  authenticate(token: string): void {
    this.#line.authenticate(token);
    if (this.#retry) this.#openAgain();
  }

  async close(): Promise<void> {
    this.#retry?.cancel();
    await this.#line.close("the worker stops");
    this.#ended(this.#waiting.size === 0);
  }

  #refs(): AttemptRef[] {
    return [...this.#waiting.values()].map(({ ref }) => ref);
  }

  #send(): void {
    for (const { frame } of this.#waiting.values()) this.#line.sendEncoded(frame);
  }

  /** The server does not want this worker, or not with this token. What is on disk stays there meanwhile. */
  #refused(error: Error): void {
    const { clock, random, log } = this.#options;
    const ceiling = Math.min(refusedMs.most, refusedMs.first * 2 ** Math.min(this.#refusals++, 16));
    const delayMs = Math.round(ceiling * (0.5 + random() / 2));
    log.error(
      { err: error, delayMs },
      "results of an ended worker are refused; will be tried again",
    );
    this.#retry = clock.schedule(delayMs, () => this.#openAgain());
  }

  #openAgain(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#line.open();
  }

  #delivered({ status, ...ref }: ResultAck): void {
    const leftover = this.#waiting.get(keyOf(ref));
    if (!leftover) return;
    noteUnwanted(this.#options.log, ref, status);
    this.#waiting.delete(keyOf(ref));
    this.#line.letGo(leftover.ref);
    this.#options.onDelivered(leftover);
    if (this.#waiting.size > 0) return;
    void this.#line.close("everything is delivered").then(() => this.#ended(true));
  }
}

/** Say so where a server has no use for a result: its attempt was taken away, or its task is over, perhaps by this result. */
export function noteUnwanted(
  log: Logger,
  { task_id: taskId, attempt }: AttemptRef,
  status: ResultAck["status"],
): void {
  if (status === "applied") return;
  log.info({ taskId, attempt, status }, "a result is not wanted any more; it is dropped");
}
