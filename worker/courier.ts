// Delivers what a worker process left behind that has ended: in its name, because its leases are its own.
import type { Logger } from "pino";
import type { AttemptRef } from "../src/protocol/worker-frames.ts";
import { keyOf } from "./attempt-key.ts";
import type { ConnectionOptions } from "./connection.ts";
import type { Instance, Leftover } from "./outbox-folder.ts";
import { refPages } from "./pages.ts";
import type { Line } from "./uplinks.ts";

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
  #ended!: (isDone: boolean) => void;
  /** Resolves with whether everything has been delivered, when nothing more will be. */
  readonly ended = new Promise<boolean>((resolve) => (this.#ended = resolve));

  constructor(options: CourierOptions) {
    this.#options = options;
    const { instance, log, leftovers } = options;
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
      onWelcome: () => this.#send(),
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
      onRefused: (error) => {
        log.error({ err: error }, "results of an ended worker are not wanted; they stay on disk");
        this.#ended(false);
      },
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
  }

  async close(): Promise<void> {
    await this.#line.close("the worker stops");
    this.#ended(this.#waiting.size === 0);
  }

  #refs(): AttemptRef[] {
    return [...this.#waiting.values()].map(({ ref }) => ref);
  }

  #send(): void {
    for (const { frame } of this.#waiting.values()) this.#line.sendEncoded(frame);
  }

  #delivered(ref: AttemptRef): void {
    const leftover = this.#waiting.get(keyOf(ref));
    if (!leftover) return;
    this.#waiting.delete(keyOf(ref));
    this.#line.letGo(leftover.ref);
    this.#options.onDelivered(leftover);
    if (this.#waiting.size > 0) return;
    void this.#line.close("everything is delivered").then(() => this.#ended(true));
  }
}
