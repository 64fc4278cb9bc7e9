// A task handler's logger whose lines also go to those who watch the job: as many as the rate allows, and it says how many did not.
import { format } from "node:util";
import type { Logger } from "pino";
import type { Clock } from "../src/clock.ts";
import { LogRate, logRate } from "../src/protocol/log-rate.ts";
import type { AttemptRef, Log } from "../src/protocol/worker-frames.ts";
import { toSendable } from "./sendable.ts";

const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
type Level = (typeof levels)[number];
/** Levels that watchers know. */
const shown = { trace: "debug", debug: "debug", fatal: "error" } as const;
const messageCharsMax = 4096;
const fieldsCharsMax = 8_192;

export interface LogRelayOptions {
  readonly ref: AttemptRef;
  readonly clock: Clock;
  /** Whether anybody is to be told. */
  readonly isOpen: () => boolean;
  readonly send: (frame: string) => void;
}

export class LogRelay {
  readonly #options: LogRelayOptions;
  readonly #rate: LogRate;
  #dropped = 0;

  constructor(options: LogRelayOptions) {
    this.#options = options;
    this.#rate = new LogRate(logRate.perSecond, logRate.burst, options.clock.monotonic());
  }

  /**
   * The logger, with this in addition. Lines from `info` on go out whatever the level of the logger; lines below it where it
   * takes them itself.
   */
  around(log: Logger): Logger {
    const relayed = Object.create(log) as Logger;
    for (const level of levels)
      relayed[level] = (...args: readonly unknown[]) => {
        (log[level] as (...all: readonly unknown[]) => void)(...args);
        const isLow = level === "trace" || level === "debug";
        if (!isLow || log.isLevelEnabled(level)) this.#relay(level, args);
      };
    const child = (...args: Parameters<Logger["child"]>): Logger =>
      this.around(log.child(...args) as unknown as Logger);
    relayed.child = child as unknown as Logger["child"];
    return relayed;
  }

  #relay(level: Level, args: readonly unknown[]): void {
    const { ref, clock, isOpen, send } = this.#options;
    if (!isOpen()) return;
    if (!this.#rate.takes(clock.monotonic())) {
      this.#dropped++;
      return;
    }
    const line: Log = {
      type: "log",
      ...ref,
      level: level in shown ? shown[level as keyof typeof shown] : (level as Log["level"]),
      message: messageOf(args).slice(0, messageCharsMax),
      at: new Date(clock.now()).toISOString(),
      dropped: this.#dropped,
    };
    this.#dropped = 0;
    const fields = fieldsOf(args[0]);
    const { json } = fields ? toSendable({ ...line, fields }) : {};
    send(json !== undefined && json.length <= fieldsCharsMax ? json : JSON.stringify(line));
  }
}

/** The text of a line, as pino would write it. */
function messageOf(args: readonly unknown[]): string {
  const [first, ...rest] = args;
  if (typeof first !== "object" || first === null) return format(...args);
  if (rest.length > 0) return format(...rest);
  const { message, msg, err } = first as { message?: unknown; msg?: unknown; err?: unknown };
  if (first instanceof Error) return String(message);
  if (typeof msg === "string") return msg;
  return err instanceof Error ? err.message : "";
}

function fieldsOf(first: unknown): Record<string, unknown> | undefined {
  if (typeof first !== "object" || first === null) return undefined;
  const fields = first instanceof Error ? { err: first } : { ...first };
  const { err } = fields as { err?: unknown };
  return err instanceof Error
    ? { ...fields, err: { type: err.name, message: err.message, stack: err.stack } }
    : (fields as Record<string, unknown>);
}
